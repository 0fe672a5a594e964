internal import Foundation
internal import Yams

/// The examples in `rules.tests.yml`: for each rule payments that it must meet and payments that it must not.
public enum RuleTests {
    public struct Failure: Sendable, Hashable {
        public let rule: String
        public let words: String
    }

    private struct File: Decodable {
        struct Example: Decodable {
            let rule: String
            let meets: Bool
            let payment: [String: Double]
        }
        let tests: [Example]
    }

    public static func run(path: String, _ book: Rulebook) throws(FraudError) -> [Failure] {
        guard let data = FileManager.default.contents(atPath: path) else {
            throw FraudError.rule("the tests of the rules are not at \(path)")
        }
        return try run(String(decoding: data, as: UTF8.self), book)
    }

    /// Every rule needs one example of each kind.
    public static func run(_ text: String, _ book: Rulebook) throws(FraudError) -> [Failure] {
        let file: File
        do {
            file = try YAMLDecoder().decode(File.self, from: text)
        } catch {
            throw FraudError.rule("the tests can not be read: \(error)")
        }
        var failures: [Failure] = []
        var seen: Set<String> = []
        for (number, example) in file.tests.enumerated() {
            guard let rule = book.rules.first(where: { $0.name == example.rule }) else {
                failures.append(Failure(rule: example.rule, words: "test \(number + 1) is of a rule that is not there"))
                continue
            }
            if let unknown = example.payment.keys.sorted().first(where: { !book.columns.contains($0) }) {
                failures.append(
                    Failure(rule: rule.name, words: "test \(number + 1) gives the unknown column \(unknown)"))
                continue
            }
            seen.insert("\(rule.name) \(example.meets)")
            let values = book.columns.map { example.payment[$0] ?? .nan }
            if rule.condition.holds(values) != example.meets {
                failures.append(
                    Failure(rule: rule.name, words: "test \(number + 1) should \(example.meets ? "" : "not ")be met"))
            }
        }
        for rule in book.rules {
            for meets in [true, false] where !seen.contains("\(rule.name) \(meets)") {
                failures.append(
                    Failure(rule: rule.name, words: "has no payment that it \(meets ? "meets" : "lets pass")"))
            }
        }
        return failures
    }
}
