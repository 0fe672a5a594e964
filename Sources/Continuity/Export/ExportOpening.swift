internal import Foundation
internal import Glibc
internal import Postgres
internal import PostgresServer
internal import Synchronization
internal import Vault

extension ExportDesk {
    /// What was written of an export, or restored.
    public struct Opened: Sendable {
        public var rows = 0
        public var lost: [String] = []
        public var isWhole: Bool { lost.isEmpty }
    }

    /// Writes an export as a plain dump that `digitalbank recover` and psql read, and its rows' digests beside it.
    ///
    /// - Parameter isPartial: writes what is whole; otherwise any damage is an error and nothing is left.
    public func open(_ directory: String, to path: String, isPartial: Bool) async throws -> Opened {
        let (list, key) = try await opened(directory)
        guard !FileManager.default.fileExists(atPath: path) else {
            throw ContinuityError.file("write", path, "it is there already")
        }
        do {
            let opened = try write(list, key, directory, path)
            guard isPartial || opened.isWhole else {
                throw ContinuityError.exportUnsound(opened.lost.joined(separator: "; "))
            }
            return opened
        } catch {
            unlink(path)
            unlink(path + ".manifest.json")
            throw error
        }
    }

    private func write(_ list: ExportList, _ key: DataKey, _ directory: String, _ path: String) throws -> Opened {
        var opened = Opened()
        let descriptor = Glibc.open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0o600)
        guard descriptor >= 0 else { throw ContinuityError.file("write", path, String(cString: strerror(errno))) }
        let out = FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
        func put(_ text: [UInt8]) throws {
            do { try out.write(contentsOf: Data(text)) } catch {
                throw ContinuityError.file("write", path, error.localizedDescription)
            }
        }
        func part(_ name: String) throws {
            guard let text = try Self.text(name, list, key, directory) else {
                opened.lost.append("\(name) is damaged")
                return
            }
            try put(text + [10])
        }
        try put(
            Array(
                "--\n-- PostgreSQL database dump\n--\n\n-- Dumped from database version \(list.serverVersion)\n\n".utf8)
        )
        try part(Self.beforeFile)
        for file in list.files where file.table != nil {
            try put(Array("\(ExportStore.head(file))\n".utf8))
            let reader = try SealedReader(file, of: list.id, key: key, in: directory)
            var row = 0
            for (index, piece) in file.pieces.enumerated() {
                if let text = reader.piece(index) {
                    try put(text)
                    opened.rows += piece.rows
                } else {
                    opened.lost.append(Self.lost(file, piece, from: row))
                }
                row += piece.rows
            }
            try put(Array("\\.\n\n".utf8))
        }
        try part(Self.sequencesFile)
        try part(Self.afterFile)
        try put(Array("--\n-- PostgreSQL database dump complete\n--\n\n".utf8))
        if let digests = try Self.text(Self.digestsFile, list, key, directory) {
            try ContinuityFolder.write(String(decoding: digests, as: UTF8.self), to: path + ".manifest.json")
        }
        return opened
    }

    static func text(_ name: String, _ list: ExportList, _ key: DataKey, _ directory: String) throws -> [UInt8]? {
        guard let file = list.file(name) else { return nil }
        return try SealedReader(file, of: list.id, key: key, in: directory).whole()
    }

    /// Puts a whole export into an empty database, and reads every table back: their digests must be the signed ones.
    ///
    /// The definitions were signed by this bank and sealed: psql may run them. Of a damaged export nothing is put anywhere.
    public func restore(_ directory: String, into bank: String) async throws -> Opened {
        try await restore(directory, into: bank, of: try Cluster.attach(folder.cluster))
    }

    func restore(_ directory: String, into bank: String, of cluster: Cluster) async throws -> Opened {
        let examined = try await verify(directory, deep: true)
        guard examined.isSound else {
            throw ContinuityError.exportUnsound(examined.findings.joined(separator: "; "))
        }
        let (list, key) = try await opened(directory)
        try await cluster.createDatabase(bank)
        let configuration = cluster.configuration(database: bank)
        // Those that are there already say so; that is no fault.
        _ = try await psql(Self.rolesFile, list, key, directory, configuration, cluster, isStrict: false)
        try await psql(Self.beforeFile, list, key, directory, configuration, cluster).checked("psql")
        let database = Database(configuration)
        do {
            let opened = try await load(list, key, directory, database)
            for part in [Self.sequencesFile, Self.afterFile] {
                try await psql(part, list, key, directory, configuration, cluster).checked("psql")
            }
            await database.close()
            return opened
        } catch {
            await database.close()
            throw error
        }
    }

    private func load(
        _ list: ExportList, _ key: DataKey, _ directory: String, _ database: Database
    ) async throws -> Opened {
        var opened = Opened()
        for file in list.files where file.table != nil {
            let (rows, root) = try await database.transaction { tx in
                let store = ExportStore(connection: tx.connection)
                for statement in ExportStore.calm { try await tx.run(statement) }
                guard let table = try await store.table(file) else { return (0, "") }
                let rows = try await store.copyIn(table) { writer in
                    let reader = try SealedReader(file, of: list.id, key: key, in: directory)
                    for index in file.pieces.indices {
                        guard let text = reader.piece(index) else {
                            throw ContinuityError.exportUnsound("\(file.name) was damaged meanwhile")
                        }
                        try writer.write(text)
                    }
                }
                let digest = TableDigest()
                try await store.rows(of: table) { digest.take($0) }
                return (rows, digest.root)
            }
            opened.rows += rows
            if rows != file.rows || root != file.root {
                opened.lost.append("\(file.table ?? "") came back with \(rows) of \(file.rows) rows, or other ones")
            }
        }
        return opened
    }

    @discardableResult
    private func psql(
        _ part: String, _ list: ExportList, _ key: DataKey, _ directory: String,
        _ configuration: DatabaseConfiguration, _ cluster: Cluster, isStrict: Bool = true
    ) async throws -> ToolRun {
        guard let text = try Self.text(part, list, key, directory) else {
            throw ContinuityError.exportUnsound("\(part) is damaged")
        }
        let path = folder.path + "/export-" + String(UInt64.random(in: .min ... .max), radix: 36) + ".sql"
        try ContinuityFolder.write(String(decoding: text, as: UTF8.self), to: path)
        defer { unlink(path) }
        return try await ToolRun.run(
            cluster.binaries.path(of: "psql"),
            [
                "--no-psqlrc", "--quiet", "--no-password", "--set=ON_ERROR_STOP=\(isStrict ? 1 : 0)",
                "--dbname=\(configuration.connectionString)", "--file=\(path)",
            ], environment: ["PGPASSWORD": configuration.password ?? ""])
    }
}

/// The Merkle root of rows that are read again.
final class TableDigest: Sendable {
    private let maker = Mutex(BlockMaker())

    func take(_ row: UnsafeRawBufferPointer) { maker.withLock { _ = $0.take(row) } }

    var root: String {
        maker.withLock {
            _ = $0.close()
            return $0.root
        }
    }
}
