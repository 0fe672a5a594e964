internal import Cryptography
internal import Foundation
internal import HTTPTypes
internal import Postgres
internal import Tokens
internal import Web

/// `/authorize`, `/callback` and the id token grant: sign-in by the one provider of the settings.
struct ProviderEndpoints: Sendable {
    let core: AuthCore

    private func provider(named name: String?) throws(AuthError) -> ProviderClient {
        guard let provider = core.provider, name == provider.settings.name else {
            throw AuthError(400, .validationFailed, "Unsupported provider: provider is not enabled")
        }
        return provider
    }

    func answer(_ name: String, _ call: Call) async throws -> ApiResponse {
        if name == "authorize" { return try await authorize(call, linking: nil) }
        return try await callback(call)
    }

    // MARK: There

    /// Sends the browser to the provider, with a state, a nonce and a proof key that only this flow's row knows.
    func authorize(_ call: Call, linking userID: String?) async throws -> ApiResponse {
        try await core.limit("authorize", call.network, core.settings.limits.tokenByAddress)
        let provider = try provider(named: call.query["provider"])
        let challenge = try call.query["code_challenge"].map { text throws(AuthError) in
            try CodeChallenge(text, method: call.query["code_challenge_method"])
        }
        let isSkipping = call.query["skip_http_redirect"] == "true" || call.query["skip_http_redirect"] == "1"
        if isSkipping, userID == nil, challenge == nil { return Reply.json(["url": .string(hop(call))]) }
        let id = UUID().uuidString.lowercased()
        // Without a redirect no cookie reaches the browser; then the client's proof key binds the flow to it.
        let secrets = try FlowSecrets(hasBrowser: !isSkipping)
        try await FlowStore(database: core.database).add(
            .init(
                challenge: challenge, method: "oauth", provider: provider.settings.name,
                redirectTo: core.redirects.text(for: call.redirectTo), linkingUserID: userID,
                secrets: core.sealer.seal(Array(secrets.json.text.utf8), at: "flow:\(id)"),
                seconds: core.settings.flowSeconds),
            id: id)
        let url = address(of: provider.settings, secrets, state: "\(id).\(secrets.state)", call)
        if isSkipping { return Reply.json(["url": .string(url)]) }
        var response = Reply.redirect(to: url)
        response.status = .found
        if let browser = secrets.browser {
            response.fields[.setCookie] = FlowCookie(flow: id).text(
                browser, settings: core.settings)
        }
        return response
    }

    /// Our own address, which the browser is to open: what it gets there binds the flow to it.
    private func hop(_ call: Call) -> String {
        let items = (QueryItems.parse(call.request.query) ?? []).filter { $0.name != "skip_http_redirect" }
        return core.settings.externalURL + "/authorize?"
            + items.map { "\($0.name)=\(PercentEncoding.encode($0.value))" }.joined(separator: "&")
    }

    private func address(of settings: ProviderSettings, _ secrets: FlowSecrets, state: String, _ call: Call) -> String {
        let scopes = [settings.scopes, call.query["scopes"] ?? ""].filter { !$0.isEmpty }.joined(separator: " ")
        let items = [
            ("response_type", "code"), ("client_id", settings.clientID), ("redirect_uri", callbackURL),
            ("scope", scopes),
            ("state", state), ("nonce", secrets.nonce),
            ("code_challenge", Base64URL.encode(SHA256.hash(Array(secrets.verifier.utf8)))),
            ("code_challenge_method", "S256"),
        ]
        let mark = settings.authorizationEndpoint.contains("?") ? "&" : "?"
        return settings.authorizationEndpoint + mark
            + items.map { "\($0)=\(PercentEncoding.encode($1))" }.joined(separator: "&")
    }

    private var callbackURL: String { core.settings.externalURL + "/callback" }

    private struct FlowSecrets {
        let state: String
        let nonce: String
        let verifier: String
        /// What the browser that began the flow shows again at its end; nil when it could be given nothing.
        let browser: String?

        init(hasBrowser: Bool) throws {
            browser = hasBrowser ? Base64URL.encode(try SecureRandom.bytes(32)) : nil
            state = Base64URL.encode(try SecureRandom.bytes(32))
            nonce = Base64URL.encode(try SecureRandom.bytes(32))
            verifier = Base64URL.encode(try SecureRandom.bytes(48))
        }

        init?(_ json: JSON) {
            guard let state = json["state"]?.string, let nonce = json["nonce"]?.string,
                let verifier = json["verifier"]?.string
            else { return nil }
            self.state = state
            self.nonce = nonce
            self.verifier = verifier
            browser = json["browser"]?.string
        }

        var json: JSON {
            [
                "state": .string(state), "nonce": .string(nonce), "verifier": .string(verifier),
                "browser": browser.map(JSON.string) ?? .null,
            ]
        }
    }

    // MARK: And back

    private func callback(_ call: Call) async throws -> ApiResponse {
        let parameters = try parameters(of: call)
        let parts = (parameters["state"] ?? "").split(separator: ".", maxSplits: 1).map(String.init)
        guard parts.count == 2, let id = IDText(parts[0]),
            // Answered once: the row gives its secrets away only here.
            let flow = try await FlowStore(database: core.database).takeSecrets(id.text),
            let sealed = flow.providerSecrets,
            let secrets = FlowSecrets(try JSONReader.read(core.sealer.open(sealed, at: "flow:\(id.text)"))),
            ConstantTime.areEqual(Array(secrets.state.utf8), Array(parts[1].utf8)), !flow.isExpired,
            // Another's browser is not signed in to the account of whoever began the flow.
            FlowCookie(flow: id.text).isShown(secrets.browser, by: call.request)
        else { throw AuthError(400, .badOAuthState, "OAuth state is invalid or has expired") }
        let place = core.redirects.place(for: flow.redirectTo)
        do {
            if let error = parameters["error"] {
                throw AuthError(400, .badOAuthCallback, String((parameters["error_description"] ?? error).prefix(200)))
            }
            guard let code = parameters["code"] else {
                throw AuthError(400, .badOAuthCallback, "OAuth callback with missing authorization code")
            }
            return try await finish(flow, secrets, code, place, call)
        } catch let error as AuthError {
            let text =
                "error=server_error&error_code=\(error.errorCode.rawValue)"
                + "&error_description=\(PercentEncoding.encode(error.message))"
            return Reply.redirect(to: place?.text(adding: text, fragment: text) ?? core.settings.siteURL)
        }
    }

    /// Of the query, or of a form for providers that post.
    private func parameters(of call: Call) throws(AuthError) -> [String: String] {
        guard call.request.method == .post else { return call.query }
        var found: [String: String] = [:]
        for name in ["state", "code", "error", "error_description"] { found[name] = try call.text(name) }
        return found
    }

    private func finish(
        _ flow: Flow, _ secrets: FlowSecrets, _ code: String, _ place: RedirectURL?, _ call: Call
    ) async throws -> ApiResponse {
        let provider = try provider(named: flow.provider)
        let tokens = try await provider.exchange(code, verifier: secrets.verifier, redirectURI: callbackURL)
        let person = try await provider.person(
            of: tokens.idToken, nonce: .exactly(secrets.nonce), accessToken: tokens.accessToken)
        var extra: [JSON.Member] = []
        if let token = tokens.accessToken { extra.append(.init("provider_token", .string(token))) }
        if let token = tokens.refreshToken { extra.append(.init("provider_refresh_token", .string(token))) }
        let name = provider.settings.name
        let kept = extra
        let ownCode = UUID().uuidString.lowercased()
        let (answer, ended) = try await core.database.transaction { tx -> (String?, [String]) in
            let found = try await ProviderAccounts(core: core).find(
                person, provider: name, linking: flow.linkingUserID, call, in: tx)
            guard flow.challenge != nil else {
                let answer = try await core.issuer.open(for: found.userID, by: .oauth, call, in: tx, extra: kept)
                return (answer, found.ended)
            }
            let isOpen = try await FlowStore(database: tx).complete(
                flow.id, userID: found.userID, codeHash: core.flowHash(ownCode),
                secrets: core.sealer.seal(Array(JSON.object(kept).text.utf8), at: "flow:\(flow.id)"),
                seconds: core.settings.flowSeconds)
            guard isOpen else { throw AuthError(400, .badOAuthState, "OAuth state is invalid or has expired") }
            return (nil, found.ended)
        }
        core.revoke(ended)
        guard let answer else {
            return Reply.redirect(to: place?.text(adding: "code=\(ownCode)") ?? core.settings.siteURL)
        }
        return Reply.redirect(to: try SessionFragment(answer).address(place) ?? core.settings.siteURL)
    }

    // MARK: An app's own token

    func signIn(_ call: Call) async throws -> ApiResponse {
        let provider = try provider(named: call.text("provider"))
        let person = try await provider.person(
            of: call.required("id_token"), nonce: .given(call.text("nonce")), accessToken: call.text("access_token"))
        let name = provider.settings.name
        let (answer, ended) = try await core.database.transaction { tx -> (String, [String]) in
            let found = try await ProviderAccounts(core: core).find(
                person, provider: name, linking: nil, call, in: tx)
            return (try await core.issuer.open(for: found.userID, by: .oauth, call, in: tx), found.ended)
        }
        core.revoke(ended)
        return Reply.json(answer)
    }
}
