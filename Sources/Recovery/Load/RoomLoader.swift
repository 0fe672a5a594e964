internal import Cryptography
internal import Postgres
internal import Salvage

/// Follows the reader's events table by table: makes the raw table, loads it, starts it anew when the reader says so.
///
/// A dump may bring a table in parts (partition by partition, or because somebody planted a second COPY): each part is
/// added to those before it, by the names of its columns.
struct RoomLoader {
    let reader: DumpReader
    let schema: String
    let connection: Connection
    let quarantine: QuarantineFile
    private(set) var outcomes: [TableOutcome] = []
    private(set) var columns: [String: [String]] = [:]
    private var open: OpenTable?

    /// A reference, because a loader can not be copied.
    private final class Box {
        var loader: TableLoader
        init(_ loader: consuming TableLoader) { self.loader = loader }
    }

    private final class OpenTable {
        let table: String
        /// As the dump lists them; none when it does not.
        let listed: [String]
        /// Where the part's lines begin in the quarantine.
        let quarantineStart: UInt64
        /// Of the raw table, when this part is in it.
        var columns: [String] = []
        var box: Box?

        init(_ table: String, _ listed: [String], quarantineStart: UInt64) {
            self.table = table
            self.listed = listed
            self.quarantineStart = quarantineStart
        }
    }

    init(reader: DumpReader, schema: String, connection: Connection, quarantine: QuarantineFile) {
        self.reader = reader
        self.schema = schema
        self.connection = connection
        self.quarantine = quarantine
    }

    mutating func take(_ event: ReadEvent) async throws {
        switch event {
        case .begin(let table, let names):
            try await begin(OpenTable(table, names, quarantineStart: try quarantine.end()))
        case .rows(let batch):
            guard let open else { return }
            if open.box == nil { try await make(open, RoomName.columns(Self.numbered(batch))) }
            try await open.box?.loader.take(batch)
        case .restart(let table):
            guard let before = open, before.table == table else { return }
            try await connection.run(CleanRoomStore.rollback)
            try quarantine.cut(to: before.quarantineStart)
            try await begin(OpenTable(table, before.listed, quarantineStart: before.quarantineStart))
        case .end(let summary):
            guard let ended = open else { return }
            open = nil
            if ended.box == nil { try await make(ended, []) }
            guard var outcome = try await ended.box?.loader.finish() else { return }
            try await connection.run(CleanRoomStore.commit)
            columns[ended.table] = ended.columns
            if summary.isProven {
                outcome.proven += outcome.intact
                outcome.intact = 0
            }
            outcome.lost = summary.lost.map(Int64.init)
            if summary.parts > 1 { outcome.parts = summary.parts }
            add(outcome)
        }
    }

    private mutating func begin(_ part: OpenTable) async throws {
        try await connection.run(CleanRoomStore.begin)
        open = part
        if !part.listed.isEmpty { try await make(part, RoomName.columns(part.listed)) }
    }

    /// The raw table, or the columns that this part adds to it, and the part's loader.
    private mutating func make(_ part: OpenTable, _ names: [String]) async throws {
        let relation = CleanRoomStore.relation(part.table, schema: schema)
        let types = Dictionary(
            (reader.shape(of: part.table)?.columns ?? []).map { ($0.name, $0.type.safeSQL) },
            uniquingKeysWith: { first, _ in first })
        let before = outcomes.contains { $0.name == part.table } ? columns[part.table] ?? [] : nil
        let all = (before ?? []) + names.filter { !(before ?? []).contains($0) }
        guard all.count <= RoomName.columnsMax else {
            part.columns = before ?? []
            part.box = Box(
                try TableLoader(
                    table: part.table, refusing: "more than \(RoomName.columnsMax) columns", connection: connection,
                    quarantine: quarantine))
            return
        }
        if let before {
            try await connection.run(CleanRoomStore.createTableIfMissing(relation))
            for name in names where !before.contains(name) {
                try await connection.run(
                    CleanRoomStore.addColumnIfMissing(relation, name: name, type: types[name] ?? "text"))
            }
        } else {
            try await create(relation, names.map { ($0, types[$0] ?? "text") })
        }
        part.columns = all
        part.box = Box(
            try TableLoader(
                table: part.table, columns: names, into: relation, connection: connection, quarantine: quarantine))
    }

    /// A table that can not be made with its types takes its rows as text.
    private func create(_ relation: Statement, _ columns: [(name: String, type: String)]) async throws {
        try await connection.run(CleanRoomStore.dropTable(relation))
        try await connection.run(CleanRoomStore.savepoint)
        do {
            try await connection.run(CleanRoomStore.createTable(relation, columns: columns))
        } catch let error as PostgresError where error.kind == .server {
            try await connection.run(CleanRoomStore.rollbackToSavepoint)
            try await connection.run(CleanRoomStore.createTable(relation, columns: columns.map { ($0.name, "text") }))
        }
        try await connection.run(CleanRoomStore.releaseSavepoint)
    }

    /// Joins a part's outcome with those of the table's parts before it.
    private mutating func add(_ part: TableOutcome) {
        guard let index = outcomes.firstIndex(where: { $0.name == part.name }) else { return outcomes.append(part) }
        outcomes[index].add(part)
    }

    /// Names for the fields of rows whose columns nothing names.
    private static func numbered(_ batch: RowBatch) -> [String] {
        guard batch.rowCount > 0 else { return [] }
        let fields = batch.text[batch.bytes(ofRows: 0..<1)].count { $0 == UInt8(ascii: "\t") } + 1
        return (1...fields).map { "c\($0)" }
    }
}

extension TableOutcome {
    /// Adds another part of the same table. The digest becomes that of the parts' digests.
    mutating func add(_ part: TableOutcome) {
        proven += part.proven
        intact += part.intact
        inferred += part.inferred
        suspect += part.suspect
        refused += part.refused
        loaded += part.loaded
        seconds += part.seconds
        parts = (parts ?? 1) + (part.parts ?? 1)
        if lost != nil || part.lost != nil { lost = (lost ?? 0) + (part.lost ?? 0) }
        if let first = digest, let second = part.digest { digest = SHA256.hash(Array((first + second).utf8)).hex }
    }
}
