internal import Cryptography

/// Reads columns that pgcrypto wrote with `pgp_sym_encrypt`, in this process: the old key never goes to a server.
///
/// Format: OpenPGP (RFC 4880), the parts that pgcrypto writes for a passphrase: one symmetric-key packet, then encrypted
/// data with or without a modification code, in it a literal or a compressed literal. The input is hostile: every length
/// is checked against what is there, and work and memory are bounded.
public struct LegacyPGP: Sendable {
    public struct Limits: Sendable {
        /// Bytes hashed to make a key of the passphrase: the format's own maximum.
        public var hashedBytesMax = 65_011_712
        public var plaintextBytesMax = 64 << 20

        public init() {}
    }

    public struct Decrypted: Sendable {
        public let plaintext: [UInt8]
        /// False for old-style data without a modification code: a wrong key or a changed byte can pass unnoticed.
        public let isAuthentic: Bool
        /// Bytes that were hashed for the key.
        public let hashedBytes: Int
    }

    private let passphrase: [UInt8]
    private let limits: Limits

    public init(passphrase: [UInt8], limits: Limits = Limits()) {
        self.passphrase = passphrase
        self.limits = limits
    }

    /// The plaintext. Errors: the passphrase is wrong, the value is broken, or it is of a kind that is not read.
    public static func decrypt(_ bytes: [UInt8], passphrase: [UInt8]) throws(VaultError) -> [UInt8] {
        try LegacyPGP(passphrase: passphrase).decrypt(bytes).plaintext
    }

    public func decrypt(_ bytes: [UInt8]) throws(VaultError) -> Decrypted {
        var reader = PGPReader(bytes)
        guard let first = try reader.packet(), first.tag == .symmetricKey else {
            throw .legacyBroken("it does not begin with a symmetric-key packet")
        }
        let key = try PGPSessionKey(packet: first.body, passphrase: passphrase, hashedBytesMax: limits.hashedBytesMax)
        guard let second = try reader.packet() else { throw .legacyBroken("its encrypted data is missing") }
        guard try reader.packet() == nil else { throw .legacyBroken("more follows the encrypted data") }
        let content: [UInt8]
        switch second.tag {
        case .protectedData: content = try key.openProtected(second.body)
        case .encryptedData: content = try key.openUnprotected(second.body)
        default: throw .legacyBroken("its second packet is no encrypted data")
        }
        return Decrypted(
            plaintext: try literal(in: content, depth: 0), isAuthentic: second.tag == .protectedData,
            hashedBytes: key.hashedBytes)
    }

    private func literal(in content: [UInt8], depth: Int) throws(VaultError) -> [UInt8] {
        var reader = PGPReader(content)
        guard let packet = try reader.packet() else { throw .legacyBroken("nothing is in it") }
        guard try reader.packet() == nil else { throw .legacyBroken("it holds more than one message") }
        switch packet.tag {
        case .literal: return try literalData(packet.body)
        case .compressed where depth == 0:
            guard let kind = packet.body.first else { throw .legacyBroken("its compressed data is empty") }
            let inner = try PGPInflate.inflated(
                Array(packet.body.dropFirst()), kind: kind, bytesMax: limits.plaintextBytesMax)
            return try literal(in: inner, depth: 1)
        default: throw .legacyBroken("it holds no literal data")
        }
    }

    /// Kind (`b`, `t`, `u`), a name with its length, four bytes of time, then the data.
    private func literalData(_ body: [UInt8]) throws(VaultError) -> [UInt8] {
        guard body.count >= 2, [0x62, 0x74, 0x75].contains(body[0]) else {
            throw .legacyBroken("its literal data is of an unknown kind")
        }
        let start = 2 + Int(body[1]) + 4
        guard body.count >= start else { throw .legacyBroken("its literal data is cut off") }
        guard body.count - start <= limits.plaintextBytesMax else { throw .legacyBroken("it is too long") }
        return Array(body[start...])
    }
}

extension VaultError {
    static func legacyBroken(_ reason: String) -> VaultError {
        VaultError(
            code: "legacy_value_broken", message: "the legacy encrypted value can not be read: \(reason)",
            hint: "The value itself is damaged or was not written by pgp_sym_encrypt; it is kept as it is.")
    }

    static func legacyUnknown(_ what: String) -> VaultError {
        VaultError(
            code: "legacy_value_unknown", message: "the legacy encrypted value uses \(what), which is not read",
            hint: "Decrypt the column with pgcrypto on an isolated server, then seal it.")
    }

    static let legacyKeyWrong = VaultError(
        code: "legacy_key_wrong", message: "the legacy encrypted value does not open with this key",
        hint: "Give the key the bank used with --legacy-key-file; if it is the right one, the value was changed.")
}
