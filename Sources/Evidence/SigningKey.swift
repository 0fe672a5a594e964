public import Cryptography
internal import Foundation

/// The key that signs journals and reports. It lives in a file outside the database, readable by its owner only.
public struct SigningKey: Sendable {
    public let key: Ed25519.PrivateKey

    public var publicKey: Ed25519.PublicKey { key.publicKey }

    public init(key: Ed25519.PrivateKey) { self.key = key }

    /// Reads the key, or makes one when there is none yet.
    public static func open(path: String) throws -> SigningKey {
        if FileManager.default.fileExists(atPath: path) { return try read(path) }
        let made = try SigningKey(key: Ed25519.PrivateKey())
        let aside = "\(path).\(UInt64.random(in: 0 ... .max)).new"
        let descriptor = Foundation.open(aside, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw EvidenceError.keyUnreadable(path, String(cString: strerror(errno))) }
        defer { unlink(aside) }
        let handle = FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
        try handle.write(contentsOf: Data((made.key.seed.hex + "\n").utf8))
        try handle.synchronize()
        // A link, not a rename: of two processes that make the first key, both take that of the faster one.
        guard link(aside, path) == 0 || errno == EEXIST else {
            throw EvidenceError.keyUnreadable(path, String(cString: strerror(errno)))
        }
        return try read(path)
    }

    private static func read(_ path: String) throws -> SigningKey {
        var status = stat()
        guard stat(path, &status) == 0 else {
            throw EvidenceError.keyUnreadable(path, String(cString: strerror(errno)))
        }
        guard status.st_mode & 0o077 == 0, status.st_uid == geteuid() else {
            throw EvidenceError(
                code: "signing_key_exposed", message: "\(path) can be read by others than its owner",
                hint: "Set it right with: chmod 600 \(path); if someone may have read it, make a new key.")
        }
        guard let data = FileManager.default.contents(atPath: path) else {
            throw EvidenceError.keyUnreadable(path, "it is no file")
        }
        let text = String(decoding: data, as: UTF8.self).trimmingCharacters(in: .whitespacesAndNewlines)
        guard let seed = [UInt8](hex: text), seed.count == 32 else {
            throw EvidenceError.keyUnreadable(path, "it does not hold 64 hexadecimal digits")
        }
        return try SigningKey(key: Ed25519.PrivateKey(seed: seed))
    }
}
