internal import Fraud
internal import Web

/// `POST /predict`: what the model in service says of columns that somebody else made. Reads and keeps nothing: for other
/// systems' payments, for tests of a model, for "what if" questions of analysts.
extension FraudRoutes {
    static let reasonsMax: Int64 = 20

    func predict(_ call: FraudCall) throws -> String {
        guard let champion = desk.current.champion else {
            throw FraudRefusal.Refusal(
                status: 404, code: "fraud_model_unknown", message: "no model is in service",
                hint: "Train one and promote it: digitalbank fraud train, digitalbank fraud models promote.")
        }
        guard let list = call.body.array else { return try prediction(call.body, champion).text }
        guard (1...Self.batchMax).contains(list.count) else {
            throw FraudRefusal.invalid("a batch has 1 to \(Self.batchMax) rows")
        }
        return JSON.array(try list.map { try prediction($0, champion) }).text
    }

    private func prediction(_ json: JSON, _ champion: (id: Int64, scorer: Scorer)) throws -> JSON {
        guard let members = json["columns"]?.members,
            json.members?.allSatisfy({ $0.name == "columns" || $0.name == "reasons" }) == true
        else { throw FraudRefusal.invalid("a row has columns, and may ask for a number of reasons") }
        var row = [Float](repeating: .nan, count: columnPlaces.count)
        for member in members {
            guard let place = columnPlaces[member.name] else {
                throw FraudRefusal.invalid("the model knows no column \(member.name)")
            }
            switch member.value {
            case .null: continue
            case .number(let text):
                guard let value = Float(text), value.isFinite else {
                    throw FraudRefusal.invalid("\(member.name) is out of range")
                }
                row[place] = value
            default: throw FraudRefusal.invalid("\(member.name) is not a number")
            }
        }
        let probability = champion.scorer.probability(row)
        var answer: [JSON.Member] = [
            .init("model", .integer(champion.id)),
            .init("probability", probability.isFinite ? .number("\(probability)") : .null),
        ]
        if let asked = json["reasons"] {
            guard let count = asked.integer, (1...Self.reasonsMax).contains(count) else {
                throw FraudRefusal.invalid("reasons is a number from 1 to \(Self.reasonsMax)")
            }
            answer.append(.init("reasons", DecisionJSON.reasons(champion.scorer.reasons(row, count: Int(count)))))
        }
        return .object(answer)
    }
}
