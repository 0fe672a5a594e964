internal import Crypto
internal import Foundation

/// The key-encryption key and the keys derived from it. It does not print.
public struct KeyEncryptionKey: Sendable, CustomStringConvertible {
    let bytes: [UInt8]
    /// Says which key it is without telling it: the first 16 hexadecimal digits of a derived value.
    public let id: String

    public init(bytes: [UInt8]) throws(VaultError) {
        guard bytes.count == 32 else {
            throw VaultError(
                code: "vault_key_size", message: "the vault's key has \(bytes.count) bytes",
                hint: "It must be 32 random bytes, written as 64 hexadecimal digits.")
        }
        self.bytes = bytes
        id = String(HKDF.derive(key: bytes, salt: [], info: Array("digitalbank/kek-id".utf8), count: 8).hex)
    }

    public var description: String { "key \(id)" }

    /// A key for one purpose: a blind index, a pseudonym. Independent of all other purposes.
    func derived(_ purpose: String) -> [UInt8] {
        HKDF.derive(key: bytes, salt: Array("digitalbank".utf8), info: Array(purpose.utf8))
    }
}

/// Where the key-encryption key comes from.
public enum KeyProvider: Sendable {
    /// A file of 64 hexadecimal digits that only its owner can read.
    case file(String)
    /// An environment variable of 64 hexadecimal digits.
    case environment(String)

    /// The key, and beside it the root of the blind indexes, which outlives the key's rotation.
    public func key() throws -> KeyEncryptionKey {
        switch self {
        case .file(let path): try Self.read(path)
        case .environment(let name): try Self.environment(name)
        }
    }

    /// Makes the file with a new random key when it is not there.
    public static func createIfMissing(_ path: String) throws {
        let descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        if descriptor < 0, errno == EEXIST { return }
        guard descriptor >= 0 else { throw unreadable(path, String(cString: strerror(errno))) }
        let handle = FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
        try handle.write(contentsOf: Data((SecureRandom.bytes(32).hex + "\n").utf8))
        try handle.synchronize()
    }

    private static func read(_ path: String) throws -> KeyEncryptionKey {
        var status = stat()
        guard stat(path, &status) == 0 else { throw unreadable(path, String(cString: strerror(errno))) }
        guard status.st_mode & 0o077 == 0, status.st_uid == geteuid() else {
            throw VaultError(
                code: "vault_key_exposed", message: "\(path) can be read by others than its owner",
                hint: "Set it right with: chmod 600 \(path); if someone may have read it, rotate the key.")
        }
        let text = try String(contentsOfFile: path, encoding: .utf8).trimmingCharacters(in: .whitespacesAndNewlines)
        guard let bytes = [UInt8](hex: text) else { throw unreadable(path, "it does not hold hexadecimal digits") }
        return try KeyEncryptionKey(bytes: bytes)
    }

    private static func environment(_ name: String) throws -> KeyEncryptionKey {
        guard let text = ProcessInfo.processInfo.environment[name], let bytes = [UInt8](hex: text) else {
            throw VaultError(
                code: "vault_key_missing", message: "the environment variable \(name) holds no key",
                hint: "Set it to 64 hexadecimal digits, or give the key in a file.")
        }
        return try KeyEncryptionKey(bytes: bytes)
    }

    private static func unreadable(_ path: String, _ reason: String) -> VaultError {
        VaultError(
            code: "vault_key_missing", message: "the vault's key can not be read from \(path): \(reason)",
            hint: "Without the key nothing starts; restore the file from where it is kept safe.")
    }
}
