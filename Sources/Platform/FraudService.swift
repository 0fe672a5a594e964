internal import Cryptography
internal import Evidence
internal import Foundation
internal import Fraud
internal import Migrations
internal import Postgres
internal import Web

/// The fraud model's life from the command line.
public enum FraudService {
    /// Trains on a folder of transactions and writes a signed model; with `add` it goes into the bank's registry too.
    public static func train(
        folder: String, trainDays: Int, until: String?, seed: Int, output: String, dataDirectory: String
    ) async throws -> [String] {
        let table = try HandbookReader.read(folder: folder)
        let (features, days) = try history(table, trainDays: trainDays, until: until)
        var trainer = ModelTrainer()
        trainer.parameters.seed = seed
        let model = try trainer.train(table, features: features, days: days)
        let data = DataDirectory(dataDirectory)
        try data.prepare()
        let key = try SigningKey.open(path: data.evidenceKey)
        let bytes = try ModelFile.sign(model, with: key.key)
        try Data(bytes).write(to: URL(filePath: output), options: .atomic)
        return [
            "model        \(output)", "sha256       \(SHA256.hash(bytes).hex)",
            "signed by    \(key.publicKey.fingerprint)",
            "data         \(model.origin.dataFingerprint)",
            "rows         \(model.origin.rows), \(model.origin.frauds) frauds, \(model.origin.rounds) trees",
            String(
                format: "validation   AUC %.4f, AP %.4f, recall at precision 0.99 %.4f, Brier %.5f",
                model.figures.auc, model.figures.averagePrecision, model.figures.recallAtPrecision99,
                model.figures.brier),
        ]
    }

    private static func history(
        _ table: TransactionTable, trainDays: Int, until: String?
    ) throws -> (FeatureTable, Range<Int>) {
        guard table.count > 0 else {
            throw FraudProblem.make(
                "fraud_data_unreadable", "there are no transactions", "Give a folder that has some.")
        }
        let plan = try FeaturePlan(.shipped(), set: "bank")
        let end = try until.map { try HandbookProtocol.day($0) } ?? (table.day(table.count - 1) + 1)
        let days = (end - trainDays)..<end
        let held = table.rows(from: days.lowerBound, to: days.upperBound)
        return (try FeatureTable(plan, over: table, held: held), days)
    }

    /// Every payment of a file, or of a folder in the handbook's form, with its score, the verdict of model and rules, and the
    /// rules that were met, as JSON lines or as CSV with a header; in the order of the file. The columns come from the file's own earlier payments.
    public static func score(
        path: String, model: String, asCSV: Bool, dataDirectory: String, line: (String) -> Void
    ) throws {
        let scorer = try open(model, dataDirectory)
        var isFolder: ObjCBool = false
        guard FileManager.default.fileExists(atPath: path, isDirectory: &isFolder) else {
            throw FraudProblem.make(
                "fraud_data_unreadable", "there is nothing at \(path)", "Give a file of payments: CSV or JSON lines.")
        }
        let table: TransactionTable
        var rows: [Int]?
        if isFolder.boolValue {
            table = try HandbookReader.read(folder: path)
        } else {
            let payments = try PaymentFileReader.read(path: path)
            table = payments.table
            rows = payments.rows
        }
        let features = try FeatureTable(scorer.plan, over: table, held: 0..<table.count)
        let bench = Bench(
            champion: (0, scorer), rules: try Rulebook.read(path: Rulebook.shippedPath(), plan: scorer.plan))
        if asCSV { line("transaction,probability,verdict,rules") }
        for start in stride(from: 0, to: table.count, by: 10_000) {
            let places = start..<min(start + 10_000, table.count)
            let part = rows.map { rows in places.map { rows[$0] } } ?? Array(places)
            let matrix = features.picking(part)
            for (index, probability) in scorer.probabilities(matrix).enumerated() {
                let row = part[index]
                let opinion = bench.opinion(
                    Array(matrix.row(index)), probability: probability, minor: table.minor[row])
                let (id, verdict) = (table.id[row], opinion.verdict.rawValue)
                let rules = opinion.rules.joined(separator: " ").replacingOccurrences(of: "\"", with: "\"\"")
                let list = JSON.array(opinion.rules.map { .string($0) }).text
                line(
                    asCSV
                        ? "\(id),\(probability),\(verdict),\"\(rules)\""
                        : "{\"transaction\":\(id),\"probability\":\(probability),\"verdict\":\"\(verdict)\",\"rules\":\(list)}"
                )
            }
        }
    }

    /// Why one transaction of a folder scores as it does.
    public static func explain(
        folder: String, model path: String, transaction: Int64, dataDirectory: String
    ) throws -> [String] {
        let scorer = try open(path, dataDirectory)
        let table = try HandbookReader.read(folder: folder)
        guard let row = table.id.firstIndex(of: transaction) else {
            throw FraudProblem.make(
                "fraud_payment_unknown", "there is no transaction \(transaction) in \(folder)", "Check its number.")
        }
        let features = try FeatureTable(scorer.plan, over: table, held: row..<(row + 1))
        let values = Array(features.picking([row]).values)
        var lines = [
            "probability  \(scorer.probability(values))",
            "verdict      \(scorer.model.policy.verdict(scorer.probability(values), minor: table.minor[row]).rawValue)",
        ]
        for reason in scorer.reasons(values, count: 10) {
            lines.append(String(format: "%+.3f  ", reason.contribution) + reason.french + " / " + reason.english)
        }
        return lines
    }

    private static func open(_ path: String, _ dataDirectory: String) throws -> Scorer {
        guard let bytes = FileManager.default.contents(atPath: path) else {
            throw FraudProblem.make(
                "fraud_model_not_found", "there is no model at \(path)", "Make one with: digitalbank fraud train")
        }
        let key = try SigningKey.open(path: DataDirectory(dataDirectory).evidenceKey)
        return try ModelFile.open(
            Array(bytes), trusted: [key.publicKey], plan: FeaturePlan(.shipped(), set: "bank"))
    }

    /// Tries the rules' own examples.
    public static func testRules(path: String?) throws -> (lines: [String], isClean: Bool) {
        let path = try path ?? Rulebook.shippedPath()
        let book = try Rulebook.read(path: path, plan: FeaturePlan(.shipped(), set: "bank"))
        let failures = try RuleTests.run(path: String(path.dropLast(".yml".count)) + ".tests.yml", book)
        var lines = failures.map { "\($0.rule): \($0.words)" }
        lines.append(
            failures.isEmpty ? "\(book.rules.count) rules pass their tests" : "\(failures.count) tests fail")
        return (lines, failures.isEmpty)
    }

    /// What each rule would have done over the last days of a folder.
    public static func backtest(folder: String, rules path: String?, days: Int, until: String?) throws -> [String] {
        let table = try HandbookReader.read(folder: folder)
        let (features, range) = try history(table, trainDays: days, until: until)
        let book = try Rulebook.read(path: path ?? Rulebook.shippedPath(), plan: features.plan)
        let rows = table.rows(from: range.lowerBound, to: range.upperBound)
        let results = Backtest.run(book, table, features, rows: rows)
        var lines = ["rule                      hits   frauds  false alarms  precision  fraud EUR  genuine EUR"]
        for result in results {
            lines.append(
                result.rule.padding(toLength: 22, withPad: " ", startingAt: 0)
                    + String(
                        format: "%8d%9d%14d%11.3f%11.0f%13.0f", result.hits, result.frauds, result.falseAlarms,
                        result.precision, Double(result.fraudMinor) / 100, Double(result.genuineMinor) / 100))
        }
        return lines
    }

    // MARK: the registry

    public enum ModelWork: Sendable {
        case list
        case add(String)
        case challenge(Int64)
        case promote(Int64)
        case rollback
    }

    public static func models(_ work: ModelWork, dataDirectory: String) async throws -> [String] {
        let data = DataDirectory(dataDirectory)
        return try await BankDatabase.with(data) { database in
            let desk = try await FraudDeskService.open(database, data: data).desk
            let registry = desk.registry
            let actor = "command line"
            switch work {
            case .list: break
            case .add(let path):
                guard let bytes = FileManager.default.contents(atPath: path) else {
                    throw FraudProblem.make(
                        "fraud_model_not_found", "there is no model at \(path)",
                        "Make one with: digitalbank fraud train")
                }
                return ["model        \(try await registry.add(Array(bytes), actor: actor))"]
            case .challenge(let id): try await registry.challenge(id, actor: actor)
            case .promote(let id): try await registry.promote(id, actor: actor)
            case .rollback: try await registry.rollback(actor: actor)
            }
            return try await registry.list().map {
                "\($0.id)  \($0.status.padding(toLength: 10, withPad: " ", startingAt: 0))  \($0.createdAt)  "
                    + "\($0.fingerprint.prefix(16))  \($0.figures)"
            }
        }
    }

    /// Recomputes every state of features from the decisions: what differs is named.
    public static func audit(dataDirectory: String) async throws -> (lines: [String], isClean: Bool) {
        let data = DataDirectory(dataDirectory)
        return try await BankDatabase.with(data) { database in
            let differing = try await FraudDeskService.open(database, data: data).desk.audit()
            return differing.isEmpty
                ? (["the features are those that the decisions give"], true) : (Array(differing.prefix(50)), false)
        }
    }
}
