public import Diagnostics

/// Why a backup, a restore or a drill did not come about.
public struct ContinuityError: Fault, Hashable {
    /// What a shell sees.
    public enum ExitStatus: Int32, Sendable {
        /// It ran, and what it looked at is not sound.
        case unsound = 3
        case badInput = 5
        case environment = 6
        case conflict = 8
    }

    public let code: String
    public let message: String
    public let hint: String
    public let exitStatus: ExitStatus

    init(code: String, message: String, hint: String, exitStatus: ExitStatus) {
        self.code = code
        self.message = message
        self.hint = hint
        self.exitStatus = exitStatus
    }

    static func notPrepared(_ path: String) -> ContinuityError {
        ContinuityError(
            code: "backup_not_prepared", message: "there are no backups in \(path)",
            hint: "Prepare them with: digitalbank backup init", exitStatus: .conflict)
    }

    static func program(_ command: String, _ status: Int32, _ words: String) -> ContinuityError {
        ContinuityError(
            code: "backup_failed", message: "pgbackrest \(command) ended with status \(status): \(words)",
            hint: "The sets before are untouched: digitalbank backup list. Mend what it names, then try again.",
            exitStatus: .environment)
    }

    static func crashed(_ command: String, signal: Int32) -> ContinuityError {
        ContinuityError(
            code: "backup_crashed", message: "pgbackrest \(command) died of signal \(signal)",
            hint: "Many damaged pages do that: look at the data directory with: digitalbank backup pages",
            exitStatus: .environment)
    }

    static func answer(_ what: String) -> ContinuityError {
        ContinuityError(
            code: "backup_answer_unreadable", message: "pgbackrest's answer can not be read: \(what)",
            hint: "digitalbank doctor names the versions that are known to work.", exitStatus: .environment)
    }

    static func noSet(_ what: String) -> ContinuityError {
        ContinuityError(
            code: "backup_set_missing", message: "no sound backup \(what)",
            hint: "List what there is with: digitalbank backup list", exitStatus: .badInput)
    }

    static func keyLost(_ reason: String) -> ContinuityError {
        ContinuityError(
            code: "backup_key_lost", message: "the repositories' key can not be opened: \(reason)",
            hint: "Bring back keys/backup.json and the vault's keys from where they are kept apart from the backups.",
            exitStatus: .environment)
    }

    static func notReached(_ target: String, _ log: String) -> ContinuityError {
        ContinuityError(
            code: "restore_target_not_reached", message: "the log ends before \(target): \(log)",
            hint:
                "A part of the log is missing or damaged: digitalbank backup verify names it; restore to an earlier moment.",
            exitStatus: .unsound)
    }

    static func target(_ what: String) -> ContinuityError {
        ContinuityError(
            code: "restore_target_invalid", message: what,
            hint: "Give --to-time '2026-11-29 10:00:00+01', --to-lsn 0/3000060 or --before-incident ID.",
            exitStatus: .badInput)
    }

    static func file(_ action: String, _ path: String, _ reason: String) -> ContinuityError {
        ContinuityError(
            code: "continuity_file_unusable", message: "cannot \(action) \(path): \(reason)",
            hint: "Mend the folder's rights or free some space, then try again.", exitStatus: .environment)
    }
}
