internal import Foundation
internal import PostgresServer
internal import Postgres

/// Log that no archive has yet: what the receiver wrote, and what lies in the server's own folder. It is copied before
/// anything else is done, beside the restored cluster and readable by its server.
///
/// A segment that both have is there twice at first: a stranger who wrote noise over the server's files has not written it over
/// the receiver's. The copy that reads farther is the one that is replayed.
struct SavedLog: Sendable {
    let folder: String
    /// How far each of the newest segments can be read: the beginning of the last record that reads; nil where none does.
    let ends: [LogSegment: LogPosition?]
    /// Segments that can not be read from their first record on.
    var unreadable: [LogSegment] { ends.filter { $0.value == nil }.keys.sorted() }

    private struct Source {
        let path: String
        let isReceived: Bool
    }

    /// - Parameter data: the new data folder, whose owner the copies get.
    static func gather(
        for set: BackupSet, _ request: Restorer.Request, _ folder: ContinuityFolder, archived roots: [String],
        into directory: String, like data: String
    ) async throws -> SavedLog {
        let place = directory + "/saved-log"
        var owner = stat()
        guard stat(data, &owner) == 0 else {
            throw ContinuityError.file("read", data, String(cString: strerror(errno)))
        }
        for path in [place] + ["archive-lock", "archive-spool"].map({ directory + "/" + $0 }) {
            try ContinuityFolder.make(path, mode: 0o700)
            lchown(path, owner.st_uid, owner.st_gid)
        }
        guard let first = LogSegment(set.firstSegment) else { return SavedLog(folder: place, ends: [:]) }
        let archived = roots.reduce(into: Set<LogSegment>()) { $0.formUnion(ArchiveFolder.segments(below: $1)) }
        let reader = LogReader(room: directory + "/saved-log.read")
        defer { reader.clear() }
        var received: Set<LogSegment> = []
        var ends: [LogSegment: LogPosition?] = [:]
        let sources =
            (request.usesReceivedLog ? [Source(path: folder.receivedLog, isReceived: true)] : [])
            + (request.usesServerLog ? [Source(path: folder.cluster + "/data/pg_wal", isReceived: false)] : [])
        for source in sources {
            for name in ((try? FileManager.default.contentsOfDirectory(atPath: source.path)) ?? []).sorted() {
                // A history file is named like a timeline; a partial one is the segment that was being written.
                let isHistory = name.hasSuffix(".history")
                guard isHistory || name.utf8.count == 24 || name.hasSuffix(".partial") else { continue }
                let file = source.path + "/" + name
                let target = place + "/" + name.replacing(".partial", with: "")
                if !isHistory {
                    guard let segment = LogSegment(name), segment.timeline != first.timeline || segment >= first,
                        source.isReceived || !archived.contains(segment)
                    else { continue }
                    // Recycled segments of the server's folder hold old log under a new name: they do not read.
                    let isWhole = source.isReceived && name.utf8.count == 24
                    let end =
                        isWhole && archived.contains(segment) ? segment.start : await reader.end(of: file, segment)
                    if received.contains(segment) {
                        guard let end, end > (ends[segment] ?? nil) ?? LogPosition(0) else { continue }
                    } else if !source.isReceived, end == nil {
                        // Without a receiver nobody else has it; which of them held something is not known.
                        if received.isEmpty, LogReader.isNoise(file) { ends[segment] = .some(nil) }
                        continue
                    }
                    if source.isReceived { received.insert(segment) }
                    ends[segment] = .some(end)
                } else if FileManager.default.fileExists(atPath: target) {
                    continue
                }
                unlink(target)
                guard (try? FileManager.default.copyItem(atPath: file, toPath: target)) != nil else { continue }
                chmod(target, 0o600)
                lchown(target, owner.st_uid, owner.st_gid)
            }
        }
        return SavedLog(folder: place, ends: ends)
    }
}

/// Reads one segment of the log at a time, by PostgreSQL's own reader.
struct LogReader: Sendable {
    let room: String

    /// Where the last record begins that can be read; nil where the segment holds none.
    func end(of file: String, _ segment: LogSegment) async -> LogPosition? {
        guard let binaries = try? PostgresBinaries.find(), (try? ContinuityFolder.make(room, mode: 0o700)) != nil else {
            return segment.start
        }
        let alone = room + "/" + segment.description
        unlink(alone)
        guard (try? FileManager.default.copyItem(atPath: file, toPath: alone)) != nil else { return nil }
        defer { unlink(alone) }
        guard let head = Self.head(of: alone, segment) else { return nil }
        guard head else { return LogPosition(0) }
        guard
            let run = try? await ToolRun.run(
                binaries.path(of: "pg_waldump"), ["--quiet", "--path=\(room)", segment.description],
                timeMax: .seconds(300))
        else { return segment.start }
        return Self.end(run.errorText, run.status, segment)
    }

    /// Whether the first page is this segment's; false where nothing was written yet, nil where it is something else: noise, or old
    /// log under a new name.
    static func head(of file: String, _ segment: LogSegment) -> Bool? {
        guard let handle = FileHandle(forReadingAtPath: file) else { return nil }
        defer { try? handle.close() }
        guard let page = try? handle.read(upToCount: 8192), page.count == 8192 else { return nil }
        if page.allSatisfy({ $0 == 0 }) { return false }
        let place = page[8..<16].reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
        return place == segment.start.rawValue ? true : nil
    }

    /// Neither empty nor log of any segment.
    static func isNoise(_ file: String) -> Bool {
        guard let handle = FileHandle(forReadingAtPath: file) else { return false }
        defer { try? handle.close() }
        guard let page = try? handle.read(upToCount: 8192), page.count == 8192 else { return false }
        // Every page of the log begins with 0xD1.. as a number of 16 bits.
        return page[1] != 0xD1 && page.contains { $0 != 0 }
    }

    /// pg_waldump names the record where it stopped: `error in WAL record at 0/3000158: …`.
    static func end(_ words: String, _ status: Int32, _ segment: LogSegment) -> LogPosition {
        let mark = "error in WAL record at "
        if let range = words.range(of: mark) {
            return LogPosition(words[range.upperBound...].prefix { $0 != ":" }) ?? LogPosition(0)
        }
        // The end of the file, or the next segment, which is not here: it was read to its end.
        if status == 0 || words.contains("could not find file") || words.contains("could not open file") {
            return LogPosition(segment.next.start.rawValue - 1)
        }
        // The first page is in order: it holds the rest of a record that began in the segment before, and no other.
        return LogPosition(0)
    }

    func clear() { try? FileManager.default.removeItem(atPath: room) }
}
