internal import Charts
internal import Foundation
internal import HTTPTypes
internal import Web

/// Transfers: the order, its check, its execution; payees and standing orders beside it.
enum TransferPages {
    static let routes: [PageRoute] = [
        PageRoute(.get, "/virements", [.client], asks: ["de"]) { try await form($0) },
        PageRoute(.post, "/virements/verifier", [.client], check),
        PageRoute(.post, "/virements", [.client]) { call in
            try await StepUp.guarded(call, section: "transfer") { try await order($0) }
        },
        PageRoute(.get, "/virements/:id", [.client], receipt),
        PageRoute(.post, "/beneficiaires", [.client]) { call in
            try await StepUp.guarded(call, section: "transfer") { call in
                let body: JSON = ["name": .string(call.sent("name")), "iban": .string(call.sent("iban"))]
                try await call.api(.post, "/bank/v1/beneficiaries", body: body)
                return .see("/virements?fait=beneficiaire")
            }
        },
        PageRoute(.post, "/beneficiaires/:id/retirer", [.client]) { call in
            try await call.api(.delete, "/bank/v1/beneficiaries/\(try call.number())")
            return .see("/virements?fait=beneficiaire_retire")
        },
    ]

    // MARK: The order

    private static func form(_ call: PageCall, problem: String? = nil) async throws -> PageAnswer {
        let accounts = try await call.fetch("/bank/v1/accounts")["accounts"]?.array ?? []
        let payees = try await call.fetch("/bank/v1/beneficiaries")["beneficiaries"]?.array ?? []
        let standing = try await call.fetch("/bank/v1/standing-orders")["standing_orders"]?.array ?? []
        var view: View = [
            "accounts": self.accounts(accounts, call),
            "payees": payees.compactMap { payee(payee: $0, call) }, "has_payees": !payees.isEmpty,
            "standing": standing.map { StandingPages.order($0, call) }, "has_standing": !standing.isEmpty,
            "amount": call.sent("amount"), "reason": call.sent("reason"), "iban": call.sent("iban"),
            "name": call.sent("name"),
        ]
        if let problem { view["problem"] = problem }
        return .page(
            PageView("transfer", title: call.words("transfer.title"), section: "transfer", view),
            status: problem == nil ? 200 : 400)
    }

    /// The caller's accounts that may be debited, as choices.
    static func accounts(_ accounts: [JSON], _ call: PageCall) -> [View] {
        let debit = call.sent("debit").isEmpty ? call.asked("de") : call.sent("debit")
        return accounts.filter { $0["status"]?.string == "actif" }.compactMap { account -> View? in
            guard let id = account["id"]?.integer else { return nil }
            let kind = call.words("account.\(account["type"]?.string ?? "courant")")
            let iban = IBANText.masked(account["iban"]?.string, last: account["iban_last4"]?.string)
            return [
                "id": String(id), "is_current": String(id) == debit,
                "label": "\(kind) · \(iban) · \(call.money(account["available"]))",
            ]
        }
    }

    static func payee(payee json: JSON, _ call: PageCall) -> View? {
        guard let id = json["id"]?.integer else { return nil }
        return [
            "id": String(id), "name": json["name"]?.string ?? "–", "iban": json["iban"]?.string ?? "",
            "shown": IBANText.masked(json["iban"]?.string, last: json["iban_last4"]?.string),
            "is_usable": json["iban"]?.string != nil && json["status"]?.string == "trusted",
            "status": call.words("payee.\(json["status"]?.string ?? "trusted")"),
        ]
    }

    /// What the API takes, from what was typed; a sentence when something is missing.
    static func draft(_ call: PageCall) throws -> [JSON.Member] {
        guard let amount = Decimals.typed(call.sent("amount")) else {
            throw Refused(422, "amount_invalid", "the amount can not be read")
        }
        guard let debit = Int64(call.sent("debit")) else {
            throw Refused(422, "account_missing", "choose an account")
        }
        // A known payee carries IBAN and name in one value.
        let chosen = call.sent("payee").split(separator: "|", maxSplits: 1).map(String.init)
        let iban = chosen.first ?? call.sent("iban").filter { $0 != " " && $0 != "\u{A0}" }.uppercased()
        guard !iban.isEmpty else { throw Refused(422, "iban_invalid", "the IBAN is missing") }
        var payee: [JSON.Member] = [.init("iban", .string(iban))]
        let name = chosen.count > 1 ? chosen[1] : call.sent("name")
        if !name.isEmpty { payee.append(.init("name", .string(String(name.prefix(70))))) }
        var members: [JSON.Member] = [
            .init("debit_account", .integer(debit)), .init("payee", .object(payee)),
            .init(
                "amount",
                [
                    "amount": .string(amount),
                    "currency": .string(call.sent("currency").isEmpty ? "EUR" : call.sent("currency")),
                ]),
        ]
        if !call.sent("reason").isEmpty {
            members.append(.init("reason", .string(String(call.sent("reason").prefix(140)))))
        }
        return members
    }

    @Sendable private static func check(_ call: PageCall) async throws -> PageAnswer {
        let members: [JSON.Member]
        let answer: JSON
        do {
            members = try draft(call)
            answer = try await call.api(.post, "/bank/v1/transfers/preview", body: .object(members))
        } catch let refused as Refused where [400, 422].contains(refused.status) {
            return try await form(call, problem: call.words.known("problem." + refused.code) ?? refused.message)
        }
        if let refusal = answer["refusal"], let code = refusal["code"]?.string {
            let words = call.words.known("problem." + code) ?? refusal["message"]?.string ?? code
            return try await form(call, problem: words)
        }
        let json = JSON.object(members)
        // Asked for with each such order, whatever the session has proved before: the code goes with this amount and payee.
        let needsCode = answer["needs_second_factor"]?.bool == true
        let result = answer["payee_check"]?["result"]?.string ?? "not_applicable"
        var view: View = [
            "amount": call.money(json["amount"]), "fees": call.money(answer["fees"]),
            "iban": IBANText.grouped(json["payee"]?["iban"]?.string ?? ""),
            "name": json["payee"]?["name"]?.string ?? "–",
            "reason": json["reason"]?.string ?? "–",
            "check": call.words("check.\(result)", ["name": answer["payee_check"]?["name"]?.string ?? ""]),
            "is_match": result == "match", "is_close": result == "close_match", "is_wrong": result == "no_match",
            "needs_code": needsCode && call.session?.factor != nil,
            "lacks_factor": needsCode && call.session?.factor == nil,
            "key": UUID().uuidString.lowercased(),
            "fields": call.form.filter { !["form_key", "code", "key"].contains($0.name) }.map { item -> View in
                ["name": item.name, "value": item.value]
            },
        ]
        view["debit"] = call.sent("debit")
        return .page(PageView("transfer-check", title: call.words("transfer.check"), section: "transfer", view))
    }

    private static func order(_ call: PageCall) async throws -> PageAnswer {
        var fields: HTTPFields = [:]
        if let name = HTTPField.Name("Idempotency-Key") { fields[name] = String(call.sent("key").prefix(60)) }
        if call.sent("code").isEmpty {
            let preview = try await call.api(.post, "/bank/v1/transfers/preview", body: .object(try draft(call)))
            guard preview["needs_second_factor"]?.bool != true else {
                throw Refused(403, "insufficient_aal", "this order needs its own code")
            }
        }
        do {
            let answer = try await call.api(.post, "/bank/v1/transfers", body: .object(try draft(call)), fields: fields)
            return .see("/virements/\(answer["id"]?.string ?? "")?fait=virement")
        } catch let refused as Refused
            where [409, 422].contains(refused.status)
            || ["payment_refused", "authorization_invalid"].contains(refused.code)
        {
            return try await form(call, problem: call.words.known("problem." + refused.code) ?? refused.message)
        }
    }

    @Sendable private static func receipt(_ call: PageCall) async throws -> PageAnswer {
        let id = call.values["id"] ?? ""
        guard UUID(uuidString: id) != nil else { throw Refused.notFound }
        let json = try await call.fetch("/bank/v1/transfers/\(id)")
        let view: View = [
            "id": id, "amount": call.money(json["amount"]), "reason": json["reason"]?.string ?? "–",
            "status": call.words("transfer.status_\(json["status"]?.string ?? "pending")"),
            "ordered": call.dates.moment(json["ordered_at"]?.string ?? ""),
            "account": String(json["debit_account"]?.integer ?? 0),
        ]
        return .page(PageView("transfer-done", title: call.words("transfer.receipt"), section: "transfer", view))
    }
}
