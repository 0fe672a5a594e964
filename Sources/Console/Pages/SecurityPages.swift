internal import Foundation
internal import HTTPTypes
internal import Web

/// Second factor, sessions and a person's rights.
enum SecurityPages {
    private static let everybody: Set<Person.Role> = [.client, .analyst, .admin]

    static let routes: [PageRoute] = [
        PageRoute(.get, "/securite", everybody, asks: ["facteur"]) { try await page($0) },
        PageRoute(.post, "/securite/facteur", everybody, enrol),
        PageRoute(.post, "/securite/facteur/valider", everybody, verify),
        PageRoute(.post, "/securite/facteur/retirer", everybody) { call in
            try await StepUp.guarded(call, section: "security") { call in
                guard call.person?.isStrong == true else { throw Refused(403, "insufficient_aal", "a code is needed") }
                guard var session = call.session, let factor = session.factor else { throw Refused.notFound }
                try await call.api(.delete, "/auth/v1/factors/\(factor)")
                session.factor = nil
                return .see("/securite?fait=facteur_retire", session: .set(session))
            }
        },
        PageRoute(.post, "/securite/sessions/autres", everybody) { call in
            try await call.api(.post, "/auth/v1/logout", query: "scope=others")
            return .see("/securite?fait=sessions")
        },
        PageRoute(.post, "/securite/sessions/:id/fermer", everybody) { call in
            guard let person = call.person, let id = call.values["id"], UUID(uuidString: id) != nil else {
                throw Refused.notFound
            }
            guard try await call.console.store.end(session: id, as: person.actor) else { throw Refused.notFound }
            return .see(id == person.sessionID ? "/connexion" : "/securite?fait=session")
        },
        PageRoute(.get, "/droits/donnees", [.client], export),
    ]

    private static func page(_ call: PageCall, extra: View = [:], status: Int = 200) async throws -> PageAnswer {
        guard let person = call.person else { throw Refused.notYours }
        let sessions = try await call.console.store.sessions(as: person.actor)
        var view: View = [
            "has_factor": call.session?.factor != nil, "asks_factor": call.asked("facteur") != nil,
            "email": person.email,
            "sessions": sessions.map { session -> View in
                [
                    "id": session["id"]?.string ?? "", "is_current": session["id"]?.string == person.sessionID,
                    "device": device(session["user_agent"]?.string, call), "ip": session["ip"]?.string ?? "–",
                    "since": call.dates.moment(session["created_at"]?.string ?? ""),
                    "last": call.dates.moment(session["refreshed_at"]?.string ?? ""),
                    "is_strong": session["aal"]?.string == "aal2",
                ]
            }, "has_others": sessions.count > 1,
        ]
        for (name, value) in extra { view[name] = value }
        return .page(
            PageView("security", title: call.words("security.title"), section: "security", view), status: status)
    }

    /// A browser and a system in words; the whole text would say more than anybody needs.
    private static func device(_ agent: String?, _ call: PageCall) -> String {
        guard let agent, !agent.isEmpty else { return call.words("security.device_unknown") }
        let browsers = [
            ("Edg/", "Edge"), ("OPR/", "Opera"), ("Firefox/", "Firefox"), ("Chrome/", "Chrome"), ("Safari/", "Safari"),
        ]
        let systems = [
            ("Android", "Android"), ("iPhone", "iPhone"), ("iPad", "iPad"), ("Windows", "Windows"), ("Mac OS", "macOS"),
            ("Linux", "Linux"),
        ]
        let browser = browsers.first { agent.contains($0.0) }?.1
        let system = systems.first { agent.contains($0.0) }?.1
        let words = [browser, system].compactMap(\.self).joined(separator: " · ")
        return words.isEmpty ? String(agent.prefix(40)) : words
    }

    @Sendable private static func enrol(_ call: PageCall) async throws -> PageAnswer {
        let name = "Console \(CivilDay(number: call.now.flooredDivision(by: 86_400)).iso) \(call.now % 86_400)"
        let answer = try await call.api(
            .post, "/auth/v1/factors", body: ["factor_type": "totp", "friendly_name": .string(name)])
        return try await offer(
            call, answer["id"]?.string ?? "", answer["totp"]?["qr_code"]?.string ?? "",
            answer["totp"]?["secret"]?.string ?? "")
    }

    private static func offer(
        _ call: PageCall, _ id: String, _ picture: String, _ secret: String, problem: String? = nil
    ) async throws -> PageAnswer {
        var offer: View = ["id": id, "secret": secret, "shown": IBANText.grouped(secret)]
        if picture.hasPrefix("<svg") {
            // As an image: what is inside can not touch the page.
            offer["picture"] = "data:image/svg+xml;base64," + Data(picture.utf8).base64EncodedString()
        }
        if let problem { offer["problem"] = problem }
        return try await page(call, extra: ["offer": offer], status: problem == nil ? 200 : 400)
    }

    @Sendable private static func verify(_ call: PageCall) async throws -> PageAnswer {
        let id = call.sent("factor")
        guard UUID(uuidString: id) != nil, var session = call.session else { throw Refused.notFound }
        session.factor = id
        do {
            let raised = try await StepUp.raise(call.with(session), code: call.sent("code"))
            return .see("/securite?fait=facteur", session: .set(raised))
        } catch let refused as Refused where refused.status == 422 || refused.status == 400 {
            let words = call.words.known("problem." + refused.code) ?? refused.message
            return try await offer(call, id, "", call.sent("secret"), problem: words)
        }
    }

    /// Everything that the API tells the client of themselves, as one file.
    @Sendable private static func export(_ call: PageCall) async throws -> PageAnswer {
        let accounts = try await call.fetch("/bank/v1/accounts")["accounts"]?.array ?? []
        var statements: [JSON] = []
        for account in accounts.prefix(20) {
            guard let id = account["id"]?.integer else { continue }
            var cursor: String?
            // So many pages at most: a hundred thousand postings.
            for _ in 0..<200 {
                let query = "limit=500" + (cursor.map { "&cursor=\($0)" } ?? "")
                let page = try await call.fetch("/bank/v1/accounts/\(id)/statement", query: query)
                statements.append(page)
                cursor = page["next"]?.string
                if cursor == nil { break }
            }
        }
        let body: JSON = [
            "made_at": .string(call.dates.moment(Moment(seconds: call.now))),
            "user": try await call.fetch("/auth/v1/user"),
            "accounts": .array(accounts), "cards": try await call.fetch("/bank/v1/cards"),
            "beneficiaries": try await call.fetch("/bank/v1/beneficiaries"),
            "standing_orders": try await call.fetch("/bank/v1/standing-orders"), "statements": .array(statements),
        ]
        var response = ApiResponse.json(body.text)
        response.fields[.contentDisposition] = "attachment; filename=\"mes-donnees.json\""
        response.fields[.cacheControl] = "no-store"
        return .file(response)
    }
}
