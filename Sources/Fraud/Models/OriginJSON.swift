internal import Web

extension ModelJSON {
    static func origin(_ origin: TrainedModel.Origin) -> JSON {
        let parameters = origin.parameters
        return [
            "data": .string(origin.dataFingerprint), "rounds": .integer(origin.rounds), "rows": .integer(origin.rows),
            "frauds": .integer(origin.frauds), "from": .string(CivilTime.text(day: origin.from)),
            "to": .string(CivilTime.text(day: origin.to)), "library": .string(origin.library),
            "parameters": [
                "rounds_max": .integer(parameters.rounds), "learning_rate": .number("\(parameters.learningRate)"),
                "depth": .integer(parameters.depth), "method": .string(parameters.method.rawValue),
                "bins": .integer(parameters.bins), "seed": .integer(parameters.seed),
                "min_child_weight": .number("\(parameters.minChildWeight)"), "lambda": .number("\(parameters.lambda)"),
                "row_share": .number("\(parameters.rowShare)"), "column_share": .number("\(parameters.columnShare)"),
                "fraud_weight": .number("\(parameters.fraudWeight)"), "patience": .integer(parameters.patience),
                "least_gain": .number("\(parameters.leastGain)"),
            ],
        ]
    }

    static func origin(_ json: JSON) -> TrainedModel.Origin? {
        guard let data = json["data"]?.string, let rounds = json["rounds"]?.integer, let rows = json["rows"]?.integer,
            let frauds = json["frauds"]?.integer, let from = json["from"]?.string.flatMap(CivilTime.day),
            let to = json["to"]?.string.flatMap(CivilTime.day), let library = json["library"]?.string,
            let parameters = json["parameters"].flatMap(parameters)
        else { return nil }
        return TrainedModel.Origin(
            dataFingerprint: data, parameters: parameters, rounds: Int(rounds), rows: Int(rows), frauds: Int(frauds),
            from: from, to: to, library: library)
    }

    private static func parameters(_ json: JSON) -> TrainingParameters? {
        func whole(_ name: String) -> Int? { json[name]?.integer.map { Int($0) } }
        func number(_ name: String) -> Double? {
            if case .number(let text)? = json[name] { Double(text) } else { nil }
        }
        guard let rounds = whole("rounds_max"), let rate = number("learning_rate"), let depth = whole("depth"),
            let method = json["method"]?.string.flatMap(TrainingParameters.Method.init), let bins = whole("bins"),
            let seed = whole("seed"), let weight = number("min_child_weight"), let lambda = number("lambda"),
            let rowShare = number("row_share"), let columnShare = number("column_share"),
            let fraudWeight = number("fraud_weight"), let patience = whole("patience")
        else { return nil }
        return TrainingParameters(
            rounds: rounds, learningRate: rate, depth: depth, method: method, bins: bins, seed: seed,
            minChildWeight: weight, lambda: lambda, rowShare: rowShare, columnShare: columnShare,
            fraudWeight: fraudWeight, patience: patience)
    }
}
