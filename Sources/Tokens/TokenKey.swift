public import Cryptography

/// How a token is signed (RFC 7518). `none` is not among them.
public enum TokenAlgorithm: String, Sendable, Hashable {
    case hs256 = "HS256"
    case es256 = "ES256"
    case rs256 = "RS256"
    case edDSA = "EdDSA"
}

/// One key that tokens are verified with, and perhaps signed. The key decides the algorithm; a token never does.
public struct TokenKey: Sendable {
    public enum Material: Sendable {
        case secret([UInt8])
        case p256Private(P256.PrivateKey)
        case p256(P256.PublicKey)
        case rsa(RSA.PublicKey)
        case ed25519Private(Ed25519.PrivateKey)
        case ed25519(Ed25519.PublicKey)
    }

    /// Named in the header of tokens. A key without a name is tried for all tokens of its algorithm.
    public let id: String?
    public let material: Material

    public static let secretBytesMin = 32

    public init(id: String?, _ material: Material) {
        self.id = id
        self.material = material
    }

    /// HS256 under a secret of 32 bytes or more; nil when it is shorter.
    public init?(id: String? = nil, secret: [UInt8]) {
        guard secret.count >= Self.secretBytesMin else { return nil }
        self.init(id: id, .secret(secret))
    }

    /// A P-256 key named by its thumbprint (RFC 7638).
    public init(p256 key: P256.PrivateKey) {
        self.init(id: Self.thumbprint(key.publicKey), .p256Private(key))
    }

    public var algorithm: TokenAlgorithm {
        switch material {
        case .secret: .hs256
        case .p256Private, .p256: .es256
        case .rsa: .rs256
        case .ed25519Private, .ed25519: .edDSA
        }
    }

    public var canSign: Bool {
        switch material {
        case .secret, .p256Private, .ed25519Private: true
        case .p256, .rsa, .ed25519: false
        }
    }

    func isValid(_ signature: [UInt8], for message: [UInt8]) -> Bool {
        switch material {
        case .secret(let secret): ConstantTime.areEqual(HMACSHA256.code(message, key: secret), signature)
        case .p256Private(let key): key.publicKey.isValid(signature, for: message)
        case .p256(let key): key.isValid(signature, for: message)
        case .rsa(let key): key.isValid(signature, for: message)
        case .ed25519Private(let key): key.publicKey.isValid(signature, for: message)
        case .ed25519(let key): key.isValid(signature, for: message)
        }
    }

    /// Nil for a key that only verifies.
    func signature(of message: [UInt8]) throws(CryptoError) -> [UInt8]? {
        switch material {
        case .secret(let secret): HMACSHA256.code(message, key: secret)
        case .p256Private(let key): try key.signature(of: message)
        case .ed25519Private(let key): try key.signature(of: message)
        case .p256, .rsa, .ed25519: nil
        }
    }

    private static func thumbprint(_ key: P256.PublicKey) -> String {
        let x = Base64URL.encode(key.x)
        let y = Base64URL.encode(key.y)
        return Base64URL.encode(SHA256.hash(Array(#"{"crv":"P-256","kty":"EC","x":"\#(x)","y":"\#(y)"}"#.utf8)))
    }
}
