internal import Charts
internal import HTTPTypes
internal import Web

/// Cards: blocked at once, unblocked, limited.
enum CardPages {
    static let routes: [PageRoute] = [
        PageRoute(.get, "/cartes", [.client], list),
        PageRoute(.post, "/cartes/:id/bloquer", [.client]) { call in
            let body: JSON = ["reason": .string(call.sent("reason"))]
            try await call.api(.post, "/bank/v1/cards/\(try call.number())/block", body: body)
            return .see("/cartes?fait=carte_bloquee")
        },
        PageRoute(.post, "/cartes/:id/debloquer", [.client]) { call in
            try await call.api(.post, "/bank/v1/cards/\(try call.number())/unblock", body: [:])
            return .see("/cartes?fait=carte_debloquee")
        },
        PageRoute(.post, "/cartes/:id/plafond", [.client]) { call in
            try await StepUp.guarded(call, section: "cards") { call in
                guard let amount = Decimals.typed(call.sent("limit")) else {
                    throw Refused(422, "amount_invalid", "the amount can not be read")
                }
                let body: JSON = [
                    "limit_30_days": ["amount": .string(amount), "currency": .string(call.sent("currency"))]
                ]
                try await call.api(.patch, "/bank/v1/cards/\(try call.number())/limits", body: body)
                return .see("/cartes?fait=plafond")
            }
        },
    ]

    @Sendable private static func list(_ call: PageCall) async throws -> PageAnswer {
        let cards = try await call.fetch("/bank/v1/cards")["cards"]?.array ?? []
        let accounts = try await call.fetch("/bank/v1/accounts")["accounts"]?.array ?? []
        let view: View = [
            "cards": cards.map { card($0, accounts, call) }, "has_cards": !cards.isEmpty,
            "reasons": ["temporary", "lost", "stolen", "fraud"].map { reason -> View in
                ["value": reason, "label": call.words("card.reason_\(reason)")]
            },
        ]
        return .page(
            PageView("cards", title: call.words("card.title"), section: "cards", view, watches: ["cartes"]))
    }

    private static func card(_ json: JSON, _ accounts: [JSON], _ call: PageCall) -> View {
        let status = json["status"]?.string ?? "blocked"
        let account = accounts.first { $0["id"]?.integer == json["account"]?.integer }
        let currency = account?["balance"]?["currency"]?.string ?? "EUR"
        let reason = json["blocked_for"]?.string
        var view: View = [
            "id": String(json["id"]?.integer ?? 0), "number": json["number"]?.string ?? "•••• •••• •••• ••••",
            "last": String((json["number"]?.string ?? "").suffix(4)),
            "network": json["network"]?.string?.uppercased() ?? "", "status": call.words("card.status_\(status)"),
            "expires": expiry(json["expires_on"]?.string), "is_active": status == "active",
            "is_blocked": status == "blocked",
            "is_temporary": status == "blocked" && reason == "temporary",
            "account": call.words("account.\(account?["type"]?.string ?? "courant")"), "currency": currency,
            "limit": json["limit_30_days"].map { $0.isNull ? call.words("card.no_limit") : call.money($0) } ?? "–",
            "limit_typed": json["limit_30_days"]?["amount"]?.string?.replacingPoint(call.language == .fr) ?? "",
        ]
        if status == "blocked", let reason {
            view["reason"] = call.words("card.reason_\(reason)")
            view["blocked_at"] = call.dates.moment(json["blocked_at"]?.string ?? "")
        }
        return view
    }

    private static func expiry(_ day: String?) -> String {
        day.flatMap { CivilDay($0) }.map { "\(CivilDay.two($0.month))/\(CivilDay.two($0.year % 100))" } ?? "––/––"
    }
}

extension String {
    fileprivate func replacingPoint(_ isFrench: Bool) -> String {
        isFrench ? String(map { $0 == "." ? "," : $0 }) : self
    }
}
