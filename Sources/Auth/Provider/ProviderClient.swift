internal import Cryptography
internal import Synchronization
internal import Tokens
internal import Web

/// What a provider says about somebody, checked.
struct ProviderPerson: Sendable {
    let subject: String
    let email: String?
    let isEmailVerified: Bool
    let data: JSON
}

/// The provider: its keys, its tokens.
final class ProviderClient: Sendable {
    let settings: ProviderSettings
    private let clock: @Sendable () -> Int64
    private let keys = Mutex<(set: KeySet, readAt: Int64)?>(nil)

    static let keysSeconds: Int64 = 600
    /// A token with a key that we do not know makes us read the keys again, but not more often than this.
    static let keysPauseSeconds: Int64 = 30

    init(_ settings: ProviderSettings, clock: @escaping @Sendable () -> Int64) {
        self.settings = settings
        self.clock = clock
    }

    struct Tokens: Sendable {
        let idToken: String
        let accessToken: String?
        let refreshToken: String?
    }

    /// Changes the code of a callback into tokens.
    func exchange(_ code: String, verifier: String, redirectURI: String) async throws -> Tokens {
        let form = [
            ("grant_type", "authorization_code"), ("code", code), ("redirect_uri", redirectURI),
            ("client_id", settings.clientID), ("client_secret", settings.clientSecret), ("code_verifier", verifier),
        ].map { "\($0)=\(PercentEncoding.encode($1))" }.joined(separator: "&")
        guard let bytes = try? await settings.fetch(settings.tokenEndpoint, form),
            let json = try? JSONReader.read(bytes),
            let idToken = json["id_token"]?.string
        else { throw AuthError(400, .badOAuthCallback, "Unable to exchange external code") }
        return Tokens(
            idToken: idToken, accessToken: json["access_token"]?.string, refreshToken: json["refresh_token"]?.string)
    }

    enum Nonce: Sendable {
        /// Ours: it must be there and equal.
        case exactly(String)
        /// An app's own: compared as it is or by its SHA-256, and only absent where none was given.
        case given(String?)
    }

    /// Issuer, audience, authorised party, times and nonce, all against the configuration (GHSA-v36f-qvww-8w8m).
    func person(of idToken: String, nonce: Nonce, accessToken: String?) async throws -> ProviderPerson {
        let claims = try await verified(idToken).claims
        do { try ClaimRules.check(claims, audience: nil, now: clock()) } catch { throw Self.refused(error.message) }
        guard claims["exp"] != nil, claims["iat"] != nil else { throw Self.refused("it never ends") }
        guard claims["iss"]?.string == settings.issuer else { throw Self.refused("unacceptable issuer") }
        try checkAudience(claims)
        guard Self.isMet(nonce, by: claims["nonce"]?.string) else { throw Self.refused("nonces mismatch") }
        if let accessToken, let hash = claims["at_hash"]?.string {
            let half = Array(SHA256.hash(Array(accessToken.utf8)).prefix(16))
            guard Base64URL.encode(half) == hash else { throw Self.refused("it belongs to another access token") }
        }
        guard let subject = claims["sub"]?.string, (1...255).contains(subject.utf8.count) else {
            throw Self.refused("it names nobody")
        }
        let isVerified = claims["email_verified"]?.bool == true || claims["email_verified"]?.string == "true"
        let email = claims["email"]?.string.flatMap { EmailAddress($0)?.text }
        return ProviderPerson(
            subject: subject, email: email, isEmailVerified: email != nil && isVerified,
            data: Self.data(claims, subject, email, isVerified))
    }

    private func checkAudience(_ claims: JSON) throws(AuthError) {
        let audiences = claims["aud"]?.string.map { [$0] } ?? claims["aud"]?.array?.compactMap(\.string) ?? []
        let own = [settings.clientID] + settings.otherAudiences
        guard audiences.contains(where: own.contains) else { throw Self.refused("unacceptable audience") }
        let party = claims["azp"]?.string
        // A token for several must say who asked for it.
        guard audiences.count == 1 || party != nil, party.map(own.contains) ?? true else {
            throw Self.refused("unacceptable authorized party")
        }
    }

    private static func isMet(_ nonce: Nonce, by claim: String?) -> Bool {
        switch nonce {
        case .exactly(let expected): claim == expected
        case .given(nil): claim == nil
        case .given(let given?):
            claim == given || claim == SHA256.hash(Array(given.utf8)).hex
        }
    }

    private func verified(_ token: String) async throws -> VerifiedToken {
        do { return try TokenParser.read(token, keys: try await currentKeys(isUnknown: false)) } catch let error
            as TokenError
        {
            guard error == .noSuitableKey else { throw Self.refused(error.message) }
        }
        do { return try TokenParser.read(token, keys: try await currentKeys(isUnknown: true)) } catch let error
            as TokenError
        {
            throw Self.refused(error.message)
        }
    }

    private func currentKeys(isUnknown: Bool) async throws -> KeySet {
        let now = clock()
        let known = keys.withLock { $0 }
        let agesAfter = isUnknown ? Self.keysPauseSeconds : Self.keysSeconds
        if let known, now &- known.readAt < agesAfter { return known.set }
        guard let bytes = try? await settings.fetch(settings.keysURL, nil), let json = try? JSONReader.read(bytes),
            let set = KeySet(jwks: json)
        else {
            if let known { return known.set }
            throw AuthError(500, .unexpectedFailure, "The provider's keys could not be read")
        }
        // A secret has no place among published keys: whoever reads them could sign.
        let published = KeySet(set.keys.filter { $0.algorithm != .hs256 })
        keys.withLock { $0 = (published, now) }
        return published
    }

    private static func refused(_ why: String) -> AuthError {
        AuthError(400, .badOAuthCallback, "Bad ID token: \(why)")
    }

    /// The few claims that are kept.
    private static func data(_ claims: JSON, _ subject: String, _ email: String?, _ isVerified: Bool) -> JSON {
        var members: [JSON.Member] = [
            .init("iss", claims["iss"] ?? .null), .init("sub", .string(subject)),
            .init("provider_id", .string(subject)),
            .init("email_verified", .bool(isVerified)), .init("phone_verified", false),
        ]
        if let email { members.append(.init("email", .string(email))) }
        for (name, other) in [("name", "full_name"), ("picture", "avatar_url"), ("preferred_username", "user_name")] {
            guard let text = claims[name]?.string, text.utf8.count <= 1000 else { continue }
            members += [.init(name, .string(text)), .init(other, .string(text))]
        }
        return .object(members)
    }
}
