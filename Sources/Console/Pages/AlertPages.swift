internal import HTTPTypes
internal import Web

/// Payments that the bank stopped or asked about, and the client's word on each.
enum AlertPages {
    static let routes: [PageRoute] = [
        PageRoute(.get, "/alertes", [.client], list),
        PageRoute(.post, "/alertes/:id/reponse", [.client]) { call in
            try await StepUp.guarded(call, section: "alerts") { call in
                let answer = call.sent("answer")
                guard ["mine", "not_mine"].contains(answer) else {
                    throw Refused(400, "validation_failed", "say whether the payment was yours")
                }
                let id = try call.number()
                try await call.api(.post, "/bank/v1/alerts/\(id)/answer", body: ["answer": .string(answer)])
                return .see("/alertes?fait=" + (answer == "mine" ? "alerte_mienne" : "alerte_niee"))
            }
        },
    ]

    /// How many wait for the client's word.
    static func waiting(_ call: PageCall) async -> Int {
        let alerts = try? await call.fetch("/bank/v1/alerts")["alerts"]?.array
        return (alerts ?? []).count { $0["answer"]?.string == nil }
    }

    @Sendable private static func list(_ call: PageCall) async throws -> PageAnswer {
        let alerts = try await call.fetch("/bank/v1/alerts")["alerts"]?.array ?? []
        let accounts = try await call.fetch("/bank/v1/accounts")["accounts"]?.array ?? []
        let shown = alerts.map { alert($0, accounts, call) }
        let view: View = ["alerts": shown, "has_alerts": !shown.isEmpty]
        return .page(
            PageView("alerts", title: call.words("alert.title"), section: "alerts", view, pollSeconds: 30))
    }

    private static func alert(_ json: JSON, _ accounts: [JSON], _ call: PageCall) -> View {
        let account = accounts.first { $0["id"]?.integer == json["account"]?.integer }
        let answer = json["answer"]?.string
        let outcome = json["outcome"]?.string ?? "held"
        return [
            "id": String(json["id"]?.integer ?? 0), "amount": call.money(json["amount"]),
            "account": call.words("account.\(account?["type"]?.string ?? "courant")"),
            "iban": IBANText.masked(account?["iban"]?.string, last: account?["iban_last4"]?.string),
            "at": call.dates.moment(json["decided_at"]?.string ?? ""),
            "outcome": call.words.known("alert.outcome_\(outcome)") ?? outcome, "is_asked": answer == nil,
            "is_mine": answer == "mine", "is_denied": answer == "not_mine",
            "said": answer.map { call.words("alert.said_\($0)") } ?? "",
            "tone": answer == nil ? "warning" : answer == "mine" ? "positive" : "negative",
        ]
    }
}
