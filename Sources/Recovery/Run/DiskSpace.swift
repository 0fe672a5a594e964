internal import Diagnostics
internal import Foundation

/// A full disk shows in many ways: a failed checkpoint, a server that stops, a refused row. This finds the cause behind
/// an error in the logs of our own servers, so that the operator is told what to do.
enum DiskSpace {
    private static let tailBytes: UInt64 = 64 << 10
    /// PostgreSQL's hint when a page was written in part only: the system call itself told of no error.
    private static let hint = "Check free disk space."

    /// The error for a full disk when a server below `dataDirectory` has run out of space since `start`; else `error`.
    static func cause(of error: any Error, dataDirectory: String, room: String, since start: Date) -> any Error {
        if let known = error as? RecoveryError, known.code == "disk_full" { return known }
        let logs = [dataDirectory + "/bank/log", room + "/log"]
        let isTold = (error as? any Fault)?.hint == hint
        guard isTold || logs.contains(where: { tellsOfFullDisk($0, since: start) }) else { return error }
        let words = (error as? any Fault)?.message ?? "\(error)"
        return RecoveryError(
            code: "disk_full", message: "no space left below \(dataDirectory): \(words.prefix(200))",
            hint: "Free some space or move the folder to a larger disk, then: digitalbank recover resume",
            exitStatus: .environment)
    }

    private static func tellsOfFullDisk(_ folder: String, since start: Date) -> Bool {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
        return names.contains { name in
            lines(atEndOf: folder + "/" + name).contains { line in
                line.contains(String(cString: strerror(ENOSPC))) && line.prefix(19) >= stamp(start)
            }
        }
    }

    private static func lines(atEndOf path: String) -> [Substring] {
        guard let handle = FileHandle(forReadingAtPath: path), let size = try? handle.seekToEnd() else { return [] }
        defer { try? handle.close() }
        try? handle.seek(toOffset: size > tailBytes ? size - tailBytes : 0)
        return String(decoding: (try? handle.readToEnd()) ?? Data(), as: UTF8.self).split(separator: "\n")
    }

    /// As our servers' log lines begin: UTC, to the second.
    private static func stamp(_ date: Date) -> String {
        date.formatted(
            .iso8601.year().month().day().dateTimeSeparator(.space).time(includingFractionalSeconds: false)
                .timeZone(separator: .omitted)
        )
        .prefix(19).description
    }
}
