internal import Diagnostics
internal import Foundation
internal import Postgres
internal import Salvage

/// What the reader found in the dump and what of it stands in the clean room.
struct Salvaged: Codable, Sendable {
    var tables: [TableOutcome]
    var damage: [DamageItem]
    /// Source table to column names, as loaded.
    var columns: [String: [String]]
}

extension RecoveryEngine {
    /// Reads the dump on a thread of its own and loads its rows by COPY, table after table.
    func salvage(shapes: [TableShape], into room: CleanRoom) async throws -> Salvaged {
        let reader = try DumpReader(path: options.dump, shapes: shapes, manifest: options.manifest)
        let quarantine = try QuarantineFile(path: run.quarantineDirectory + "/rows.jsonl")
        let database = Database(room.configuration())
        let (report, tables, columns) = try await load(
            reader, schema: CleanRoomStore.schema, database: database, quarantine: quarantine)
        await database.close()
        return Salvaged(
            tables: Self.merge(tables, with: report), damage: report.damage.map(Self.item), columns: columns)
    }

    /// Loads every table of `reader` into `schema`.
    func load(
        _ reader: DumpReader, schema: String, database: Database, quarantine: QuarantineFile
    ) async throws -> (ReadReport, [TableOutcome], [String: [String]]) {
        let channel = BatchChannel<RowBatch>(capacity: 32)
        let reading = ReadingThread(reader: reader, channel: channel, stage: Stage.salvage.rawValue, progress: progress)
        reading.start()
        defer { channel.cancel() }
        let loaded = try await database.withConnection { connection in
            var outcomes: [TableOutcome] = []
            var columns: [String: [String]] = [:]
            var loader: TableLoader?
            for try await batch in channel {
                if loader?.table != batch.table {
                    if var previous = loader { outcomes.append(try await Self.close(&previous, connection)) }
                    columns[batch.table] = batch.columns
                    loader = try await Self.open(
                        batch, shape: reader.shape(of: batch.table), schema: schema, connection, quarantine)
                }
                try await loader?.take(batch)
            }
            if var last = loader { outcomes.append(try await Self.close(&last, connection)) }
            return (outcomes, columns)
        }
        return (try await reading.report(), loaded.0, loaded.1)
    }

    private static func open(
        _ batch: RowBatch, shape: TableShape?, schema: String, _ connection: Connection, _ quarantine: QuarantineFile
    ) async throws -> TableLoader {
        let relation = CleanRoomStore.relation(batch.table, schema: schema)
        let types = Dictionary(
            (shape?.columns ?? []).map { ($0.name, $0.type.safeSQL) }, uniquingKeysWith: { first, _ in first })
        try await connection.run(CleanRoomStore.begin)
        try await connection.run(CleanRoomStore.dropTable(relation))
        try await connection.run(
            CleanRoomStore.createTable(relation, columns: batch.columns.map { ($0, types[$0] ?? "text") }))
        return TableLoader(
            table: batch.table, columns: batch.columns, into: relation, connection: connection, quarantine: quarantine)
    }

    private static func close(_ loader: inout TableLoader, _ connection: Connection) async throws -> TableOutcome {
        let outcome = try await loader.finish()
        try await connection.run(CleanRoomStore.commit)
        return outcome
    }

    /// The reader's counts know of rows and tables that never reached the loader.
    private static func merge(_ loaded: [TableOutcome], with report: ReadReport) -> [TableOutcome] {
        var outcomes = loaded
        for table in report.tables {
            if let index = outcomes.firstIndex(where: { $0.name == table.name }) {
                outcomes[index].lost = table.lost.map(Int64.init)
            } else {
                var outcome = TableOutcome(name: table.name)
                outcome.lost = table.lost.map(Int64.init)
                outcomes.append(outcome)
            }
        }
        return outcomes
    }

    static func item(_ damage: Damage) -> DamageItem {
        DamageItem(
            kind: damage.kind.rawValue, offset: Int64(damage.range.lowerBound), length: Int64(damage.range.count),
            table: damage.table, explanation: damage.explanation)
    }
}

/// Reads a dump outside Swift's cooperative threads: inflating and parsing never suspend.
final class ReadingThread: @unchecked Sendable {
    // SAFETY: `outcome` is written by the thread before the channel is finished and read after it.
    private let reader: DumpReader
    private let channel: BatchChannel<RowBatch>
    private let stage: String
    private let progress: ProgressSink
    private var outcome: Result<ReadReport, any Error>?

    init(reader: DumpReader, channel: BatchChannel<RowBatch>, stage: String, progress: @escaping ProgressSink) {
        self.reader = reader
        self.channel = channel
        self.stage = stage
        self.progress = progress
    }

    /// The thread ends by itself: at the end of the dump, or when the receiver cancels the channel.
    func start() {
        let thread = Thread { [self] in
            do {
                let report = try reader.read(progress: progress) { batch in
                    guard channel.send(batch) else { throw CancellationError() }
                }
                outcome = .success(report)
                channel.finish()
            } catch {
                outcome = .failure(error)
                channel.finish(throwing: error)
            }
        }
        thread.stackSize = 8 << 20
        thread.name = "dump reader"
        thread.start()
    }

    /// After the channel has ended.
    func report() throws -> ReadReport {
        guard let outcome else {
            throw RecoveryError(
                code: "reader_stopped", message: "the dump's reader stopped before its end",
                hint: "Go on with: digitalbank recover resume", exitStatus: .nothing)
        }
        return try outcome.get()
    }
}
