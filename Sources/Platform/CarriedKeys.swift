internal import Cryptography
internal import Foundation
internal import Postgres
internal import PostgresServer
internal import Recovery
internal import Vault

/// The clients' keys as they stood wrapped when a key-encryption key was destroyed, in a file beside the keys.
///
/// An older backup holds the same keys wrapped by the destroyed one. Brought into it, these open it again for everybody
/// but those whose keys were destroyed before: they are not in the file.
enum CarriedKeys {
    static func path(_ data: DataDirectory) -> String { data.keys + "/carried.keys" }

    private static let head = "digitalbank.carried-keys/1\n"

    /// Writes the file anew, whole or not at all. Returns how many keys it holds.
    static func write(from database: Database, _ data: DataDirectory) async throws -> Int {
        let place = path(data)
        let fresh = place + ".new"
        try? FileManager.default.removeItem(atPath: fresh)
        guard FileManager.default.createFile(atPath: fresh, contents: nil, attributes: [.posixPermissions: 0o600]),
            let handle = FileHandle(forWritingAtPath: fresh)
        else { throw unreadable(fresh, "it can not be written") }
        defer { try? handle.close() }
        try handle.write(contentsOf: Data(head.utf8))
        let count = try await database.transaction(isolation: .repeatableRead) { tx in
            let store = CarriedKeysStore(database: tx)
            var count = 0
            var last: WrappedKey?
            while true {
                let batch = try await store.live(after: last, limit: KeyWrapping.batchMax)
                guard let end = batch.last else { break }
                try handle.write(contentsOf: Data(batch.map(line).joined().utf8))
                count += batch.count
                last = end
            }
            return count
        }
        try handle.write(contentsOf: Data("end \(count)\n".utf8))
        try handle.synchronize()
        guard rename(fresh, place) == 0 else { throw unreadable(place, String(cString: strerror(errno))) }
        return count
    }

    /// Brings the keys into a bank whose own nobody can open. Changes nothing where all can be opened.
    static func adopt(in database: Database, _ data: DataDirectory) async throws -> (adopted: Int, closed: Int64) {
        let keyring = try await KeyFolder(data.keys).keyring()
        let store = CarriedKeysStore(database: database)
        let held = try await store.kekIDs().filter(keyring.holds)
        let closed = try await store.closed(but: held)
        guard closed > 0, FileManager.default.fileExists(atPath: path(data)) else { return (0, closed) }
        let keys = try read(path(data)).filter { keyring.holds($0.kekID) }
        let adopted = try await database.transaction { tx in
            let store = CarriedKeysStore(database: tx)
            var adopted = 0
            for start in stride(from: 0, to: keys.count, by: KeyWrapping.batchMax) {
                let batch = Array(keys[start..<min(start + KeyWrapping.batchMax, keys.count)])
                adopted += try await store.adopt(batch, but: held)
            }
            if adopted > 0 {
                try await EvidenceTrail.record("keys.carried", keyring.current.kekID, ["keys": "\(adopted)"], in: tx)
            }
            return adopted
        }
        return (adopted, closed - Int64(adopted))
    }

    private static func line(_ key: WrappedKey) -> String {
        "\(key.clientID.uuidString.lowercased()) \(key.version) \(key.kekID) \(key.bytes.hex)\n"
    }

    static func read(_ path: String) throws -> [WrappedKey] {
        guard let data = FileManager.default.contents(atPath: path) else { throw unreadable(path, "it is not there") }
        guard data.starts(with: Data(head.utf8)) else { throw unreadable(path, "its first line is another one") }
        var keys: [WrappedKey] = []
        var end: Int?
        for line in data.dropFirst(head.utf8.count).split(separator: 10) {
            guard end == nil else { throw unreadable(path, "something stands behind its end") }
            let words = String(decoding: line, as: UTF8.self).split(separator: " ")
            if words.count == 2, words[0] == "end" {
                end = Int(words[1])
                continue
            }
            guard words.count == 4, let client = UUID(uuidString: String(words[0])), let version = Int(words[1]),
                version > 0, let bytes = [UInt8](hex: String(words[3])), !bytes.isEmpty
            else { throw unreadable(path, "line \(keys.count + 2) holds no key") }
            keys.append(WrappedKey(clientID: client, version: version, kekID: String(words[2]), bytes: bytes))
        }
        guard end == keys.count else { throw unreadable(path, "it ends too early") }
        return keys
    }

    private static func unreadable(_ path: String, _ why: String) -> RecoveryError {
        RecoveryError(
            code: "carried_keys_unreadable", message: "\(path): \(why)",
            hint: "Bring the file back from a copy of the keys' folder; without it older backups stay closed.",
            exitStatus: .environment)
    }
}

extension KeysService {
    /// Brings today's keys into a restored bank that was saved under a key-encryption key which is destroyed since; whoever
    /// was erased meanwhile is erased there too.
    ///
    /// - Parameter directory: of the restored cluster, which must be running.
    public static func carry(into directory: String, dataDirectory: String) async throws -> [String] {
        let data = DataDirectory(dataDirectory)
        let cluster = try Cluster.attach(RecoverService.absolute(directory))
        guard cluster.isRunning else {
            throw RecoveryError(
                code: "bank_stopped", message: "the bank in \(directory) is stopped",
                hint: "Restore it with: digitalbank restore --into \(directory)", exitStatus: .environment)
        }
        let database = Database(cluster.configuration(database: UpService.databaseName))
        let result: Result<(adopted: Int, closed: Int64), any Error>
        do {
            let done = try await CarriedKeys.adopt(in: database, data)
            _ = try await PrivacyDeskService.open(database, data: data)
            let keyring = try await KeyFolder(data.keys).keyring()
            let store = CarriedKeysStore(database: database)
            let held = try await store.kekIDs().filter(keyring.holds)
            result = .success((done.adopted, try await store.closed(but: held)))
        } catch {
            result = .failure(error)
        }
        await database.close()
        let done = try result.get()
        return ["\(done.adopted) client keys brought in; erasures are replayed"]
            + (done.closed > 0
                ? ["\(done.closed) client keys stay closed: destroyed since, or not in \(CarriedKeys.path(data))"] : [])
    }
}
