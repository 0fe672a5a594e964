import Foundation
import Testing

@testable import Fraud

/// Operations of a real bank without any label: the Czech bank of 1993.
@Suite struct BerkaTests {
    private static let path = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent().appending(path: "shared/data/berka/berka.sql.gz").path
    static let isThere = FileManager.default.fileExists(atPath: path)

    /// Money that left an account; whom it went to is the other bank's account, or what it was for.
    private static func payments() throws -> TransactionTable {
        var drafts: [(time: Int64, id: Int64, account: Int64, payee: Int64, minor: Int64)] = []
        var columns: [String] = []
        try LineFile.read(path: path, lineMax: 1 << 20) { (line, _) throws(FraudError) in
            let text = String(decoding: line, as: UTF8.self)
            if text.hasPrefix("COPY "), text.contains(".trans ") {
                let names = text.drop { $0 != "(" }.dropFirst().prefix { $0 != ")" }
                columns = names.split(separator: ",").map { $0.filter { $0 != " " && $0 != "\"" } }
            } else if text == "\\." {
                columns = []
            } else if !columns.isEmpty {
                let fields = text.split(separator: "\t", omittingEmptySubsequences: false).map(String.init)
                func field(_ name: String) -> String { columns.firstIndex(of: name).map { fields[$0] } ?? "" }
                guard field("type") != "PRIJEM", let id = Int64(field("trans_id")),
                    let account = Int64(field("account_id")), let date = Int(field("date")),
                    let amount = Double(field("amount")), amount > 0
                else { return }
                let day = CivilTime.days(1900 + date / 10_000, date / 100 % 100, date % 100)
                let payee = "\(field("bank")) \(field("account")) \(field("operation")) \(field("k_symbol"))"
                drafts.append(
                    (
                        Int64(day) * Span.day, id, account, PaymentRequest.number(of: payee),
                        Int64((amount * 100).rounded())
                    ))
            }
        }
        var table = TransactionTable()
        for draft in drafts.sorted(by: { ($0.time, $0.id) < ($1.time, $1.id) }) {
            table.append(
                id: draft.id, time: draft.time, customer: draft.account, terminal: draft.payee, minor: draft.minor)
        }
        return table
    }

    @Test(
        "the forest ranks a real bank's payments without labels, and says why the first ones are odd",
        .enabled(if: isThere))
    func oddest() throws {
        let table = try Self.payments()
        #expect(table.count > 10_000, "\(table.count)")
        let plan = try FeaturePlan(Handbook.definition(), set: "own")
        let first = table.day(0)
        let held = table.rows(from: first + 60, to: table.day(table.count - 1) + 1)
        let features = try FeatureTable(plan, over: table, held: held)
        let rows = Array(held)
        let minors = rows.map { table.minor[$0] }
        let model = try OddityTrainer().train(
            features.picking(rows), minors: minors, plan: plan, from: first + 60, to: table.day(table.count - 1) + 1)
        let scorer = try Scorer(model, plan: plan)
        let oddities = scorer.rawProbabilities(features.picking(rows))
        #expect(oddities.allSatisfy { (0...1).contains($0) })
        let proofs = zip(scorer.probabilities(features.picking(rows)), minors).count {
            scorer.model.policy.verdict($0, minor: $1) == .stepUp
        }
        #expect((1...(rows.count / 200 + 1)).contains(proofs), "\(proofs) of \(rows.count)")
        let order = oddities.indices.sorted { (oddities[$0], $1) > (oddities[$1], $0) }
        let odd = order.prefix(100).map { Double(minors[$0]) }.reduce(0, +) / 100
        let usual = minors.reduce(0.0) { $0 + Double($1) } / Double(minors.count)
        #expect(odd > usual, "\(odd) \(usual)")
        for index in order.prefix(20) {
            let reasons = scorer.reasons(Array(features.picking([rows[index]]).values))
            #expect(!reasons.isEmpty)
        }
    }
}
