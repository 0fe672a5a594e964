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

    /// The pass phrase; made when there is none yet. Wrapped anew when the vault's key was rotated since.
    static func passPhrase(_ folder: ContinuityFolder) async throws -> String {
        let keyring = try await KeyFolder(folder.keys).keyring()
        guard let data = FileManager.default.contents(atPath: folder.sealedKey) else {
            return try await make(folder, keyring)
        }
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
