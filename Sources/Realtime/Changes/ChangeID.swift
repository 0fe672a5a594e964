public import Postgres

/// Names one change for good: where its transaction was committed, and its place in there. Rises from change to change.
public struct ChangeID: Sendable, Hashable, Comparable, CustomStringConvertible {
    public let commit: LogPosition
    /// From 1.
    public let sequence: UInt32

    public init(commit: LogPosition, sequence: UInt32) {
        self.commit = commit
        self.sequence = sequence
    }

    /// `16/B374D848/3`.
    public init?(_ text: String) {
        guard text.utf8.count <= 28, let slash = text.lastIndex(of: "/"),
            let commit = LogPosition(text[..<slash])
        else { return nil }
        let digits = text[text.index(after: slash)...]
        guard digits.utf8.allSatisfy({ (48...57).contains($0) }), let sequence = UInt32(digits) else { return nil }
        self.init(commit: commit, sequence: sequence)
    }

    public var description: String { "\(commit)/\(sequence)" }

    public static func < (left: ChangeID, right: ChangeID) -> Bool {
        (left.commit.rawValue, left.sequence) < (right.commit.rawValue, right.sequence)
    }
}
