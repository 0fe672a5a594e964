internal import Cryptography
public import Tokens

/// The keys of one installation: those that sign tokens, and one for what Auth seals or hashes itself.
public struct AuthKeys: Sendable {
    public let tokens: KeySet
    /// 32 bytes: root of the keys below. Stays the same when signing keys rotate.
    private let root: [UInt8]

    public init(tokens: KeySet, root: [UInt8]) {
        self.tokens = tokens
        self.root = root
    }

    /// HS256 under a project's secret of 32 bytes or more, as Supabase's first keys are; nil when it is shorter.
    public init?(secret: [UInt8]) {
        guard let key = TokenKey(secret: secret) else { return nil }
        self.init(
            tokens: KeySet([key]),
            root: HKDF.derive(key: secret, salt: Array("digitalbank".utf8), info: Array("auth/root".utf8)))
    }

    /// The same keys and one more that only verifies: a project's older secret, say.
    public func verifying(also key: TokenKey) -> AuthKeys {
        let active = tokens.keys.firstIndex { $0.id != nil && $0.id == tokens.active?.id }
        return AuthKeys(tokens: KeySet(tokens.keys + [key], signing: active), root: root)
    }

    /// A key for one purpose, independent of all others.
    func derived(_ purpose: String) -> [UInt8] {
        HKDF.derive(key: root, salt: Array("digitalbank".utf8), info: Array("auth/\(purpose)".utf8))
    }
}

/// Seals what must be read back (secrets of factors, of providers), and hashes under a key what must not.
struct AuthSealer: Sendable {
    private let sealing: [UInt8]
    private let hashing: [UInt8]

    init(_ keys: AuthKeys) {
        sealing = keys.derived("seal")
        hashing = keys.derived("hash")
    }

    /// `place` is bound to the value: what was sealed for one row does not open in another.
    func seal(_ bytes: [UInt8], at place: String) throws -> [UInt8] {
        let nonce = try SecureRandom.bytes(AESGCM.nonceBytes)
        return try nonce + AESGCM().seal(bytes, key: sealing, nonce: nonce, associated: Array(place.utf8))
    }

    func open(_ sealed: [UInt8], at place: String) throws -> [UInt8] {
        guard sealed.count >= AESGCM.nonceBytes else { throw AuthError.unexpected }
        return try AESGCM().open(
            Array(sealed.dropFirst(AESGCM.nonceBytes)), key: sealing, nonce: Array(sealed.prefix(AESGCM.nonceBytes)),
            associated: Array(place.utf8))
    }

    func hash(_ text: String, for purpose: String) -> [UInt8] {
        HMACSHA256.code(Array("\(purpose)\0\(text)".utf8), key: hashing)
    }
}
