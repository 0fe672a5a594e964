internal import Diagnostics
internal import Foundation
internal import Postgres
internal import PostgresServer

/// The bank restored once more, with keys and backups of its own below a drill's room: something may befall it.
struct PlayedBank: Sendable {
    let desk: BackupDesk
    let cluster: Cluster
    /// The set of the living bank that it was made of.
    let origin: BackupSet
    /// Its keys as they are kept apart from it.
    let keysApart: String

    private static let exerciseRows = 500

    /// - Parameter order: says which set; its directory is not looked at.
    static func make(
        of desk: BackupDesk, _ order: Restorer.Request, at place: String, rows: Int = exerciseRows
    ) async throws -> PlayedBank {
        try ContinuityFolder.make(place, mode: 0o711)
        let other = BackupDesk(dataDirectory: place, bank: desk.bank, now: desk.now)
        try FileManager.default.copyItem(atPath: desk.folder.keys, toPath: other.folder.keys)
        // Its repository is another one, with a pass phrase and records of its own.
        unlink(other.folder.sealedKey)
        try? FileManager.default.removeItem(atPath: other.folder.keys + "/continuity")
        var order = order
        order.directory = other.folder.cluster
        let restored = try await Restorer(desk: desk).restore(order)
        do {
            try await restored.cluster.withSuperuser { try await $0.run(ContinuityStore.archivingAgain) }
            try await restored.cluster.stop(.fast)
            try await restored.cluster.start()
            _ = try await other.prepare(BackupSettings(repositories: [place + "/repository"]))
            try await other.withBank(restored.cluster) { database in
                for statement in DrillActStore.exerciseTable(rows: rows) { try await database.run(statement) }
                try await database.run(DrillActStore.checkpoint)
            }
            let apart = place + "/keys-apart"
            try FileManager.default.copyItem(atPath: other.folder.keys, toPath: apart)
            return PlayedBank(desk: other, cluster: restored.cluster, origin: restored.set, keysApart: apart)
        } catch {
            try? await restored.cluster.destroy()
            throw error
        }
    }

    func with<Value: Sendable>(_ body: @Sendable (Database) async throws -> Value) async throws -> Value {
        try await desk.withBank(cluster, body)
    }

    /// One session with every right.
    @discardableResult
    func session<Value: Sendable>(_ body: @Sendable (Connection) async throws -> Value) async throws -> Value {
        let connection = try await Connection.connect(cluster.configuration(database: desk.bank))
        do {
            let value = try await body(connection)
            await connection.close()
            return value
        } catch {
            await connection.close()
            throw error
        }
    }

    /// What its books, its balances and its journal are.
    func state() async throws -> [String] { try await with { try await Self.state($0) } }

    static func state(_ database: Database) async throws -> [String] {
        var state = try await [
            database.one(DrillActStore.postings, as: String.self),
            database.one(DrillActStore.balances, as: String.self),
        ]
        if try await database.one(DrillCheckStore.exists("evidence.entries"), as: Bool.self) {
            state.append(try await database.one(DrillActStore.entries, as: String.self))
        }
        return state
    }

    /// Ends the segment under way and waits until it is archived.
    func archive() async throws {
        let name = try await cluster.withSuperuser { connection in
            try await connection.one(DrillActStore.switchLog, as: String.self)
        }
        for _ in 0..<1200 {
            let archived = try await cluster.withSuperuser {
                try await ContinuityStore(database: $0).archiver().archived
            }
            if let archived, archived.prefix(24) >= name.prefix(24) { return }
            try await Task.sleep(for: .milliseconds(50))
        }
        throw ContinuityError.answer("the segment \(name) was not archived in a minute")
    }

    /// Writes over pages of a file: those that `chosen` names, all when nil, with noise; with one flipped byte when `isWhole` is false.
    func damage(_ file: String, isWhole: Bool = true, _ chosen: (Int) -> Bool = { _ in true }) throws {
        let path = cluster.dataDirectory + "/" + file
        let handle = try FileHandle(forUpdating: URL(filePath: path))
        defer { try? handle.close() }
        var generator = SplitMix(state: UInt64(file.utf8.count))
        let count = try Int(handle.seekToEnd()) / PageScan.pageBytes
        for number in 0..<count where chosen(number) {
            let place = UInt64(number * PageScan.pageBytes)
            if isWhole {
                var noise = [UInt64](repeating: 0, count: PageScan.pageBytes / 8)
                for index in noise.indices { noise[index] = generator.next() }
                try handle.seek(toOffset: place)
                try handle.write(contentsOf: noise.withUnsafeBytes { Data($0) })
            } else {
                try handle.seek(toOffset: place + 5000)
                let byte = try handle.read(upToCount: 1)?.first ?? 0
                try handle.seek(toOffset: place + 5000)
                try handle.write(contentsOf: Data([byte ^ 0x10]))
            }
        }
    }

    func end() async { try? await cluster.destroy() }
}
