internal import Cryptography
internal import HTTPTypes
internal import Web

/// Signing in at a provider (OpenID Connect): the bank's Auth sends the browser there and back, and a code that only this
/// browser's proof key opens becomes the session (RFC 7636).
enum ProviderPages {
    static let cookie = "connexion"
    private static let purpose = "console-provider"
    private static let seconds: Int64 = 600

    static let routes: [PageRoute] = [
        PageRoute(.get, "/connexion/fournisseur", [], asks: ["nom", "suite"], leave),
        PageRoute(
            .get, "/connexion/retour", [], asks: ["code", "error", "error_code", "error_description", "state"], back),
    ]

    /// The names of the providers that Auth knows.
    static func offered(_ call: PageCall) async -> [String] {
        let settings = try? await call.fetch("/auth/v1/settings")
        return (settings?["external"]?.members ?? []).filter { member in
            member.value.bool == true && !["email", "phone", "anonymous_users"].contains(member.name)
        }.map(\.name)
    }

    static func title(_ name: String) -> String {
        name.split(separator: "_").map { $0.prefix(1).uppercased() + $0.dropFirst() }.joined(separator: " ")
    }

    @Sendable private static func leave(_ call: PageCall) async throws -> PageAnswer {
        guard let name = call.asked("nom"), await offered(call).contains(name) else { throw Refused.notFound }
        let verifier = CookieSealer.plain(try SecureRandom.bytes(32))
        let kept: JSON = [
            "v": .string(verifier), "n": .string(SignInPages.next(call)), "e": .integer(call.now + seconds),
        ]
        let sealed = try call.console.sealer.seal(kept.text, as: purpose)
        let query = [
            ("provider", name), ("redirect_to", call.console.settings.address + "/connexion/retour"),
            ("code_challenge", CookieSealer.plain(SHA256.hash(Array(verifier.utf8)))),
            ("code_challenge_method", "s256"),
        ].map { "\($0)=\(PercentEncoding.encode($1))" }.joined(separator: "&")
        var response = PageWriter.redirect("/auth/v1/authorize?" + query)
        response.fields.append(set(sealed, seconds, call))
        return .file(response)
    }

    @Sendable private static func back(_ call: PageCall) async throws -> PageAnswer {
        if let code = call.asked("error_code") ?? call.asked("error") { return refuse(code) }
        guard let sealed = Cookies.value(name(call), in: Cookies.header(call.request.fields)),
            let text = call.console.sealer.open(sealed, as: purpose), let kept = try? JSONReader.read(text),
            let verifier = kept["v"]?.string, let until = kept["e"]?.integer, until >= call.now,
            let code = call.asked("code")
        else { return refuse("flow_state_not_found") }
        let body: JSON = ["auth_code": .string(code), "code_verifier": .string(verifier)]
        let response = await call.raw(.post, "/auth/v1/token", query: "grant_type=pkce", body: body)
        guard response.status == .ok else { return refuse(Refused(response).code) }
        var session = try ConsoleSession(answer: try JSONReader.read(response.body), formKey: nil)
        session.needsCode = session.factor != nil
        let next = kept["n"]?.string ?? "/"
        return .enter(session.needsCode ? "/connexion/code?suite=" + PercentEncoding.encode(next) : next, session)
    }

    /// A code of Auth's, whose words the sign-in page has or not.
    private static func refuse(_ code: String) -> PageAnswer {
        let plain = code.utf8.allSatisfy { (97...122).contains($0) || $0 == 95 } ? String(code.prefix(60)) : "refused"
        return .see("/connexion?refus=\(plain)")
    }

    private static func name(_ call: PageCall) -> String {
        call.console.settings.isSecure ? "__Host-" + cookie : cookie
    }

    /// Lax: the browser must bring it back when the provider sends it here.
    private static func set(_ value: String, _ seconds: Int64, _ call: PageCall) -> HTTPField {
        let secure = call.console.settings.isSecure ? "; Secure" : ""
        return HTTPField(
            name: .setCookie,
            value: "\(name(call))=\(value); Max-Age=\(seconds); Path=/; HttpOnly; SameSite=Lax" + secure)
    }
}
