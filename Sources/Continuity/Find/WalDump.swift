internal import Foundation
public import Postgres
internal import PostgresServer

/// What a transaction did to many rows at once, read in the log itself.
public struct Destruction: Sendable, Hashable {
    public enum Kind: String, Sendable {
        case dropped, truncated
        case databaseDropped = "database dropped"
        case deleted = "rows deleted"
        case updated = "rows updated"
    }

    public let kind: Kind
    public let transaction: String
    /// As the log writes it, in the server's zone (UTC).
    public let committedAt: String
    /// Where its commit begins: a restore that stops before it has everything else.
    public let commit: LogPosition
    /// Files of relations: `tablespace/database/file`.
    public let files: [String]
    public let rows: Int
    /// Names of those relations, where they were remembered.
    public var names: [String] = []
}

/// Reads `pg_waldump`'s lines. Pure: lines in, acts out.
struct WalDump {
    private struct Pending {
        var deleted = 0
        var updated = 0
        var files: [String: Int] = [:]
        var created = 0
        var isTruncate = false
    }

    /// Rows that one transaction may change before it counts as an act of destruction.
    let rowsMin: Int
    private var pending: [String: Pending] = [:]
    private(set) var found: [Destruction] = []

    private static let pendingMax = 1_000_000

    init(rowsMin: Int) { self.rowsMin = rowsMin }

    /// `rmgr: Heap  len … tx: 733, lsn: 0/0152E4C8, prev …, desc: DELETE off 1 …, blkref #0: rel 1663/16384/16389 blk 0`
    mutating func read(_ line: Substring) {
        guard let transaction = Self.word(after: "tx:", in: line), let manager = Self.word(after: "rmgr:", in: line),
            let description = line.range(of: "desc: ").map({ line[$0.upperBound...] })
        else { return }
        switch manager {
        case "Heap": heap(transaction, description)
        case "Storage":
            if description.hasPrefix("CREATE") { pending[transaction, default: Pending()].created += 1 }
        case "Database" where description.hasPrefix("DROP"):
            pending[transaction, default: Pending()].files["database " + description.dropFirst(5)] = 1
        case "Transaction" where description.hasPrefix("COMMIT 2"):
            if let position = Self.word(after: "lsn:", in: line).flatMap({ LogPosition($0) }) {
                commit(transaction, position, description)
            }
        case "Transaction" where description.hasPrefix("ABORT"): pending[transaction] = nil
        default: break
        }
    }

    private mutating func heap(_ transaction: String, _ description: Substring) {
        let isDelete = description.hasPrefix("DELETE")
        let isUpdate = description.hasPrefix("UPDATE") || description.hasPrefix("HOT_UPDATE")
        if description.hasPrefix("TRUNCATE") { pending[transaction, default: Pending()].isTruncate = true }
        guard isDelete || isUpdate, pending.count < Self.pendingMax else { return }
        let file = Self.word(after: "rel", in: description) ?? ""
        pending[transaction, default: Pending()].deleted += isDelete ? 1 : 0
        pending[transaction, default: Pending()].updated += isUpdate ? 1 : 0
        pending[transaction, default: Pending()].files[file, default: 0] += 1
    }

    private mutating func commit(_ transaction: String, _ position: LogPosition, _ description: Substring) {
        let done = pending.removeValue(forKey: transaction) ?? Pending()
        let at = description.dropFirst(7).prefix { $0 != ";" }.trimmingCharacters(in: .whitespaces)
        func add(_ kind: Destruction.Kind, _ files: [String], _ rows: Int) {
            found.append(
                Destruction(
                    kind: kind, transaction: transaction, committedAt: at, commit: position, files: files, rows: rows))
        }
        let databases = done.files.keys.filter { $0.hasPrefix("database ") }
        if !databases.isEmpty { return add(.databaseDropped, databases.map { String($0.dropFirst(9)) }, 0) }
        if let list = description.range(of: "rels:").map({ description[$0.upperBound...] }) {
            let files = list.prefix { $0 != ";" }.split(separator: " ")
                .map { String($0).replacing("base/", with: "") }
            // A truncation gives the relation a new file; a drop gives none.
            add(done.isTruncate || done.created > 0 ? .truncated : .dropped, files, 0)
        }
        if done.deleted >= rowsMin || done.updated >= rowsMin {
            let files = done.files.sorted { $0.value > $1.value }.map(\.key)
            add(done.deleted >= done.updated ? .deleted : .updated, files, max(done.deleted, done.updated))
        }
    }

    static func word(after mark: String, in line: Substring) -> String? {
        guard let range = line.range(of: mark) else { return nil }
        let word = line[range.upperBound...].drop { $0 == " " }.prefix { $0 != " " && $0 != "," }
        return word.isEmpty ? nil : String(word)
    }
}

/// Finds drops, truncations and mass changes in the log of a span of time.
public struct DestructionFinder: Sendable {
    let desk: BackupDesk

    public init(desk: BackupDesk) { self.desk = desk }

    private static let segmentsMax = 20_000

    /// From a segment on, or from the newest sound set when nil. Log of the archive, of the receiver and of the server.
    public func find(from segment: String? = nil, rowsMin: Int) async throws -> [Destruction] {
        let settings = try BackupSettings.load(desk.folder)
        let backrest = try PgBackRest(folder: desk.folder)
        let inventory = try await backrest.inventory()
        let newest = inventory.sets.filter { !$0.hasBadPages }.max { $0.stoppedAt < $1.stoppedAt }
        guard let first = (segment ?? newest?.firstSegment).flatMap({ LogSegment($0) }) else {
            throw ContinuityError.noSet("to begin from")
        }
        let place = desk.folder.scratch + "/log-" + String(UInt32.random(in: .min ... .max), radix: 36)
        try ContinuityFolder.make(place, mode: 0o700)
        defer { try? FileManager.default.removeItem(atPath: place) }
        try Self.giveToServer(place, like: desk.folder.spool)
        let segments = try await gather(from: first, settings, backrest, place)
        guard let last = segments.last else { return [] }
        let binaries = try PostgresBinaries.find()
        let output = place + "/log.txt"
        let run = try await ToolRun.run(
            binaries.path(of: "pg_waldump"), ["--path=\(place)", "\(segments[0])", "\(last)"], outputFile: output)
        // It ends with 1 at the end of the last segment, which is no fault.
        guard FileManager.default.fileExists(atPath: output) else {
            throw ContinuityError.answer("pg_waldump: \(run.errorText.prefix(200))")
        }
        var dump = WalDump(rowsMin: rowsMin)
        try Self.lines(of: output) { dump.read($0) }
        return try await named(dump.found)
    }

    private func gather(
        from first: LogSegment, _ settings: BackupSettings, _ backrest: PgBackRest, _ place: String
    ) async throws -> [LogSegment] {
        let held = settings.repositories.reduce(into: Set<LogSegment>()) {
            $0.formUnion(ArchiveFolder.segments(below: $1))
        }
        var got: Set<LogSegment> = []
        for source in [desk.folder.receivedLog, desk.folder.cluster + "/data/pg_wal"] {
            for name in (try? FileManager.default.contentsOfDirectory(atPath: source)) ?? [] {
                guard let segment = LogSegment(name), segment.timeline == first.timeline, segment >= first,
                    name.utf8.count == 24 || name.hasSuffix(".partial"), !got.contains(segment),
                    (try? FileManager.default.copyItem(atPath: source + "/" + name, toPath: "\(place)/\(segment)"))
                        != nil
                else { continue }
                got.insert(segment)
            }
        }
        for segment in held.sorted()
        where segment.timeline == first.timeline && segment >= first && !got.contains(segment) {
            guard got.count < Self.segmentsMax else { break }
            let answer = try await backrest.answer(
                "archive-get", ["--no-archive-async", "\(segment)", "\(place)/\(segment)"])
            if answer.status == 0 { got.insert(segment) }
        }
        // Without a hole: what lies behind one can not be read.
        var ordered: [LogSegment] = []
        var next = first
        while got.contains(next) {
            ordered.append(next)
            next = next.next
        }
        return ordered
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
