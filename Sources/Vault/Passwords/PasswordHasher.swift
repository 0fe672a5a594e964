internal import Cryptography
internal import Foundation
public import Postgres

/// Hashes passwords with pgcrypto's bcrypt, without the password ever reaching the database.
///
/// What is sent is an HMAC of the password under a key derived from the bank's index root. A server that logs its
/// parameters, or a copy of the table of hashes, gives nothing to guess passwords from without that key. It also lets
/// bcrypt, which reads 72 bytes, see all of a long password.
public struct PasswordHasher: Sendable {
    private let key: [UInt8]
    private let cost: Int

    public static let bytesMax = 1024
    /// bcrypt's exponent: each step doubles the work.
    public static let costRange = 4...16

    /// - Parameter cost: 12 takes a quarter of a second of the server's CPU.
    public init(root: KeyEncryptionKey, cost: Int = 12) {
        key = root.derived("password")
        self.cost = min(max(cost, Self.costRange.lowerBound), Self.costRange.upperBound)
    }

    /// A new hash with a salt of its own.
    public func hash(_ password: String, in executor: any SQLExecutor) async throws -> String {
        try await PasswordStore(database: executor).hash(try blinded(password), cost: cost)
    }

    /// Whether `password` is the one that `hash` was made of.
    public func matches(_ password: String, _ hash: String, in executor: any SQLExecutor) async throws -> Bool {
        guard let blinded = try? blinded(password), hash.hasPrefix("$2") else { return false }
        return try await PasswordStore(database: executor).hash(blinded, like: hash) == hash
    }

    /// Equal for equal texts, however their accents were typed.
    private func blinded(_ password: String) throws(VaultError) -> String {
        let bytes = Array(password.precomposedStringWithCanonicalMapping.utf8)
        guard (1...Self.bytesMax).contains(bytes.count) else {
            throw VaultError(
                code: "password_size", message: "a password of \(bytes.count) bytes",
                hint: "A password has 1 to \(Self.bytesMax) bytes.")
        }
        return Data(HMACSHA256.code(bytes, key: key)).base64EncodedString()
    }
}
