internal import HTTPTypes
internal import Web

/// Password, then the second factor of whoever has one.
enum SignInPages {
    static let routes: [PageRoute] = [
        PageRoute(.get, "/connexion", [], asks: ["suite", "fin", "refus"]) { call in
            if call.person != nil, let session = call.session {
                return .see(session.needsCode ? "/connexion/code" : "/")
            }
            let problem = call.asked("refus").map { code in
                call.words.known("problem." + code) ?? call.words("signin.provider_refused")
            }
            return .page(await form(call, problem: problem))
        },
        PageRoute(.post, "/connexion", [], signIn),
        PageRoute(.get, "/connexion/code", [], asks: ["suite"]) { call in
            guard call.session?.needsCode == true else { return .see("/") }
            return .page(code(call))
        },
        PageRoute(.post, "/connexion/code", [], verify),
        PageRoute(.post, "/deconnexion", []) { call in
            _ = await call.raw(.post, "/auth/v1/logout", query: "scope=local")
            return .see("/connexion?fait=sortie", session: .end)
        },
    ]

    private static func form(_ call: PageCall, email: String = "", problem: String? = nil) async -> PageView {
        var view: View = ["email": email, "next": next(call), "is_ended": call.asked("fin") != nil, "is_bare": true]
        view["providers"] = await ProviderPages.offered(call).map { name -> View in
            [
                "href": "/connexion/fournisseur?nom=\(name)&suite=" + PercentEncoding.encode(next(call)),
                "words": call.words("signin.provider", ["name": ProviderPages.title(name)]),
            ]
        }
        if let problem { view["problem"] = problem }
        return PageView("signin", title: call.words("signin.title"), view)
    }

    /// Where a sign-in leads: a path of ours, else home.
    static func next(_ call: PageCall) -> String {
        let wanted = call.asked("suite") ?? call.sent("next")
        return wanted.hasPrefix("/") && !wanted.hasPrefix("//") && !wanted.contains("\\") ? wanted : "/"
    }

    @Sendable private static func signIn(_ call: PageCall) async throws -> PageAnswer {
        let email = call.sent("email")
        let body: JSON = [
            "email": .string(email), "password": .string(call.form.last { $0.name == "password" }?.value ?? ""),
        ]
        let response = await call.raw(.post, "/auth/v1/token", query: "grant_type=password", body: body)
        guard response.status == .ok else {
            let refused = Refused(response)
            let words = call.words.known("problem." + refused.code) ?? refused.message
            return .page(
                await form(call, email: email, problem: words), status: response.status.code == 429 ? 429 : 400)
        }
        var session = try ConsoleSession(answer: try JSONReader.read(response.body), formKey: nil)
        session.needsCode = session.factor != nil
        guard session.needsCode else { return .see(next(call), session: .set(session)) }
        return .see("/connexion/code?suite=" + PercentEncoding.encode(next(call)), session: .set(session))
    }

    private static func code(_ call: PageCall, problem: String? = nil) -> PageView {
        var view: View = ["next": next(call), "email": call.person?.email ?? "", "is_bare": true]
        if let problem { view["problem"] = problem }
        return PageView("code", title: call.words("code.title"), view)
    }

    @Sendable private static func verify(_ call: PageCall) async throws -> PageAnswer {
        guard call.session?.needsCode == true else { return .see("/") }
        do {
            return .see(next(call), session: .set(try await StepUp.raise(call, code: call.sent("code"))))
        } catch let refused as Refused where refused.status < 500 && refused.status != 401 {
            let words = call.words.known("problem." + refused.code) ?? refused.message
            return .page(code(call, problem: words), status: 400)
        }
    }
}
