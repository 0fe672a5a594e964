import Foundation
import Testing

@testable import Fraud

@Suite struct RuleFileTests {
    private let columns = ["amount", "count", "probability", "oddity"]

    private func holds(_ condition: String, _ row: [Double]) throws -> Bool {
        try ExpressionParser.parse(
            condition, columns: Dictionary(uniqueKeysWithValues: columns.enumerated().map { ($1, $0) })
        )
        .holds(row)
    }

    @Test(
        "conditions mean what arithmetic means",
        arguments: [
            ("amount > 10 and count < 3", true), ("amount > 10 and not count < 3", false),
            ("amount / count == 10 or oddity > 1", true), ("amount - 2 * count == 16", true),
            ("(amount - 2) * count == 36", true), ("-amount < 0", true), ("amount", true), ("oddity > 0", false),
            ("not oddity > 0", true), ("oddity != 1", false), ("amount == 20 and (count == 1 or count == 2)", true),
        ])
    func conditions(condition: String, expected: Bool) throws {
        #expect(try holds(condition, [20, 2, 0.5, .nan]) == expected)
    }

    @Test(
        "a condition that is none is refused",
        arguments: [
            "", "amount >", "(amount > 1", "amount > 1)", "amount > nothing", "amount ; 1", "and", "amount 1",
            String(repeating: "(", count: 500), String(repeating: "not ", count: 400) + "amount",
            String(repeating: "1+", count: 1_500) + "1", String(repeating: "-", count: 300) + "1",
        ])
    func refused(condition: String) {
        #expect(throws: FraudError.self) { _ = try holds(condition, [1, 1, 1, 1]) }
    }

    @Test("a file's payments are judged by rules too: the names of those that were met stand beside the verdict")
    func fileOpinion() throws {
        let book = try Rulebook.parse(
            """
            rules:
              - { name: big, when: amount >= 100, then: review, fr: "gros", en: "big" }
              - { name: seen, when: count >= 1, then: block, shadow: true, fr: "vu", en: "seen" }
            """, columns: ["amount", "count", "probability", "oddity"])
        let bench = Bench(rules: book)
        let big = bench.opinion([150, 2], probability: .nan, minor: 15_000)
        #expect(big.verdict == .review && big.rules == ["big"])
        let small = bench.opinion([15, 2], probability: .nan, minor: 1_500)
        #expect(small.verdict == .allow && small.rules.isEmpty)
    }

    @Test("the shipped rules pass the tests that stand beside them, and each rule has both kinds")
    func shippedRules() throws {
        let plan = try FeaturePlan(Handbook.definition(), set: "own")
        let path = try Rulebook.shippedPath()
        let book = try Rulebook.read(path: path, plan: plan)
        #expect(book.rules.count >= 4)
        #expect(
            try RuleTests.run(path: path.replacingOccurrences(of: "rules.yml", with: "rules.tests.yml"), book) == [])
        let none = try RuleTests.run("tests: []", book)
        #expect(none.count == 2 * book.rules.count)
    }

    @Test("the first kind of rule that is met decides, and shadow rules decide nothing")
    func order() throws {
        func book(_ verdicts: [(String, Bool)]) throws -> Rulebook {
            let rules = verdicts.enumerated().map {
                "  - { name: r\($0), when: amount > 0, then: \($1.0), shadow: \($1.1), fr: f, en: e }"
            }
            return try Rulebook.parse("rules:\n" + rules.joined(separator: "\n"), columns: columns)
        }
        let row: [Float] = [1, 1]
        #expect(try book([("block", false), ("allow", false)]).hits(row, probability: 0, oddity: 0).verdict == .allow)
        #expect(try book([("review", false), ("block", false)]).hits(row, probability: 0, oddity: 0).verdict == .block)
        let shadow = try book([("block", true)]).hits(row, probability: 0, oddity: 0)
        #expect(shadow.verdict == nil && shadow.shadow == ["r0"])
    }

    @Test("a backtest counts hits, frauds and money", .enabled(if: Handbook.isThere))
    func backtest() throws {
        let trained = try Handbook.trained.get()
        let book = try Rulebook.parse(
            "rules: [{ name: big, when: amount > 220, then: block, fr: f, en: e }]",
            columns: Rulebook.names(trained.plan))
        let result = try #require(
            Backtest.run(book, trained.table, trained.features, rows: trained.unseen).first)
        let hits = trained.unseen.filter { trained.table.minor[$0] > 22_000 }
        #expect(result.hits == hits.count && result.hits > 0)
        #expect(result.frauds == hits.count { trained.table.isFraud[$0] })
        #expect(result.fraudMinor + result.genuineMinor == hits.reduce(0) { $0 + trained.table.minor[$1] })
        #expect(result.precision > 0.9)
    }
}
