internal import Synchronization
public import Web

/// Turns a bearer token into the actor that it speaks for. One for all transports: REST, Auth, Realtime.
public final class TokenVerifier: Sendable {
    /// Longer tokens are refused unread.
    public static let bytesMax = 16_384
    public static let cachedTokensMax = 4096
    /// The role of a token that names none.
    public static let anonymousRole = "anon"

    private let current: Mutex<KeySet>
    private let audience: String?
    private let roleClaim: ClaimPath
    private let anonymousRole: String
    private let clock: @Sendable () -> Int64
    private let cache: TokenCache

    /// - Parameters:
    ///   - audience: what `aud` must hold in tokens that have one; nil accepts all.
    ///   - clock: Unix seconds.
    public init(
        keys: KeySet, audience: String?, roleClaim: ClaimPath = .role,
        anonymousRole: String = TokenVerifier.anonymousRole, cachedTokensMax: Int = TokenVerifier.cachedTokensMax,
        clock: @escaping @Sendable () -> Int64
    ) {
        current = Mutex(keys)
        self.audience = audience
        self.roleClaim = roleClaim
        self.anonymousRole = anonymousRole
        self.clock = clock
        cache = TokenCache(entriesMax: cachedTokensMax, generation: keys.generation)
    }

    /// Tokens that need not be verified again.
    public var cachedCount: Int { cache.count }

    /// How often a token was found verified already, and how often it was not.
    public var cacheFigures: (hits: UInt64, misses: UInt64) { cache.figures }

    public var keys: KeySet { current.withLock { $0 } }

    /// From now on these keys alone count, for tokens that were verified before too.
    public func replace(keys: KeySet) {
        current.withLock { $0 = keys }
        cache.clear(generation: keys.generation)
    }

    public func verify(_ token: String) throws(TokenError) -> Actor {
        let keys = self.keys
        let now = clock()
        if let actor = cache.find(token, generation: keys.generation, now: now) { return actor }
        let verified = try TokenParser.read(token, keys: keys)
        let expiry = try ClaimRules.check(verified.claims, audience: audience, now: now)
        let actor = try actor(of: verified)
        if expiry.map({ $0 > now }) ?? true {
            cache.insert(.init(actor: actor, expiry: expiry), for: token, generation: keys.generation)
        }
        return actor
    }

    private func actor(of token: VerifiedToken) throws(TokenError) -> Actor {
        let role: String
        switch roleClaim.value(in: token.claims) {
        case nil, .null, .string(""): role = anonymousRole
        case .string(let name): role = name
        default: throw .badClaims
        }
        return Actor(
            role: role, claims: token.claimsText, subject: try text("sub", token.claims),
            sessionID: try text("session_id", token.claims), isAnonymous: role == anonymousRole)
    }

    private func text(_ name: String, _ claims: JSON) throws(TokenError) -> String? {
        switch claims[name] {
        case nil, .null, .string(""): return nil
        case .string(let value): return value
        default: throw .badClaims
        }
    }
}
