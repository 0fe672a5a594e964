import Auth
import Cryptography
import Foundation
import HTTPTypes
import Postgres
import Synchronization
import Testing
import Tokens
import Web

/// A provider that gives what the test tells it to.
final class TestProvider: Sendable {
    let key: TokenKey
    let keys: KeySet
    private let next = Mutex<JSON>([:])
    private let forms = Mutex<[String]>([])

    static let issuer = "https://login.provider.example/realm"

    init() throws {
        key = TokenKey(p256: try P256.PrivateKey())
        keys = KeySet([key])
    }

    var settings: ProviderSettings {
        var settings = ProviderSettings(
            name: "keycloak", issuer: Self.issuer, clientID: "bank", clientSecret: "hush & hush",
            authorizationEndpoint: "https://login.provider.example/auth",
            tokenEndpoint: "https://login.provider.example/token", keysURL: "https://login.provider.example/keys")
        settings.fetch = { [self] url, form in
            if url.hasSuffix("/keys") { return Array(keys.publicJWKS.text.utf8) }
            forms.withLock { $0.append(form ?? "") }
            return Array(next.withLock { $0 }.text.utf8)
        }
        return settings
    }

    var lastForm: [String: String] {
        let text = forms.withLock { $0.last } ?? ""
        return Dictionary((QueryItems.parse(text) ?? []).map { ($0.name, $0.value) }) { first, _ in first }
    }

    func answer(_ json: JSON) { next.withLock { $0 = json } }

    func idToken(_ changes: [JSON.Member] = [], nonce: String? = nil, keys: KeySet? = nil) throws -> String {
        let now = Int64(Date().timeIntervalSince1970)
        var members: [JSON.Member] = [
            .init("iss", .string(Self.issuer)), .init("aud", "bank"), .init("sub", "person-1"),
            .init("exp", .integer(now + 60)), .init("iat", .integer(now)), .init("email", "Ana@Bank.Example"),
            .init("email_verified", true), .init("name", "Ana"),
        ]
        if let nonce { members.append(.init("nonce", .string(nonce))) }
        for change in changes {
            members.removeAll { $0.name == change.name }
            if change.value != .string("(absent)") { members.append(change) }
        }
        return try (keys ?? self.keys).token(.object(members))
    }
}

func withProvider(_ body: @Sendable (TestAuth, TestProvider) async throws -> Void) async throws {
    let provider = try TestProvider()
    try await withAuth({ $0.provider = provider.settings }) { auth in try await body(auth, provider) }
}

@Suite struct ProviderTests {
    let verifier = String(repeating: "verifier-", count: 6)

    func items(_ url: String) -> [String: String] {
        let query = url.split(separator: "?", maxSplits: 1).last ?? ""
        return Dictionary((QueryItems.parse(query) ?? []).map { ($0.name, $0.value) }) { first, _ in first }
    }

    func begin(_ auth: TestAuth) async -> [String: String] {
        let answer = await auth.get(
            "/authorize?provider=keycloak&code_challenge=\(verifier)&code_challenge_method=plain"
                + "&redirect_to=https://app.bank.example/back")
        var asked = items(answer.field("Location") ?? "")
        asked["cookie"] = String((answer.field("Set-Cookie") ?? "").prefix { $0 != ";" })
        return asked
    }

    /// The browser comes back from the provider, with the cookie it was given.
    func back(_ auth: TestAuth, _ query: String, cookie: String?) async -> Answer {
        var request = ApiRequest(method: .get, path: "/callback", query: query, remoteAddress: "192.0.2.1", id: "test")
        if let cookie { request.fields[.cookie] = "other=1; \(cookie)" }
        return Answer(response: await auth.service.handle(request, actor: nil))
    }

    @Test func `the way over the provider ends in a code, and the code in a session`() async throws {
        try await withProvider { auth, provider in
            let asked = await begin(auth)
            #expect(asked["client_id"] == "bank")
            #expect(asked["response_type"] == "code")
            #expect(asked["redirect_uri"] == "https://bank.example/auth/v1/callback")
            #expect(asked["code_challenge_method"] == "S256")
            provider.answer([
                "id_token": .string(try provider.idToken(nonce: asked["nonce"])), "access_token": "theirs",
                "refresh_token": "theirs too",
            ])
            let back = await back(auth, "code=abc&state=\(asked["state"] ?? "")", cookie: asked["cookie"])
            #expect(back.status == 303)
            let location = back.field("Location") ?? ""
            #expect(location.hasPrefix("https://app.bank.example/back?code="), "\(location)")
            #expect(provider.lastForm["client_secret"] == "hush & hush")
            #expect(provider.lastForm["code"] == "abc")
            let proof = Base64URL.encode(SHA256.hash(Array((provider.lastForm["code_verifier"] ?? "").utf8)))
            #expect(proof == asked["code_challenge"])
            let session = await auth.post(
                "/token?grant_type=pkce",
                ["auth_code": .string(items(location)["code"] ?? ""), "code_verifier": .string(verifier)])
            #expect(session.string("provider_token") == "theirs", "\(session.text)")
            #expect(session.string("provider_refresh_token") == "theirs too")
            #expect(session["user"]?["email"]?.string == "ana@bank.example")
            #expect(session["user"]?["app_metadata"]?["providers"]?.array == ["keycloak"])
            #expect(session["user"]?["user_metadata"]?["full_name"]?.string == "Ana")
            #expect(try claims(of: session.string("access_token"))["amr"]?.array?.first?["method"]?.string == "oauth")
            // The provider's tokens are nowhere in clear.
            let stored = try await auth.database.one("select count(*) from auth.flow_state", as: Int.self)
            #expect(stored == 0)
        }
    }

    @Test func `a state is answered once, and only the one that was given out`() async throws {
        try await withProvider { auth, provider in
            let asked = await begin(auth)
            let state = asked["state"] ?? ""
            provider.answer(["id_token": .string(try provider.idToken(nonce: asked["nonce"]))])
            for bad in [
                "", "x", "11111111-1111-1111-1111-111111111111.x", String(state.prefix(36)), "' or 1=1",
            ] {
                #expect(
                    await auth.get("/callback?code=abc&state=\(PercentName.encode(bad))").string("code")
                        == "bad_oauth_state")
            }
            let states = await withTaskGroup(of: Int.self) { group in
                for _ in 0..<8 {
                    group.addTask { await back(auth, "code=abc&state=\(state)", cookie: asked["cookie"]).status }
                }
                return await group.reduce(into: [Int]()) { $0.append($1) }
            }
            #expect(states.count { $0 == 303 } == 1)
            #expect(states.count { $0 == 400 } == 7)
        }
    }

    @Test func `an answer of the provider is taken from the browser that asked for it alone`() async throws {
        try await withProvider { auth, provider in
            for cookie in [nil, "auth-flow-00000000=x", "auth-flow="] {
                let asked = await begin(auth)
                provider.answer(["id_token": .string(try provider.idToken(nonce: asked["nonce"]))])
                let foreign = await back(auth, "code=abc&state=\(asked["state"] ?? "")", cookie: cookie)
                #expect(foreign.string("error_code") == "bad_oauth_state", "\(foreign.text)")
            }
            let given = await auth.get("/authorize?provider=keycloak").field("Set-Cookie") ?? ""
            #expect(
                given.hasSuffix("; Path=/auth/v1/callback; Max-Age=600; HttpOnly; Secure; SameSite=None"), "\(given)")
            // A page that asks for the address gets ours, where its browser gets the cookie.
            let url = await auth.get("/authorize?provider=keycloak&skip_http_redirect=true&scopes=a%20b").string("url")
            #expect(url == "https://bank.example/auth/v1/authorize?provider=keycloak&scopes=a%20b")
        }
    }

    @Test func `the provider's refusal goes back to the person`() async throws {
        try await withProvider { auth, provider in
            let asked = await begin(auth)
            let back = await back(
                auth, "error=access_denied&error_description=no%20way&state=\(asked["state"] ?? "")",
                cookie: asked["cookie"])
            #expect(back.field("Location")?.hasPrefix("https://app.bank.example/back?error=server_error") == true)
            #expect(await auth.get("/authorize?provider=github").string("code") == "validation_failed")
        }
    }

    @Test(
        arguments: [
            ("iss", "https://evil.example/realm"), ("iss", "(absent)"), ("aud", "other"), ("aud", ["bank", "other"]),
            ("aud", "(absent)"), ("azp", "other"), ("exp", 1), ("exp", "(absent)"), ("exp", "9999999999"),
            ("nonce", "other"),
            ("nonce", "(absent)"), ("sub", "(absent)"), ("sub", ""), ("iat", 9_999_999_999),
        ] as [(String, JSON)])
    func `CVE-2026-31813: an id token with one claim out of place opens nothing`(name: String, value: JSON) async throws
    {
        try await withProvider { auth, provider in
            let token = try provider.idToken([.init(name, value)], nonce: "n-1")
            let answer = await auth.post(
                "/token?grant_type=id_token",
                ["provider": "keycloak", "id_token": .string(token), "nonce": "n-1"])
            // Without a subject that is a text, and so on: all are refused in the same way.
            #expect(answer.string("code") == "bad_oauth_callback", "\(answer.text)")
            #expect(answer["access_token"] == nil)
        }
    }

    @Test func `id tokens of another key, with a nonce that was not given, or of another access token are refused`()
        async throws
    {
        try await withProvider { auth, provider in
            let stranger = KeySet([TokenKey(p256: try P256.PrivateKey())])
            let hashed = SHA256.hash(Array("n-1".utf8)).hex
            let cases: [(String, String?, Bool)] = [
                (try provider.idToken(nonce: "n-1", keys: stranger), "n-1", false),
                (
                    try provider.idToken(nonce: "n-1", keys: KeySet([TokenKey(id: nil, .secret(testSecret))])), "n-1",
                    false
                ),
                (try provider.idToken(nonce: "n-1"), nil, false),
                (try provider.idToken(), "n-1", false),
                (try provider.idToken([.init("at_hash", "AAAA")], nonce: "n-1"), "n-1", false),
                ("not.a.token", nil, false),
                (try provider.idToken(nonce: hashed), "n-1", true),
                (try provider.idToken(), nil, true),
            ]
            for (token, nonce, isGood) in cases {
                var body: [JSON.Member] = [
                    .init("provider", "keycloak"), .init("id_token", .string(token)), .init("access_token", "theirs"),
                ]
                if let nonce { body.append(.init("nonce", .string(nonce))) }
                let answer = await auth.post("/token?grant_type=id_token", .object(body))
                #expect((answer["access_token"] != nil) == isGood, "\(answer.text)")
            }
        }
    }

    @Test func `a proved address joins its account, an unproved one none, and an account made in advance is cleared`()
        async throws
    {
        try await withProvider { auth, provider in
            let id = try await auth.addUser("ana@bank.example")
            let joined = await auth.post(
                "/token?grant_type=id_token", ["provider": "keycloak", "id_token": .string(try provider.idToken())])
            #expect(joined["user"]?["id"]?.string == id)
            #expect(joined["user"]?["identities"]?.array?.count == 2)
            #expect(await auth.signIn("ana@bank.example").status == 200)
            let other = try provider.idToken([.init("sub", "person-2"), .init("email_verified", false)])
            let unproved = await auth.post(
                "/token?grant_type=id_token", ["provider": "keycloak", "id_token": .string(other)])
            #expect(unproved.string("code") == "provider_email_needs_verification")
            _ = await auth.post("/signup", ["email": "victim@bank.example", "password": "attacker horse"])
            let victim = try provider.idToken([.init("sub", "person-3"), .init("email", "victim@bank.example")])
            let taken = await auth.post(
                "/token?grant_type=id_token", ["provider": "keycloak", "id_token": .string(victim)])
            #expect(taken["access_token"] != nil)
            #expect(
                await auth.signIn("victim@bank.example", password: "attacker horse").string("code")
                    == "invalid_credentials")
        }
    }

    @Test func `identities are linked by their owner, never twice, and the last one stays`() async throws {
        try await withProvider { auth, provider in
            for name in ["a", "b"] { try await auth.addUser("\(name)@bank.example") }
            var tokens: [String] = []
            for name in ["a", "b"] { tokens.append(await auth.signIn("\(name)@bank.example").string("access_token")) }
            for (number, token) in tokens.enumerated() {
                let url = await auth.get(
                    "/user/identities/authorize?provider=keycloak&skip_http_redirect=true&code_challenge=\(verifier)"
                        + "&code_challenge_method=plain&redirect_to=https://app.bank.example/back", token: token)
                let asked = items(url.string("url"))
                provider.answer(["id_token": .string(try provider.idToken(nonce: asked["nonce"]))])
                let back = await auth.get("/callback?code=abc&state=\(asked["state"] ?? "")")
                let location = back.field("Location") ?? ""
                #expect(location.contains(number == 0 ? "?code=" : "error_code=identity_already_exists"), "\(location)")
            }
            let user = await auth.get("/user", token: tokens[0])
            let identities = user["identities"]?.array ?? []
            #expect(identities.count == 2)
            let other = identities.first { $0["provider"]?.string == "keycloak" }?["identity_id"]?.string ?? ""
            #expect(
                await auth.call(.delete, "/user/identities/\(other)", token: tokens[1]).string("code")
                    == "identity_not_found")
            #expect(await auth.call(.delete, "/user/identities/\(other)", token: tokens[0]).status == 200)
            let last = identities.first { $0["provider"]?.string == "email" }?["identity_id"]?.string ?? ""
            #expect(
                await auth.call(.delete, "/user/identities/\(last)", token: tokens[0]).string("code")
                    == "single_identity_not_deletable")
        }
    }
}

/// For queries of tests.
enum PercentName {
    static func encode(_ text: String) -> String {
        text.utf8.map { byte in
            (48...57).contains(byte) || (65...90).contains(byte) || (97...122).contains(byte)
                ? String(UnicodeScalar(byte)) : "%" + [byte].hex.uppercased()
        }.joined()
    }
}
