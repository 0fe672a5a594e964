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
    /// Nil in results of earlier versions.
    var largeObjects: LargeObjects?
    /// Tables whose rows do not add up; nil in results of earlier versions.
    var imbalances: [Imbalance]?
}

extension RecoveryEngine {
    /// Reads the dump on a thread of its own and loads its rows by COPY, table after table.
    func salvage(shapes: [TableShape], into room: CleanRoom) async throws -> Salvaged {
        let reader = try DumpReader(path: options.dump, shapes: shapes, manifest: options.manifest)
        let quarantine = try QuarantineFile(path: run.quarantineDirectory + "/rows.jsonl")
        let database = Database(room.configuration())
        let (report, tables, columns) = try await load(
            reader, schema: CleanRoomStore.schema, database: database, quarantine: quarantine)
        try await completeTables(shapes, in: database)
        let imbalances = try await imbalances(tables, report, database)
        await database.close()
        return Salvaged(
            tables: Self.merge(tables, with: report), damage: report.damage.map(Self.item), columns: columns,
            largeObjects: report.largeObjects, imbalances: imbalances)
    }

    /// The mapping speaks of tables and columns that a damaged dump may have lost: they are there, empty.
    private func completeTables(_ shapes: [TableShape], in database: Database) async throws {
        for shape in shapes {
            let relation = CleanRoomStore.relation(shape.name)
            try await database.run(CleanRoomStore.createTableIfMissing(relation))
            for column in shape.columns {
                try await database.run(
                    CleanRoomStore.addColumnIfMissing(relation, name: column.name, type: column.type.safeSQL))
            }
        }
    }

    /// Loads every table of `reader` into `schema`.
    func load(
        _ reader: DumpReader, schema: String, database: Database, quarantine: QuarantineFile
    ) async throws -> (ReadReport, [TableOutcome], [String: [String]]) {
        let channel = BatchChannel<ReadEvent>(capacity: 32)
        let reading = ReadingThread(reader: reader, channel: channel, progress: progress)
        reading.start()
        defer { channel.cancel() }
        let loaded = try await database.withConnection { connection in
            var room = RoomLoader(reader: reader, schema: schema, connection: connection, quarantine: quarantine)
            for try await event in channel { try await room.take(event) }
            return (room.outcomes, room.columns)
        }
        return (try reading.report(), loaded.0, loaded.1)
    }

    /// The reader's counts know of rows and tables that never reached the loader.
    private static func merge(_ loaded: [TableOutcome], with report: ReadReport) -> [TableOutcome] {
        var outcomes = loaded
        for summary in report.tables where !outcomes.contains(where: { $0.name == summary.table }) {
            var outcome = TableOutcome(name: summary.table)
            outcome.lost = summary.lost.map(Int64.init)
            outcomes.append(outcome)
        }
        return outcomes
    }

    static func item(_ damage: Damage) -> DamageItem {
        DamageItem(
            kind: damage.kind.rawValue, offset: Int64(damage.range.lowerBound), length: Int64(damage.range.count),
            table: damage.table, explanation: damage.explanation, explanationFr: damage.explanationFr)
    }
}

/// Reads a dump outside Swift's cooperative threads: inflating and parsing never suspend.
final class ReadingThread: @unchecked Sendable {
    // SAFETY: `outcome` is written by the thread before the channel is finished and read after it.
    private let reader: DumpReader
    private let channel: BatchChannel<ReadEvent>
    private let progress: ProgressSink
    private var outcome: Result<ReadReport, any Error>?

    init(reader: DumpReader, channel: BatchChannel<ReadEvent>, progress: @escaping ProgressSink) {
        self.reader = reader
        self.channel = channel
        self.progress = progress
    }

    /// The thread ends by itself: at the end of the dump, or when the receiver cancels the channel.
    func start() {
        let thread = Thread { [self] in
            do {
                let report = try reader.read(progress: progress) { [channel] event in
                    guard channel.send(event) else { throw CancellationError() }
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
