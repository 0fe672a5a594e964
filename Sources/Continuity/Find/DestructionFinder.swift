internal import Foundation
internal import Postgres
internal import PostgresServer

/// What was found in the log, and how much of it was read.
public struct DestructionSearch: Sendable {
    public var acts: [Destruction] = []
    /// The first and the last segment that were looked at.
    public var first = ""
    public var last = ""
    /// What could not be looked at, in words: nothing is known of it.
    public var gaps: [String] = []
}

/// Finds drops, truncations and mass changes in the log of a span of time.
public struct DestructionFinder: Sendable {
    let desk: BackupDesk

    public init(desk: BackupDesk) { self.desk = desk }

    private static let segmentsMax = 20_000
    /// Without a beginning: a day, in which somebody notices.
    private static let span: Int64 = 86_400

    /// From a segment on; when nil from the newest set that is a day old, or the oldest of all. Log of the archive, of the
    /// receiver and of the server.
    public func find(from segment: String? = nil, rowsMin: Int) async throws -> DestructionSearch {
        let settings = try BackupSettings.load(desk.folder)
        let backrest = try PgBackRest(folder: desk.folder)
        let begin = try await begin(segment, backrest)
        let place = desk.folder.scratch + "/log-" + String(UInt32.random(in: .min ... .max), radix: 36)
        try ContinuityFolder.make(place, mode: 0o700)
        defer { try? FileManager.default.removeItem(atPath: place) }
        try Self.giveToServer(place, like: desk.folder.spool)
        var search = DestructionSearch()
        let got = try await gather(from: begin, settings, backrest, place, &search)
        guard let last = got.max() else { throw ContinuityError.noSet("and no log from \(begin) on to look at") }
        search.first = "\(got.min() ?? last)"
        search.last = "\(last)"
        var dump = WalDump(rowsMin: rowsMin)
        // Behind a hole transactions that began before it are known by half: they count for what is seen.
        var next: LogSegment? = begin
        while let from = next {
            guard got.contains(from) else {
                let resumed = got.filter { $0 > from }.min()
                let end = resumed.map { "up to \($0)" } ?? "on"
                search.gaps.append("the log has no \(from): nothing is known of it \(end)")
                next = resumed
                continue
            }
            next = try await read(from, got, place, &dump, &search)
        }
        search.acts = try await named(dump.found)
        return search
    }

    private func begin(_ segment: String?, _ backrest: PgBackRest) async throws -> LogSegment {
        if let segment {
            guard let asked = LogSegment(segment), segment.utf8.count == 24 else {
                throw ContinuityError.target("\(segment) is no segment of the log")
            }
            return asked
        }
        let sets = try await backrest.inventory().sets.filter { !$0.hasBadPages }.sorted { $0.stoppedAt < $1.stoppedAt }
        let since = Int64(desk.now().timeIntervalSince1970) - Self.span
        guard let set = sets.last(where: { $0.stoppedAt <= since }) ?? sets.first,
            let first = LogSegment(set.firstSegment)
        else { throw ContinuityError.noSet("to begin from") }
        return first
    }

    /// Reads one run of segments without a hole; returns where to go on.
    private func read(
        _ first: LogSegment, _ got: Set<LogSegment>, _ place: String, _ dump: inout WalDump,
        _ search: inout DestructionSearch
    ) async throws -> LogSegment? {
        var last = first
        while got.contains(last.next) { last = last.next }
        let output = place + "/log.txt"
        unlink(output)
        let run = try await ToolRun.run(
            try PostgresBinaries.find().path(of: "pg_waldump"), ["--path=\(place)", "\(first)", "\(last)"],
            outputFile: output)
        guard FileManager.default.fileExists(atPath: output) else {
            throw ContinuityError.answer("pg_waldump: \(run.errorText.prefix(200))")
        }
        try Self.lines(of: output) { dump.read($0) }
        let more = got.contains { $0 > last } ? last.next : nil
        guard run.status != 0 else { return more }
        // It ends with 1 at the end of what was written, which is no fault; anywhere before, it is.
        let reached = LogReader.end(run.errorText, run.status, last)
        let stopped = LogSegment(timeline: first.timeline, holding: max(reached, first.start))
        guard stopped < last || reached == LogPosition(0) || more != nil else { return more }
        search.gaps.append("\(stopped) can not be read from \(reached) on: \(run.errorText.prefix(160))")
        return stopped < last ? stopped.next : more
    }

    private func gather(
        from first: LogSegment, _ settings: BackupSettings, _ backrest: PgBackRest, _ place: String,
        _ search: inout DestructionSearch
    ) async throws -> Set<LogSegment> {
        let held = settings.repositories.reduce(into: Set<LogSegment>()) {
            $0.formUnion(ArchiveFolder.segments(below: $1))
        }
        var got: Set<LogSegment> = []
        // The server's own copy goes farther than the receiver's; files that wait to be used again hold no log of their name.
        for source in [desk.folder.cluster + "/data/pg_wal", desk.folder.receivedLog] {
            for name in (try? FileManager.default.contentsOfDirectory(atPath: source)) ?? [] {
                let file = source + "/" + name
                guard let segment = LogSegment(name), segment.timeline == first.timeline, segment >= first,
                    name.utf8.count == 24 || name.hasSuffix(".partial"), !got.contains(segment),
                    LogReader.head(of: file, segment) == true,
                    (try? FileManager.default.copyItem(atPath: file, toPath: "\(place)/\(segment)")) != nil
                else { continue }
                got.insert(segment)
            }
        }
        for segment in held.sorted()
        where segment.timeline == first.timeline && segment >= first && !got.contains(segment) {
            guard got.count < Self.segmentsMax else {
                search.gaps.append("\(Self.segmentsMax) segments were looked at; go on with --from \(segment)")
                break
            }
            let answer = try await backrest.answer(
                "archive-get", ["--no-archive-async", "\(segment)", "\(place)/\(segment)"])
            if answer.status == 0 { got.insert(segment) }
        }
        return got
    }

    private static func giveToServer(_ path: String, like other: String) throws {
        var owner = stat()
        guard stat(other, &owner) == 0, lchown(path, owner.st_uid, owner.st_gid) == 0 else {
            throw ContinuityError.file("give to the server's user", path, String(cString: strerror(errno)))
        }
    }

    private static func lines(of path: String, _ body: (Substring) -> Void) throws {
        let handle = try FileHandle(forReadingFrom: URL(filePath: path))
        defer { try? handle.close() }
        var rest: [UInt8] = []
        while let block = try handle.read(upToCount: 1 << 20), !block.isEmpty {
            rest += block
            guard let end = rest.lastIndex(of: 10) else { continue }
            let text = String(decoding: rest[..<end], as: UTF8.self)
            for line in text.utf8.split(separator: 10) { body(Substring(line)) }
            rest.removeSubrange(...end)
        }
    }

    private func named(_ found: [Destruction]) async throws -> [Destruction] {
        guard let cluster = try? Cluster.attach(desk.folder.cluster), cluster.isRunning,
            let names = try? await desk.withBank(cluster, { try await RelationMapStore(database: $0).names() })
        else { return found }
        return found.map { act in
            var act = act
            act.names = act.files.compactMap { $0.split(separator: "/").last.flatMap { Int64($0) } }
                .compactMap { names[$0] }
            return act
        }
    }
}
