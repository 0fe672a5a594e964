internal import Postgres
internal import Salvage

/// Follows the reader's events table by table: makes the raw table, loads it, starts it anew when the reader says so.
struct RoomLoader {
    let reader: DumpReader
    let schema: String
    let connection: Connection
    let quarantine: QuarantineFile
    private(set) var outcomes: [TableOutcome] = []
    private(set) var columns: [String: [String]] = [:]
    private var open: OpenTable?

    /// A reference, because a loader can not be copied.
    private final class OpenTable {
        var loader: TableLoader
        init(_ loader: consuming TableLoader) { self.loader = loader }
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
            columns[table] = names
            try await begin(table, names)
        case .rows(let batch):
            try await open?.loader.take(batch)
        case .restart(let table):
            try await connection.run(CleanRoomStore.rollback)
            try quarantine.forget(table: table)
            try await begin(table, columns[table] ?? [])
        case .end(let summary):
            guard let loader = open else { return }
            open = nil
            var outcome = try await loader.loader.finish()
            try await connection.run(CleanRoomStore.commit)
            if summary.isProven {
                outcome.proven += outcome.intact
                outcome.intact = 0
            }
            outcome.lost = summary.lost.map(Int64.init)
            outcomes.append(outcome)
        }
    }

    private mutating func begin(_ table: String, _ names: [String]) async throws {
        let relation = CleanRoomStore.relation(table, schema: schema)
        let types = Dictionary(
            (reader.shape(of: table)?.columns ?? []).map { ($0.name, $0.type.safeSQL) },
            uniquingKeysWith: { first, _ in first })
        try await connection.run(CleanRoomStore.begin)
        try await connection.run(CleanRoomStore.dropTable(relation))
        try await connection.run(
            CleanRoomStore.createTable(relation, columns: names.map { ($0, types[$0] ?? "text") }))
        open = OpenTable(
            try TableLoader(
                table: table, columns: names, into: relation, connection: connection, quarantine: quarantine))
    }
}
