public import Diagnostics

/// What stopped a recovery. `exitStatus` is documented in `docs/reference/exit-codes.md`.
public struct RecoveryError: Fault {
    /// Why the program ends, as the shell sees it.
    public enum ExitStatus: Int32, Sendable, CaseIterable {
        /// Recovered, and something is missing, quarantined or removed: read the report.
        case partial = 3
        /// No row could be recovered.
        case nothing = 4
        /// The input is not what was asked for: missing, empty, a directory that is no dump.
        case badInput = 5
        /// The machine lacks something: PostgreSQL, space, a right, a password that works.
        case environment = 6
        /// The target holds data already.
        case targetNotEmpty = 7
        /// Another recovery works in this directory, or there is none to resume.
        case conflict = 8
    }

    public let code: String
    public let message: String
    public let hint: String
    public let exitStatus: ExitStatus

    public init(code: String, message: String, hint: String, exitStatus: ExitStatus) {
        self.code = code
        self.message = message
        self.hint = hint
        self.exitStatus = exitStatus
    }
}
