internal import Cryptography
public import Web

/// JSON Web Keys (RFC 7517, 7518, 8037), in both directions. A shared secret is read, never written.
extension TokenKey {
    /// Reads a key. Nil when it is none that we verify with: another type or curve, for encryption, an `alg` that its
    /// type does not have, a secret that is too short.
    public init?(jwk: JSON) {
        guard let type = jwk["kty"]?.string, jwk["use"] == nil || jwk["use"]?.string == "sig",
            let material = Self.material(type, jwk)
        else { return nil }
        self.init(id: jwk["kid"]?.string, material)
        guard jwk["alg"] == nil || jwk["alg"]?.string == algorithm.rawValue else { return nil }
    }

    /// The key that others verify with; nil for a secret.
    public var publicJWK: JSON? {
        var members: [(String, JSON)]
        switch material {
        case .secret: return nil
        case .p256Private(let key): members = Self.members(key.publicKey)
        case .p256(let key): members = Self.members(key)
        case .rsa(let key):
            members = [
                ("kty", "RSA"), ("n", .string(Base64URL.encode(key.modulus))),
                ("e", .string(Base64URL.encode(key.exponent))),
            ]
        case .ed25519Private(let key): members = Self.members(key.publicKey)
        case .ed25519(let key): members = Self.members(key)
        }
        members += [("alg", .string(algorithm.rawValue)), ("use", "sig"), ("key_ops", ["verify"]), ("ext", true)]
        if let id { members.append(("kid", .string(id))) }
        return .object(members.map { JSON.Member($0, $1) })
    }

    private static func members(_ key: P256.PublicKey) -> [(String, JSON)] {
        [
            ("kty", "EC"), ("crv", "P-256"), ("x", .string(Base64URL.encode(key.x))),
            ("y", .string(Base64URL.encode(key.y))),
        ]
    }

    private static func members(_ key: Ed25519.PublicKey) -> [(String, JSON)] {
        [("kty", "OKP"), ("crv", "Ed25519"), ("x", .string(Base64URL.encode(key.raw)))]
    }

    private static func material(_ type: String, _ jwk: JSON) -> Material? {
        func bytes(_ name: String) -> [UInt8]? { jwk[name]?.string.flatMap { Base64URL.decode($0) } }
        switch (type, jwk["crv"]?.string) {
        case ("oct", _):
            guard let secret = bytes("k"), secret.count >= secretBytesMin else { return nil }
            return .secret(secret)
        case ("EC", "P-256"):
            guard let x = bytes("x"), let y = bytes("y"), let key = try? P256.PublicKey(x: x, y: y) else { return nil }
            guard jwk["d"] != nil else { return .p256(key) }
            guard let scalar = bytes("d"), let own = try? P256.PrivateKey(scalar: scalar), own.publicKey == key else {
                return nil
            }
            return .p256Private(own)
        case ("RSA", _):
            guard let modulus = bytes("n"), let exponent = bytes("e"),
                let key = try? RSA.PublicKey(modulus: modulus, exponent: exponent)
            else { return nil }
            return .rsa(key)
        case ("OKP", "Ed25519"):
            guard let x = bytes("x"), x.count == 32 else { return nil }
            return .ed25519(Ed25519.PublicKey(raw: x))
        default: return nil
        }
    }
}
