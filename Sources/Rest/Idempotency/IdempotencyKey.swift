internal import Cryptography
internal import HTTPTypes
internal import Web

/// A request's `Idempotency-Key` with who sent it and what it asked for.
struct IdempotencyKey: Hashable, Sendable {
    let role: String
    /// Empty for those who have no subject.
    let subject: String
    let value: String
    /// SHA-256 of what makes two requests the same.
    let fingerprint: [UInt8]

    static let lengthMax = 255
    /// Headers that change what is done or answered.
    private static let shaping = ["Accept", "Accept-Profile", "Content-Profile", "Content-Type", "Prefer", "Range"]

    /// Nil when the request brings no key or changes nothing.
    static func read(_ request: ApiRequest, _ actor: Actor) throws -> IdempotencyKey? {
        guard let value = request.fields[.idempotencyKey], [.post, .put, .patch, .delete].contains(request.method)
        else { return nil }
        guard (1...lengthMax).contains(value.utf8.count), value.utf8.allSatisfy({ (0x21...0x7E).contains($0) }) else {
            throw RestError(
                "DBR002", 400, "the Idempotency-Key is not 1 to \(lengthMax) visible ASCII characters",
                hint: "Send a fresh random UUID for each order, and the same one when it is repeated.")
        }
        return IdempotencyKey(
            role: actor.role, subject: actor.subject ?? "", value: value, fingerprint: try fingerprint(request))
    }

    private static func fingerprint(_ request: ApiRequest) throws -> [UInt8] {
        var digest = try SHA256()
        var parts = [request.method.rawValue, request.path, request.query]
        for name in shaping.compactMap({ HTTPField.Name($0) }) { parts.append(request.fields[name] ?? "") }
        // Each part behind its length, so that no two requests run together.
        for part in parts { digest.update(Array("\(part.utf8.count):\(part)".utf8)) }
        digest.update(request.body)
        return digest.finalize()
    }
}

extension HTTPField.Name {
    static let idempotencyKey = HTTPField.Name("Idempotency-Key") ?? .via
    static let idempotencyReplayed = HTTPField.Name("Idempotency-Replayed") ?? .via
}
