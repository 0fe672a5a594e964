internal import Cryptography
public import Diagnostics
internal import Foundation
internal import Glibc
internal import Tokens
internal import Web

/// The file that holds an installation's ES256 keys, sealed under a key that the vault derives.
///
/// One key signs. The next one is made and published before it is needed, so that caches of the public keys know it; the
/// former ones go on verifying until the tokens that they signed have ended.
public struct SigningKeyFile: Sendable {
    private let path: String
    private let sealingKey: [UInt8]
    private static let place = Array("digitalbank/auth/signing-keys".utf8)
    /// Keys kept for verifying after they signed.
    public static let formerKeysMax = 4

    /// - Parameter sealingKey: 32 bytes.
    public init(path: String, sealingKey: [UInt8]) {
        self.path = path
        self.sealingKey = sealingKey
    }

    private struct Content {
        var root: [UInt8]
        /// The next one, the one that signs, the former ones.
        var scalars: [[UInt8]]

        init() throws {
            root = try SecureRandom.bytes(32)
            scalars = [try P256.PrivateKey().scalar, try P256.PrivateKey().scalar]
        }

        init?(_ json: JSON) {
            guard let root = json["root"]?.string.flatMap({ Base64URL.decode($0) }), root.count == 32,
                let scalars = json["keys"]?.array?.compactMap({ $0.string.flatMap { Base64URL.decode($0) } }),
                scalars.count >= 2
            else { return nil }
            self.root = root
            self.scalars = scalars
        }

        var json: JSON {
            [
                "root": .string(Base64URL.encode(root)),
                "keys": .array(scalars.map { .string(Base64URL.encode($0)) }),
            ]
        }

        func keys() throws -> AuthKeys {
            let keys = try scalars.map { TokenKey(p256: try P256.PrivateKey(scalar: $0)) }
            return AuthKeys(tokens: KeySet(keys, signing: 1), root: root)
        }
    }

    /// The keys; the file is made when it is not there.
    public func load() throws -> AuthKeys {
        if access(path, F_OK) == 0 { return try read().keys() }
        let content = try Content()
        // Of two servers that start at once, the first makes the file and the second reads it.
        guard try write(content, isNew: true) else { return try read().keys() }
        return try content.keys()
    }

    /// The next key signs from now on, a new next one is published, the former ones verify. Returns the new keys.
    @discardableResult
    public func rotate() throws -> AuthKeys {
        var content = try read()
        content.scalars = Array(
            ([try P256.PrivateKey().scalar] + content.scalars).prefix(2 + Self.formerKeysMax))
        _ = try write(content, isNew: false)
        return try content.keys()
    }

    private func read() throws -> Content {
        guard let data = FileManager.default.contents(atPath: path) else {
            throw AuthFault(
                code: "auth_keys_unreadable", message: "the signing keys in \(path) cannot be read",
                hint: "Check the file's owner and rights; without it all sessions end.")
        }
        let bytes = Array(data)
        guard bytes.count > AESGCM.nonceBytes,
            let opened = try? AESGCM().open(
                Array(bytes.dropFirst(AESGCM.nonceBytes)), key: sealingKey,
                nonce: Array(bytes.prefix(AESGCM.nonceBytes)), associated: Self.place),
            let json = try? JSONReader.read(opened), let content = Content(json)
        else {
            throw AuthFault(
                code: "auth_keys_not_ours", message: "the signing keys in \(path) do not open with this key",
                hint: "Give the key-encryption key that the file was sealed with, or restore the file.")
        }
        return content
    }

    /// False when `isNew` and somebody else has made the file meanwhile.
    private func write(_ content: Content, isNew: Bool) throws -> Bool {
        let nonce = try SecureRandom.bytes(AESGCM.nonceBytes)
        let sealed =
            try nonce
            + AESGCM().seal(Array(content.json.text.utf8), key: sealingKey, nonce: nonce, associated: Self.place)
        let draft = path + ".\(UUID().uuidString).new"
        let descriptor = open(draft, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw notWritable() }
        let written = sealed.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
        let isKept = written == sealed.count && fsync(descriptor) == 0
        close(descriptor)
        defer { unlink(draft) }
        guard isKept else { throw notWritable() }
        if isNew {
            if link(draft, path) == 0 { return true }
            guard errno == EEXIST else { throw notWritable() }
            return false
        }
        guard rename(draft, path) == 0 else { throw notWritable() }
        return true
    }

    private func notWritable() -> AuthFault {
        AuthFault(
            code: "auth_keys_not_writable", message: "the signing keys cannot be written to \(path)",
            hint: "Give the program a folder that it may write, with space left.")
    }
}

/// What keeps Auth from starting.
public struct AuthFault: Fault, Hashable {
    public let code: String
    public let message: String
    public let hint: String
}
