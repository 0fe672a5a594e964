internal import Foundation
internal import Fraud
internal import Simulator

/// Judges the payments of a simulated bank that is under attack, and says what was stopped, kind by kind.
public enum FraudSimulation {
    /// Days at the end that are judged; the model learns from those before, whose labels are known.
    static let judgedDays = 28

    /// - Parameter columns: the set of columns that the models see; nil: the bank's own desk's.
    public static func run(clients: Int, days: Int, seed: UInt64, columns: String? = nil) throws -> [String] {
        guard days >= judgedDays + 56, days <= 1_000, clients >= 200 else {
            throw FraudProblem.make(
                "fraud_request_invalid", "\(clients) clients over \(days) days can not be judged",
                "Take at least 200 clients and \(judgedDays + 56) days.")
        }
        let bank = try SimulatedPayments(clients: clients, days: days, seed: seed)
        var genuine = TransactionTable()
        for (number, payment) in bank.payments.enumerated() {
            genuine.append(
                id: Int64(number + 1), time: Int64(payment.at) * 1_000_000, customer: Int64(payment.account),
                terminal: PaymentRequest.number(of: payment.payee), minor: Int64(payment.minor),
                isFraud: payment.isForged)
        }
        let table = try SimulatedFraud(genuine: genuine, seed: seed) { bank.payments[$0].isCard }.table
        let plan = try FeaturePlan(.shipped(), set: columns ?? "bank")
        let end = table.day(table.count - 1) + 1
        let split = end - judgedDays
        let delay = Int(plan.labelDelaySeconds / 86_400)
        let features = try FeatureTable(plan, over: table, held: table.rows(from: split - delay - 42, to: end))
        let rows = table.rows(from: split, to: end)
        let rules = try Rulebook.read(path: Rulebook.shippedPath(), plan: plan)
        let days = (split - delay - 35)..<(split - delay)
        let learned = try ModelTrainer().train(table, features: features, days: days)
        let known = table.rows(from: days.lowerBound, to: days.upperBound)
        let odd = try OddityTrainer().train(
            features.picking(known), minors: known.map { table.minor[$0] }, plan: plan, from: days.lowerBound,
            to: days.upperBound)
        let trained = StoppedFraud(
            table, features, rows: rows, bench: Bench(champion: (1, try Scorer.trusted(learned, plan)), rules: rules))
        let forest = StoppedFraud(
            table, features, rows: rows, bench: Bench(champion: (2, try Scorer.trusted(odd, plan)), rules: rules))
        return lines(trained, forest, learned.figures.averagePrecision)
    }

    private static func lines(_ trained: StoppedFraud, _ forest: StoppedFraud, _ precision: Double) -> [String] {
        var lines = [
            "genre                                paiements    valeur EUR   arrêtée   sans étiquettes"
        ]
        for (line, other) in zip(trained.lines, forest.lines) {
            lines.append(
                line.kind.names.french.padding(toLength: 34, withPad: " ", startingAt: 0)
                    + String(
                        format: "%12d%14.0f%9.1f %%%16.1f %%", line.payments, Double(line.minor) / 100,
                        line.stoppedValue * 100, other.stoppedValue * 100))
        }
        lines.append(
            String(
                format: "valeur arrêtée en tout : %.1f %% ; sans étiquettes %.1f %%", trained.valueStopped * 100,
                forest.valueStopped * 100))
        lines.append(
            String(
                format: "paiements honnêtes : %d ; gênés sur 1000 : %.2f (dont retenus %.2f) ; sans étiquettes %.2f",
                trained.genuine, trained.falsePerMille, trained.heldPerMille, forest.falsePerMille))
        lines.append(String(format: "précision moyenne à la validation : %.3f", precision))
        return lines
    }
}
