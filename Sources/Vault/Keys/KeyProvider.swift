internal import Cryptography
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
    /// A program that keeps it: a client of a KMS.
    case command(KeyCommand)

    /// The key as a wrapper: the only form in which a keeper gives it.
    public func wrapper() async throws -> any KeyWrapper {
        if case .command(let command) = self { return try await command.wrapper() }
        return try key()
    }

    /// The key itself.
    public func key() throws -> KeyEncryptionKey {
        switch self {
        case .file(let path): try Self.read(path)
        case .environment(let name): try Self.environment(name)
        case .command:
            throw VaultError(
                code: "vault_key_kept", message: "the key stays with its keeper",
                hint: "Wrap and unwrap with it; a root of blind indexes comes from a file or the environment.")
        }
    }

    /// Makes the file with a new random key when it is not there.
    public static func createIfMissing(_ path: String) throws {
        if access(path, F_OK) == 0 { return }
        try write(KeyEncryptionKey(bytes: SecureRandom.bytes(32)), to: path)
    }

    /// Writes a key where none is yet; a file that is there stays. It appears whole, even when the machine dies.
    static func write(_ key: KeyEncryptionKey, to path: String) throws {
        let aside = "\(path).\(UInt64.random(in: 0 ... .max)).new"
        let descriptor = open(aside, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw unreadable(path, String(cString: strerror(errno))) }
        let handle = FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
        try handle.write(contentsOf: Data((key.bytes.hex + "\n").utf8))
        try handle.synchronize()
        defer { unlink(aside) }
        // A link, not a rename: whoever was first keeps the name.
        guard link(aside, path) == 0 || errno == EEXIST else {
            throw unreadable(path, String(cString: strerror(errno)))
        }
    }

    private static func read(_ path: String) throws -> KeyEncryptionKey {
        var status = stat()
        guard stat(path, &status) == 0 else { throw unreadable(path, String(cString: strerror(errno))) }
        guard status.st_mode & 0o077 == 0, status.st_uid == geteuid() else {
            throw VaultError(
                code: "vault_key_exposed", message: "\(path) can be read by others than its owner",
                hint: "Set it right with: chmod 600 \(path); if someone may have read it, rotate the key.")
        }
        guard let data = FileManager.default.contents(atPath: path) else { throw unreadable(path, "it is no file") }
        let text = String(decoding: data, as: UTF8.self).trimmingCharacters(in: .whitespacesAndNewlines)
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
