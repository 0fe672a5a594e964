internal import Continuity
internal import Foundation

/// Sealed logical exports of the embedded bank, for the command line.
public enum ExportService {
    private static func desk(_ dataDirectory: String) -> ExportDesk {
        ExportDesk(dataDirectory: DataDirectory(dataDirectory).path)
    }

    public static func make(dataDirectory: String, into target: String?) async throws -> [String] {
        let made = try await desk(dataDirectory).make(of: UpService.databaseName, into: target)
        return [
            "\(made.directory)  \(made.rows) rows of \(made.tables) tables in \(made.bytes) bytes, sealed and signed"
        ] + made.left.map { "not in it: \($0)" }
    }

    public static func verify(
        dataDirectory: String, _ directory: String, deep: Bool, fingerprint: String?
    ) async throws -> (lines: [String], isSound: Bool) {
        let found = try await desk(dataDirectory).verify(directory, deep: deep, fingerprint: fingerprint)
        let head = "\(found.files) files, \(found.rows) rows" + (deep ? ", every piece opened" : "")
        return ([head] + (found.isSound ? ["sound"] : found.findings.map { "FOUND  \($0)" }), found.isSound)
    }

    public static func open(
        dataDirectory: String, _ directory: String, to path: String, isPartial: Bool
    ) async throws -> (lines: [String], isWhole: Bool) {
        let opened = try await desk(dataDirectory).open(directory, to: path, isPartial: isPartial)
        let next = "read it with: digitalbank recover \(path) --manifest \(path).manifest.json"
        return (["\(opened.rows) rows in \(path)"] + opened.lost.map { "LOST  \($0)" } + [next], opened.isWhole)
    }

    public static func restore(
        dataDirectory: String, _ directory: String, into bank: String
    ) async throws -> (lines: [String], isWhole: Bool) {
        let opened = try await desk(dataDirectory).restore(directory, into: bank)
        return (
            [
                "\(opened.rows) rows in the database \(bank)",
                opened.isWhole ? "every table reads as it was signed" : "NOT AS SIGNED",
            ] + opened.lost, opened.isWhole
        )
    }
}
