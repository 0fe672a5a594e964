public import Diagnostics

/// What is wrong with a journal, a key or a signature file.
public struct EvidenceError: Fault, Hashable {
    public let code: String
    public let message: String
    public let hint: String

    static func unreadable(_ path: String, _ reason: String) -> EvidenceError {
        EvidenceError(
            code: "evidence_unreadable", message: "cannot read \(path): \(reason)",
            hint: "Give a report, a recovery journal or a journal export, with its .sig file beside it if it has one.")
    }

    static func keyUnreadable(_ path: String, _ reason: String) -> EvidenceError {
        EvidenceError(
            code: "signing_key_unreadable", message: "the signing key can not be read from \(path): \(reason)",
            hint: "Restore the file from where it is kept safe; a new key is another signer, and says so.")
    }

    static func headNotPublished(_ path: String, _ reason: String) -> EvidenceError {
        EvidenceError(
            code: "head_not_published", message: "the journal's head can not be appended to \(path): \(reason)",
            hint: "Give the program the right to append to that file, then run: digitalbank evidence seal")
    }

    static func headContradicted(_ path: String, published: Int64, ours: Int64) -> EvidenceError {
        EvidenceError(
            code: "head_contradicted",
            message: published == ours
                ? "\(path) holds another head of block \(ours) than this journal has"
                : "\(path) ends with the head of block \(published), and this journal ends at block \(ours)",
            hint: """
                The database was set back to an earlier time, or its journal was rewritten. If it was set back on \
                purpose, keep that file as evidence and publish into a new one.
                """)
    }

    static func notWritable(_ path: String, _ reason: String) -> EvidenceError {
        EvidenceError(
            code: "export_not_writable", message: "cannot write \(path): \(reason)",
            hint: "Free some space or give another path.")
    }
}
