internal import Cryptography
internal import Foundation
internal import Vault

/// The repositories' pass phrase: random, sealed under a data key that the vault's key-encryption key wraps. Whoever has
/// the repository without the vault's key has noise.
struct RepositoryKey: Codable {
    let clientID: UUID
    let version: Int
    var kekID: String
    var wrapped: String
    let sealed: String

    private static let place = SealedPlace(table: "continuity", column: "repository", row: "passphrase")

    /// The pass phrase. Wrapped anew when the vault's key was rotated since.
    ///
    /// Never made here: a file that can not be read today may be read tomorrow, and a new pass phrase in pgbackrest.conf would
    /// take the place of the last copy of the one that opens the repositories.
    static func passPhrase(_ folder: ContinuityFolder) async throws -> String {
        guard let data = try read(folder) else { throw ContinuityError.keyLost("\(folder.sealedKey) is not there") }
        return try await open(data, folder)
    }

    /// The pass phrase; made when there is none yet, and nothing that another one would open.
    ///
    /// - Parameter opens: what another pass phrase opens: a repository with backups, in words.
    static func prepared(_ folder: ContinuityFolder, opens: [String]) async throws -> String {
        if let data = try read(folder) { return try await open(data, folder) }
        guard !FileManager.default.fileExists(atPath: folder.configuration) else {
            throw ContinuityError.keyLost(
                "\(folder.sealedKey) is not there, and \(folder.configuration) holds its pass phrase, perhaps the last copy"
            )
        }
        guard opens.isEmpty else {
            throw ContinuityError.keyLost("\(folder.sealedKey) is not there, and " + opens.joined(separator: ", "))
        }
        return try await make(folder, try await KeyFolder(folder.keys).keyring())
    }

    /// Nil only where there is no such file; anything else that keeps it from being read is an error.
    private static func read(_ folder: ContinuityFolder) throws -> Data? {
        let descriptor = Foundation.open(folder.sealedKey, O_RDONLY | O_CLOEXEC | O_NOFOLLOW)
        guard descriptor >= 0 else {
            if errno == ENOENT { return nil }
            throw ContinuityError.keyLost("\(folder.sealedKey): \(String(cString: strerror(errno)))")
        }
        let handle = FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
        do {
            return try handle.readToEnd() ?? Data()
        } catch {
            throw ContinuityError.keyLost("\(folder.sealedKey): \(error.localizedDescription)")
        }
    }

    private static func open(_ data: Data, _ folder: ContinuityFolder) async throws -> String {
        let keyring = try await KeyFolder(folder.keys).keyring()
        guard var kept = try? JSONDecoder().decode(RepositoryKey.self, from: data),
            let wrapped = [UInt8](hex: kept.wrapped), let sealed = [UInt8](hex: kept.sealed)
        else { throw ContinuityError.keyLost("\(folder.sealedKey) is not as we wrote it") }
        do {
            let key = try await keyring.unwrap([
                WrappedKey(clientID: kept.clientID, version: kept.version, kekID: kept.kekID, bytes: wrapped)
            ])
            guard let key = key.first else { throw ContinuityError.keyLost("the vault gave no key") }
            let phrase = try Sealer().open(sealed, with: key, at: place)
            if kept.kekID != keyring.current.kekID, let fresh = try await keyring.current.wrap([key]).first {
                kept.kekID = fresh.kekID
                kept.wrapped = String(fresh.bytes.hex)
                try kept.save(folder)
            }
            return String(decoding: phrase, as: UTF8.self)
        } catch let error as VaultError {
            throw ContinuityError.keyLost(error.message)
        }
    }

    private static func make(_ folder: ContinuityFolder, _ keyring: Keyring) async throws -> String {
        let phrase = try String(SecureRandom.bytes(32).hex)
        let key = try DataKey(newFor: UUID())
        guard let wrapped = try await keyring.current.wrap([key]).first else {
            throw ContinuityError.keyLost("the vault wrapped nothing")
        }
        let sealed = try Sealer().seal(Array(phrase.utf8), with: key, at: place)
        try RepositoryKey(
            clientID: wrapped.clientID, version: wrapped.version, kekID: wrapped.kekID,
            wrapped: String(wrapped.bytes.hex), sealed: String(sealed.hex)
        ).save(folder)
        return phrase
    }

    private func save(_ folder: ContinuityFolder) throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
        try ContinuityFolder.write(
            String(decoding: try encoder.encode(self), as: UTF8.self) + "\n", to: folder.sealedKey)
    }
}
