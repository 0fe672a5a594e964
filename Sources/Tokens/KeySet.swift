public import Cryptography
internal import Synchronization
public import Web

/// The keys in force: all verify, one signs. Any change makes another value with a generation of its own.
public struct KeySet: Sendable {
    public let keys: [TokenKey]
    /// The key that signs; nil when all keys only verify.
    public let active: TokenKey?
    /// Different for each key set made in this process: what caches go by.
    public let generation: Int

    /// Keys that one set holds at most: each may have to be tried for a token that names none.
    public static let keysMax = 16
    private static let generations = Atomic<Int>(0)

    /// - Parameter signing: the position of the key that signs; else the first that can.
    public init(_ keys: [TokenKey], signing: Int? = nil) {
        let kept = Array(keys.prefix(Self.keysMax))
        self.keys = kept
        let chosen = signing.flatMap { kept.indices.contains($0) ? kept[$0] : nil }
        active = chosen.flatMap { $0.canSign ? $0 : nil } ?? kept.first { $0.canSign }
        generation = Self.generations.wrappingAdd(1, ordering: .relaxed).newValue
    }

    /// A JWK, or a JWKS with at least one key that we can use (others are passed over, RFC 7517 part 5).
    public init?(jwks: JSON) {
        let keys = (jwks["keys"]?.array ?? [jwks]).compactMap { TokenKey(jwk: $0) }
        guard !keys.isEmpty else { return nil }
        self.init(keys)
    }

    /// What is published: public keys only.
    public var publicJWKS: JSON { ["keys": .array(keys.compactMap(\.publicJWK))] }

    /// The same keys behind a new one that signs from now on; of the older ones `keeping` go on verifying.
    public func rotated(to key: TokenKey, keeping count: Int) -> KeySet {
        KeySet([key] + keys.prefix(max(0, count)), signing: 0)
    }

    /// Keys that may have signed a token with this header.
    func candidates(id: String?, algorithm: TokenAlgorithm) -> [TokenKey] {
        keys.filter { key in
            key.algorithm == algorithm && (id == nil || key.id == nil || key.id == id)
        }
    }

    /// A token in the compact form (RFC 7515), signed by the active key.
    public func token(_ claims: JSON) throws(CryptoError) -> String {
        guard let active else { throw Self.noSigningKey }
        var header: [JSON.Member] = [.init("alg", .string(active.algorithm.rawValue))]
        if let id = active.id { header.append(.init("kid", .string(id))) }
        header.append(.init("typ", "JWT"))
        let message =
            Base64URL.encode(Array(JSON.object(header).text.utf8)) + "." + Base64URL.encode(Array(claims.text.utf8))
        guard let signature = try active.signature(of: Array(message.utf8)) else { throw Self.noSigningKey }
        return message + "." + Base64URL.encode(signature)
    }

    private static let noSigningKey = CryptoError(
        code: "token_key_missing", message: "no key of this server can sign tokens",
        hint: "Give a secret of 32 bytes or more, or let the server make a key of its own.")
}
