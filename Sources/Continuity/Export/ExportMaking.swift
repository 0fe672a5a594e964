internal import Cryptography
internal import Evidence
internal import Foundation
internal import Postgres
internal import PostgresServer
internal import Synchronization
internal import Vault

extension ExportDesk {
    /// What an export holds.
    public struct Made: Sendable {
        public let directory: String
        public let tables: Int
        public let rows: Int
        public let bytes: Int
        /// What it does not hold, in words.
        public let left: [String]
    }

    static let rolesFile = "roles.sealed"
    static let beforeFile = "schema-before.sealed"
    static let afterFile = "schema-after.sealed"
    static let sequencesFile = "sequences.sealed"
    static let digestsFile = "digests.sealed"

    /// Exports a database in one snapshot into a new folder, `export.json` last: without it the folder is no export.
    public func make(of bank: String, into target: String? = nil) async throws -> Made {
        let cluster = try Cluster.attach(folder.cluster)
        return try await make(
            cluster.configuration(database: bank), binaries: cluster.binaries, into: target)
    }

    private static let keptMax = 4

    /// Makes one when the newest is old enough, and removes all but the newest four of those that were made here.
    func makeWhenDue(of bank: String, every seconds: Int) async throws -> Made? {
        let journal = ContinuityJournal(folder: folder, now: now)
        let names = ((try? FileManager.default.contentsOfDirectory(atPath: folder.exports)) ?? []).sorted()
        let due = Self.id(now().addingTimeInterval(-Double(seconds)))
        if let newest = names.last, newest.prefix(16) > due.prefix(16) { return nil }
        let made = try await make(of: bank)
        let name = (made.directory as NSString).lastPathComponent
        try await journal.append(.exported, name, ["rows": "\(made.rows)", "tables": "\(made.tables)"])
        for old in names.dropLast(Self.keptMax - 1) {
            try? FileManager.default.removeItem(atPath: folder.exports + "/" + old)
        }
        return made
    }

    func make(
        _ configuration: DatabaseConfiguration, binaries: PostgresBinaries, into target: String? = nil
    ) async throws -> Made {
        let id = Self.id(now())
        let directory = target ?? folder.exports + "/" + id
        guard !FileManager.default.fileExists(atPath: directory) else {
            throw ContinuityError.file("make", directory, "it is there already")
        }
        try ContinuityFolder.make(directory, mode: 0o700)
        let database = Database(configuration)
        do {
            let made = try await make(id, database, configuration, binaries, directory)
            await database.close()
            return made
        } catch {
            await database.close()
            try? FileManager.default.removeItem(atPath: directory)
            throw error
        }
    }

    private static func id(_ date: Date) -> String {
        date.formatted(.iso8601.dateSeparator(.omitted).timeSeparator(.omitted)) + "-"
            + String(UInt32.random(in: .min ... .max), radix: 36)
    }

    private func make(
        _ id: String, _ database: Database, _ configuration: DatabaseConfiguration, _ binaries: PostgresBinaries,
        _ directory: String
    ) async throws -> Made {
        let (wrapped, key) = try await ExportKey.make(try await KeyFolder(folder.keys).keyring())
        let made = try await database.transaction(isolation: .repeatableRead) { tx in
            let store = ExportStore(connection: tx.connection)
            let head = try await store.begin()
            let tables = try await store.tables()
            var files: [SealedFile] = []
            let tool = SchemaTool(binaries: binaries, configuration: configuration, snapshot: head.snapshot)
            files.append(try Self.seal(try await tool.roles(), as: Self.rolesFile, id, key, directory))
            files.append(try Self.seal(try await tool.schema("pre-data"), as: Self.beforeFile, id, key, directory))
            files.append(try Self.seal(try await tool.schema("post-data"), as: Self.afterFile, id, key, directory))
            files.append(
                try Self.seal(Array(try await store.sequences().utf8), as: Self.sequencesFile, id, key, directory))
            var digests: [RowDigests.Table] = []
            for (index, table) in tables.enumerated() {
                let sealer = try TableSealer(
                    SealedFile(name: "table-\(index + 1).sealed", table: table.name), of: id, key: key, in: directory)
                try await store.rows(of: table) { try sealer.take($0) }
                let (file, rows) = try sealer.finish(table)
                files.append(file)
                digests.append(rows)
            }
            let text = try JSONEncoder().encode(RowDigests(tables: digests))
            files.append(try Self.seal(Array(text), as: Self.digestsFile, id, key, directory))
            let list = ExportList(
                id: id, madeAt: now().formatted(.iso8601), database: head.database,
                serverVersion: head.version, position: head.position, key: wrapped, files: files)
            return (list, try await store.left())
        }
        try publish(made.0, in: directory)
        let tables = made.0.files.filter { $0.table != nil }
        return Made(
            directory: directory, tables: tables.count, rows: tables.reduce(0) { $0 + $1.rows },
            bytes: made.0.files.reduce(0) { $0 + $1.bytes }, left: made.1)
    }

    private func publish(_ list: ExportList, in directory: String) throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        let path = directory + "/" + ExportList.name
        try ContinuityFolder.write(String(decoding: try encoder.encode(list), as: UTF8.self) + "\n", to: path)
        try FileSigner(key: try SigningKey.open(path: folder.evidenceKey)).sign(path, at: now())
    }

    private static let pieceBytes = 1 << 20

    private static func seal(
        _ text: [UInt8], as name: String, _ id: String, _ key: DataKey, _ directory: String
    ) throws -> SealedFile {
        var writer = try SealedWriter(SealedFile(name: name), of: id, key: key, in: directory)
        for start in stride(from: 0, to: text.count, by: pieceBytes) {
            try writer.write(Array(text[start..<min(start + pieceBytes, text.count)]), rows: 0)
        }
        return try writer.finish()
    }
}

/// Seals one table as its rows come.
final class TableSealer: Sendable {
    // SAFETY: it is reached through the mutex alone.
    private struct State: ~Copyable, @unchecked Sendable {
        var writer: SealedWriter
        var maker = BlockMaker()
        var pending: [UInt8] = []
        /// Rows of the table that are written.
        var written = 0

        mutating func take(_ row: UnsafeRawBufferPointer) throws {
            guard let block = maker.take(row) else { return }
            pending += block
            if pending.count >= 1 << 19 { try write() }
        }

        mutating func write() throws {
            guard !pending.isEmpty else { return }
            try writer.write(pending, rows: maker.rows - written)
            written = maker.rows
            pending.removeAll(keepingCapacity: true)
        }
    }

    private let state: Mutex<State>

    init(_ file: SealedFile, of export: String, key: DataKey, in folder: String) throws {
        state = Mutex(State(writer: try SealedWriter(file, of: export, key: key, in: folder)))
    }

    func take(_ row: UnsafeRawBufferPointer) throws { try state.withLock { try $0.take(row) } }

    func finish(_ table: ExportStore.Table) throws -> (SealedFile, RowDigests.Table) {
        let columns = table.columns
        return try state.withLock { state in
            if let rest = state.maker.close() { state.pending += rest }
            try state.write()
            state.writer.note(columns: columns, root: state.maker.root)
            let file = try state.writer.finish()
            let rows = RowDigests.Table(
                table: table.schema + "." + table.relation, columns: columns, rows: state.maker.rows,
                root: state.maker.root,
                blocks: state.maker.blocks)
            return (file, rows)
        }
    }
}

/// Definitions, written by PostgreSQL's own tools in the export's snapshot.
struct SchemaTool: Sendable {
    let binaries: PostgresBinaries
    let configuration: DatabaseConfiguration
    let snapshot: String

    func schema(_ section: String) async throws -> [UInt8] {
        try await text(
            "pg_dump", ["--section=\(section)", "--snapshot=\(snapshot)", "--dbname=\(configuration.connectionString)"])
    }

    /// Names and memberships without pass words: a bank restored elsewhere sets its own.
    func roles() async throws -> [UInt8] {
        try await text(
            "pg_dumpall",
            ["--roles-only", "--no-role-passwords", "--dbname=\(configuration.connectionString)"])
    }

    private func text(_ program: String, _ options: [String]) async throws -> [UInt8] {
        let run = try await ToolRun.run(
            binaries.path(of: program), ["--no-password"] + options,
            environment: ["PGPASSWORD": configuration.password ?? ""])
        try run.checked(program)
        // What only psql understands, and what says that a file is complete: it will be a part of one.
        let lines = run.output.split(separator: 10, omittingEmptySubsequences: false).filter { line in
            !line.starts(with: Array("\\restrict".utf8)) && !line.starts(with: Array("\\unrestrict".utf8))
                && !line.starts(with: Array("-- PostgreSQL database".utf8))
        }
        return Array(lines.joined(separator: [10]))
    }
}
