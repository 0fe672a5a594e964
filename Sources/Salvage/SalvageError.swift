public import Diagnostics

/// A dump that can not be read at all. What is broken inside a dump that can is a `Damage`, not an error.
public struct SalvageError: Fault, Hashable {
    public let code: String
    public let message: String
    public let hint: String

    static func unreadable(_ path: String, _ reason: String) -> SalvageError {
        SalvageError(
            code: "dump_unreadable", message: "cannot read \(path): \(reason)",
            hint: "Check the file's rights; on a failing disk, copy it with ddrescue first.")
    }

    static func notADump(_ path: String) -> SalvageError {
        SalvageError(
            code: "dump_not_a_dump", message: "\(path) holds nothing that pg_dump writes: no archive, no COPY data",
            hint: "Give a dump of pg_dump (plain, custom, directory or tar), possibly damaged or compressed.")
    }
}
