internal import Cryptography
public import Foundation

/// The signature beside a file: `report.json.sig`.
public struct FileSignature: Codable, Sendable, Hashable {
    public static let formatName = "digitalbank.signature/1"

    public let format: String
    public let file: String
    public let bytes: Int
    public let sha256: String
    /// ISO 8601, UTC.
    public let signedAt: String
    public let key: String
    /// Ed25519 over the digest of the fields above.
    public let signature: String

    static func digest(file: String, bytes: Int, sha256: String, signedAt: String, key: String) -> [UInt8] {
        var hash = FieldHash(version: 2)
        hash.add(formatName)
        hash.add(file)
        hash.add(bytes)
        hash.add(sha256)
        hash.add(signedAt)
        hash.add(key)
        return hash.digest
    }
}

/// Signs files with the evidence key.
public struct FileSigner: Sendable {
    public let key: SigningKey

    public init(key: SigningKey) { self.key = key }

    /// Writes `path.sig`.
    public func sign(_ path: String, at date: Date) throws {
        guard let data = FileManager.default.contents(atPath: path) else {
            throw EvidenceError.unreadable(path, "it is not there")
        }
        let sha256 = SHA256.hash(Array(data)).hex
        let name = (path as NSString).lastPathComponent
        let signedAt = date.formatted(.iso8601)
        let digest = FileSignature.digest(
            file: name, bytes: data.count, sha256: sha256, signedAt: signedAt, key: key.publicKey.raw.hex)
        let signature = FileSignature(
            format: FileSignature.formatName, file: name, bytes: data.count, sha256: sha256, signedAt: signedAt,
            key: key.publicKey.raw.hex, signature: try key.key.signature(of: digest).hex)
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        try encoder.encode(signature).write(to: URL(filePath: path + ".sig"), options: .atomic)
    }
}
