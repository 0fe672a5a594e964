internal import Continuity
public import Diagnostics
internal import Evidence
internal import Postgres
internal import PostgresServer
internal import Recovery
internal import Salvage

/// The exit status of every error: `docs/reference/exit-codes.md` lists them.
public enum ExitStatus {
    public static func of(_ fault: any Fault) -> Int32 {
        switch fault {
        case let error as RecoveryError: error.exitStatus.rawValue
        case let error as ContinuityError: error.exitStatus.rawValue
        case is SalvageError: RecoveryError.ExitStatus.badInput.rawValue
        case is ServerError, is PostgresError: RecoveryError.ExitStatus.environment.rawValue
        case let error as EvidenceError where error.code == "evidence_unreadable":
            RecoveryError.ExitStatus.badInput.rawValue
        case is EvidenceError: RecoveryError.ExitStatus.environment.rawValue
        default: 1
        }
    }
}
