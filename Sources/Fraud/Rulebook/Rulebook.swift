internal import Cryptography
internal import Diagnostics
internal import Foundation
internal import Yams

/// One rule of `rules.yml`.
public struct FraudRule: Sendable, Hashable {
    public let name: String
    public let verdict: Verdict
    /// Its hits are noted and change nothing.
    public let isShadow: Bool
    public let french: String
    public let english: String
    let condition: Expression
}

/// The rules in force, read from a file together with the tests that stand beside it.
public struct Rulebook: Sendable {
    public static let rulesMax = 500

    public let rules: [FraudRule]
    /// SHA-256 of the file: the version that a decision was made by.
    public let version: String
    /// What a condition may name: the plan's columns, the probability and the oddity of the payment.
    public let columns: [String]

    public static let empty = Rulebook(rules: [], version: "none", columns: [])

    private init(rules: [FraudRule], version: String, columns: [String]) {
        self.rules = rules
        self.version = version
        self.columns = columns
    }

    private struct File: Decodable {
        struct RuleFile: Decodable {
            let name: String
            let when: String
            let then: String
            let shadow: Bool?
            let fr: String
            let en: String
        }
        let rules: [RuleFile]
    }

    public static func shippedPath() throws -> String {
        try ResourceFolder.find(target: "Fraud", name: "Rules") + "/rules.yml"
    }

    public static func names(_ plan: FeaturePlan) -> [String] { plan.names + ["probability", "oddity"] }

    public static func read(path: String, plan: FeaturePlan) throws(FraudError) -> Rulebook {
        guard let data = FileManager.default.contents(atPath: path) else {
            throw FraudError.rule("there is no file \(path)")
        }
        return try parse(String(decoding: data, as: UTF8.self), columns: names(plan))
    }

    public static func parse(_ text: String, columns: [String]) throws(FraudError) -> Rulebook {
        let file: File
        do {
            file = try YAMLDecoder().decode(File.self, from: text)
        } catch {
            throw FraudError.rule("\(error)")
        }
        guard file.rules.count <= rulesMax else { throw FraudError.rule("over \(rulesMax) rules") }
        let places = Dictionary(columns.enumerated().map { ($1, $0) }) { first, _ in first }
        var rules: [FraudRule] = []
        for rule in file.rules {
            guard let verdict = Verdict(rawValue: rule.then) else {
                throw FraudError.rule("\(rule.name) ends in \(rule.then): allow, step-up, review or block")
            }
            guard !rules.contains(where: { $0.name == rule.name }) else {
                throw FraudError.rule("two rules are named \(rule.name)")
            }
            rules.append(
                FraudRule(
                    name: rule.name, verdict: verdict, isShadow: rule.shadow ?? false, french: rule.fr,
                    english: rule.en, condition: try ExpressionParser.parse(rule.when, columns: places)))
        }
        return Rulebook(rules: rules, version: SHA256.hash(Array(text.utf8)).hex, columns: columns)
    }

    /// Which rules a payment meets.
    public struct Hits: Sendable, Hashable {
        public var active: [String] = []
        public var shadow: [String] = []
        /// Of the active rules: step-up first, then allow, block, review; the first kind that is met decides.
        public var verdict: Verdict?
    }

    private static let order: [Verdict] = [.stepUp, .allow, .block, .review]

    public func hits(_ row: [Float], probability: Float, oddity: Float) -> Hits {
        var hits = Hits()
        guard !rules.isEmpty else { return hits }
        let values = row.map(Double.init) + [Double(probability), Double(oddity)]
        guard values.count == columns.count else { return hits }
        var met: Set<Verdict> = []
        for rule in rules where rule.condition.holds(values) {
            if rule.isShadow {
                hits.shadow.append(rule.name)
            } else {
                hits.active.append(rule.name)
                met.insert(rule.verdict)
            }
        }
        hits.verdict = Self.order.first(where: met.contains)
        return hits
    }
}
