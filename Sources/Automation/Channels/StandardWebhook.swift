internal import Cryptography
internal import Foundation

/// Signatures of Standard Webhooks 1.0.0: `v1` HMAC-SHA256 with `whsec_…`, `v1a` Ed25519 with `whsk_…`.
enum StandardWebhook {
    static let toleranceSeconds: Int64 = 300

    /// One signature for each secret, so that a receiver may change to a new one: secrets stand apart by spaces.
    static func signature(id: String, timestamp: Int64, body: [UInt8], secrets: String) throws -> String {
        let text = Array("\(id).\(timestamp).".utf8) + body
        let parts = try secrets.split(separator: " ").map { secret in
            if secret.hasPrefix("whsk_") {
                guard let bytes = Data(base64Encoded: String(secret.dropFirst(5))), bytes.count >= 32 else {
                    throw SendProblem(words: "the signing key can not be read", isFinal: true)
                }
                let key = try Ed25519.PrivateKey(seed: Array(bytes.prefix(32)))
                return "v1a," + Data(try key.signature(of: text)).base64EncodedString()
            }
            guard let key = key(of: String(secret)) else {
                throw SendProblem(words: "the secret is not whsec_ and base64 of 24 to 64 bytes", isFinal: true)
            }
            return "v1," + Data(HMACSHA256.code(text, key: key)).base64EncodedString()
        }
        return parts.joined(separator: " ")
    }

    /// Whether one of the signatures is one of the secrets'.
    static func isValid(_ header: String, id: String, timestamp: Int64, body: [UInt8], secrets: String) -> Bool {
        let text = Array("\(id).\(timestamp).".utf8) + body
        let wanted = secrets.split(separator: " ").compactMap { key(of: String($0)) }
            .map { HMACSHA256.code(text, key: $0) }
        return header.split(separator: " ").prefix(20).contains { part in
            guard part.hasPrefix("v1,"), let given = Data(base64Encoded: String(part.dropFirst(3))) else {
                return false
            }
            return wanted.contains { areEqual($0, Array(given)) }
        }
    }

    static func key(of secret: String) -> [UInt8]? {
        guard let bytes = Data(base64Encoded: String(secret.trimmingPrefix("whsec_"))), (24...64).contains(bytes.count)
        else { return nil }
        return Array(bytes)
    }

    static func newSecret() throws -> String { "whsec_" + Data(try SecureRandom.bytes(32)).base64EncodedString() }

    /// Takes the same time whatever differs.
    static func areEqual(_ a: [UInt8], _ b: [UInt8]) -> Bool {
        guard a.count == b.count else { return false }
        return zip(a, b).reduce(0 as UInt8) { $0 | ($1.0 ^ $1.1) } == 0
    }
}
