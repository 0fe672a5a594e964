internal import Cryptography
internal import Foundation

/// The newest block's number and hash, signed: what is published outside of the database.
public struct JournalHead: Codable, Sendable, Hashable {
    public static let formatName = "digitalbank.evidence.head/1"

    public let format: String
    /// The block's number.
    public let block: Int64
    /// The block's hash, in hexadecimal.
    public let hash: String
    /// Rows in all blocks up to this one.
    public let entries: Int
    /// Microseconds since 1970, in decimal.
    public let sealedAt: String
    /// The public key, in hexadecimal.
    public let key: String
    /// Ed25519 over the digest of the fields above.
    public let signature: String

    private enum CodingKeys: String, CodingKey {
        case format, block, hash, entries, key, signature
        case sealedAt = "sealed_at"
    }

    init(of block: JournalBlock, entryCount: Int, signedBy key: SigningKey) throws {
        format = Self.formatName
        self.block = block.number
        hash = block.hash.hex
        entries = entryCount
        sealedAt = block.sealedAt
        self.key = key.publicKey.raw.hex
        let digest = Self.digest(block.number, block.hash.hex, entryCount, block.sealedAt, key.publicKey.raw.hex)
        signature = try key.key.signature(of: digest).hex
    }

    private static func digest(
        _ block: Int64, _ hash: String, _ entries: Int, _ sealedAt: String, _ key: String
    ) -> [UInt8] {
        var fields = FieldHash(version: 5)
        fields.add(formatName)
        fields.add(String(block))
        fields.add(hash)
        fields.add(entries)
        fields.add(sealedAt)
        fields.add(key)
        return fields.digest
    }

    /// Whether it is signed by the key it names.
    var isSigned: Bool {
        format == Self.formatName
            && Ed25519.PublicKey(raw: [UInt8](hex: key) ?? []).isValid(
                [UInt8](hex: signature) ?? [], for: Self.digest(block, hash, entries, sealedAt, key))
    }

    /// As one line of JSON, without the line's end.
    public var line: String {
        get throws {
            let encoder = JSONEncoder()
            encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
            return String(decoding: try encoder.encode(self), as: UTF8.self)
        }
    }

    init(line: some Sequence<UInt8>) throws { self = try JSONDecoder().decode(JournalHead.self, from: Data(line)) }
}
