public import Foundation

/// What a drill means for the set that it restored.
public enum DrillOutcome: String, Sendable, Codable {
    /// It brings back what was backed up.
    case proved
    /// Something kept the drill from saying so that is no fault of the set's: the bank's own state, log that is missing, the machine.
    case unproved
    /// It does not.
    case refuted

    var words: String {
        switch self {
        case .proved: "proved"
        case .unproved: "neither proved nor damaged"
        case .refuted: "DAMAGED"
        }
    }

    /// - Parameter checks: after it was asked what of it is wrong in the living bank too.
    static func of(_ checks: [DrillCheck]) -> DrillOutcome {
        let failed = Set(checks.filter { !$0.passed }.map(\.concern))
        if failed.contains(.restore) { return .refuted }
        return failed.isSubset(of: [.structure]) ? .proved : .unproved
    }
}

/// What a drill did and found: written as JSON and HTML, signed, kept in the database too.
public struct DrillReport: Sendable, Codable {
    public let id: UUID
    public let scenario: String
    /// Seconds since 1970.
    public let startedAt: Int64
    public var endedAt: Int64
    public var label: String
    public var repository: Int
    public let target: String
    public var passed: Bool
    /// What the drill says of the set, which is not all that it says of the bank.
    public var outcome: DrillOutcome
    public var restoreSeconds: Double
    public var recoverySeconds: Double
    public var checkSeconds: Double
    /// What would have been lost, in seconds; nil when there was no bank to compare with.
    public var rpoSeconds: Double?
    /// The commit time of the last transaction that was restored.
    public var lastMoment: String?
    public var replayed: String
    public var checks: [DrillCheck]
    public var notes: [String]
    /// The report's file.
    public var file: String

    /// From the order to a bank that is checked.
    public var rtoSeconds: Double { restoreSeconds + recoverySeconds + checkSeconds }

    func checksJSON() throws -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return String(decoding: try encoder.encode(checks), as: UTF8.self)
    }

    func json() throws -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        return String(decoding: try encoder.encode(self), as: UTF8.self) + "\n"
    }

    /// For the terminal.
    public func lines() -> [String] {
        var lines = [
            "drill        \(scenario): \(passed ? "PASSED" : "FAILED")",
            "set          \(label) in repository \(repository), to \(target): \(outcome.words)",
            "RTO          \(Self.seconds(rtoSeconds)) (restore \(Self.seconds(restoreSeconds)), replay "
                + "\(Self.seconds(recoverySeconds)), checks \(Self.seconds(checkSeconds)))",
            "RPO          \(rpoSeconds.map(Self.seconds) ?? "unknown: the bank was not there to compare with")",
            "last moment  \(lastMoment ?? "none"), log position \(replayed)",
        ]
        lines += checks.map { "\($0.passed ? "ok   " : "FAIL ")\($0.name): \($0.detail)" }
        lines += notes.map { "note  \($0)" }
        return lines + ["report       \(file)"]
    }

    static func seconds(_ value: Double) -> String {
        let hundredths = Int((value * 100).rounded())
        return "\(hundredths / 100).\(hundredths % 100 < 10 ? "0" : "")\(hundredths % 100) s"
    }
}
