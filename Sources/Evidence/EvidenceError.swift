public import Diagnostics

/// What is wrong with a journal, a key or a signed file.
public struct EvidenceError: Fault, Hashable {
    public let code: String
    public let message: String
    public let hint: String

    static func unreadable(_ path: String, _ reason: String) -> EvidenceError {
        EvidenceError(
            code: "evidence_unreadable", message: "cannot read \(path): \(reason)",
            hint: "Give a report, a recovery journal or a journal export, with its .sig file beside it if it has one.")
    }
}
