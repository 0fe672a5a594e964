internal import Cryptography
public import Foundation

/// Where a sealed value belongs; bound to it, so that it opens nowhere else.
public struct SealedPlace: Sendable, Hashable {
    public let table: String
    public let column: String
    public let row: String

    public init(table: String, column: String, row: String) {
        self.table = table
        self.column = column
        self.row = row
    }
}

/// One client's data key.
public struct DataKey: Sendable {
    public let clientID: UUID
    public let version: Int
    let bytes: [UInt8]

    public init(newFor clientID: UUID, version: Int = 1) throws {
        self.clientID = clientID
        self.version = version
        bytes = try SecureRandom.bytes(32)
    }

    init(clientID: UUID, version: Int, bytes: [UInt8]) {
        self.clientID = clientID
        self.version = version
        self.bytes = bytes
    }
}

/// Seals and opens column values. One per task: it keeps a cipher context for speed.
///
/// A sealed value is: format byte 1, key version (4 bytes, big endian), nonce (12), ciphertext, tag (16). Associated data:
/// table, column, row and key version, each with its length.
public struct Sealer: ~Copyable {
    private let cipher: AESGCM

    public init() throws { cipher = try AESGCM() }

    public func seal(_ plaintext: [UInt8], with key: DataKey, at place: SealedPlace) throws -> [UInt8] {
        let nonce = try SecureRandom.bytes(AESGCM.nonceBytes)
        let sealed = try cipher.seal(
            plaintext, key: key.bytes, nonce: nonce, associated: Self.associated(place, version: key.version))
        return [1] + Self.bigEndian(key.version) + nonce + sealed
    }

    public func open(_ sealed: [UInt8], with key: DataKey, at place: SealedPlace) throws -> [UInt8] {
        guard sealed.count >= 33, sealed[0] == 1, Array(sealed[1..<5]) == Self.bigEndian(key.version) else {
            throw VaultError(
                code: "vault_value_unknown", message: "the sealed value is of another format or key version",
                hint: "Open it with the data key of its version.")
        }
        return try cipher.open(
            Array(sealed[17...]), key: key.bytes, nonce: Array(sealed[5..<17]),
            associated: Self.associated(place, version: key.version))
    }

    /// The version of the key that sealed a value.
    public static func version(of sealed: [UInt8]) throws -> Int {
        guard sealed.count >= 33, sealed[0] == 1 else {
            throw VaultError(
                code: "vault_value_unknown", message: "the sealed value is of another format",
                hint: "It was not sealed by this version, or it is cut off.")
        }
        return sealed[1..<5].reduce(0) { $0 << 8 | Int($1) }
    }

    /// The data key as it is stored: nonce, ciphertext and tag under the key-encryption key.
    public func wrap(_ key: DataKey, under kek: KeyEncryptionKey) throws -> [UInt8] {
        let nonce = try SecureRandom.bytes(AESGCM.nonceBytes)
        return try nonce
            + cipher.seal(key.bytes, key: kek.bytes, nonce: nonce, associated: Self.wrapping(key.clientID, key.version))
    }

    public func unwrap(
        _ wrapped: [UInt8], clientID: UUID, version: Int, under kek: KeyEncryptionKey
    ) throws -> DataKey {
        guard !wrapped.isEmpty else { throw VaultError.destroyed(clientID) }
        guard wrapped.count == 60 else {
            throw VaultError(
                code: "vault_key_foreign", message: "the key of client \(clientID) was wrapped by another keeper",
                hint: "Name that keeper in the folder of keys; docs/reference/vault.md says how.")
        }
        let bytes = try cipher.open(
            Array(wrapped[12...]), key: kek.bytes, nonce: Array(wrapped[..<12]),
            associated: Self.wrapping(clientID, version))
        return DataKey(clientID: clientID, version: version, bytes: bytes)
    }

    static func wrapping(_ clientID: UUID, _ version: Int) -> [UInt8] {
        Array("digitalbank/data-key".utf8) + withUnsafeBytes(of: clientID.uuid) { Array($0) } + bigEndian(version)
    }

    private static func associated(_ place: SealedPlace, version: Int) -> [UInt8] {
        var out: [UInt8] = []
        for field in [place.table, place.column, place.row] {
            out += bigEndian(field.utf8.count)
            out += field.utf8
        }
        return out + bigEndian(version)
    }

    private static func bigEndian(_ value: Int) -> [UInt8] {
        [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: value >> $0) }
    }
}

/// Blind indexes: the same value gives the same 32 bytes under the bank's key, and nothing turns them back.
public struct BlindIndex: Sendable {
    private let key: [UInt8]

    /// `root` must stay the same for the life of the database; `purpose` names the column.
    public init(root: KeyEncryptionKey, purpose: String) { key = root.derived("blind-index/" + purpose) }

    public func code(_ normalised: [UInt8]) -> [UInt8] { HMACSHA256.code(normalised, key: key) }

    /// Sixteen hexadecimal digits: a pseudonym for logs.
    public func token(_ value: String) -> String { String(code(Array(value.utf8)).hex.prefix(16)) }
}

/// How values are written before they are indexed, so that equal values are equal bytes.
public enum Normaliser {
    public static func email(_ text: String) -> [UInt8] {
        Array(text.precomposedStringWithCanonicalMapping.trimmingCharacters(in: .whitespaces).lowercased().utf8)
    }

    /// Digits only; a French national number gets its country code.
    public static func telephone(_ text: String) -> [UInt8] {
        var digits = text.utf8.filter { (48...57).contains($0) }
        if text.hasPrefix("00") { digits.removeFirst(min(2, digits.count)) }
        if digits.count == 10, digits.first == 48 { digits = [51, 51] + digits.dropFirst() }
        return digits
    }

    /// Without spaces, upper case.
    public static func iban(_ text: String) -> [UInt8] {
        text.utf8.compactMap { byte in
            if byte == 32 { return nil }
            return (97...122).contains(byte) ? byte - 32 : byte
        }
    }
}
