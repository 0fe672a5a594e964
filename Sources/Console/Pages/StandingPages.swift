internal import Charts
internal import Foundation
internal import HTTPTypes
internal import Web

/// Standing orders: made once with the second factor, then paused, resumed or stopped.
enum StandingPages {
    static let frequencies = ["weekly", "monthly", "quarterly", "yearly"]

    static let routes: [PageRoute] = [
        PageRoute(.get, "/permanents", [.client]) { try await list($0) },
        PageRoute(.post, "/permanents", [.client]) { call in
            try await StepUp.guarded(call, section: "standing") { try await make($0) }
        },
        PageRoute(.post, "/permanents/:id/suspendre", [.client]) { try await change($0, isPaused: true) },
        PageRoute(.post, "/permanents/:id/reprendre", [.client]) { try await change($0, isPaused: false) },
        PageRoute(.post, "/permanents/:id/arreter", [.client]) { call in
            try await call.api(.delete, "/bank/v1/standing-orders/\(try id(call))")
            return .see("/permanents?fait=permanent")
        },
    ]

    private static func id(_ call: PageCall) throws -> String {
        guard let id = call.values["id"].flatMap(UUID.init(uuidString:)) else { throw Refused.notFound }
        return id.uuidString.lowercased()
    }

    private static func change(_ call: PageCall, isPaused: Bool) async throws -> PageAnswer {
        let id = try id(call)
        return try await StepUp.guarded(call, section: "standing") { call in
            try await call.api(.patch, "/bank/v1/standing-orders/\(id)", body: ["paused": .bool(isPaused)])
            return .see("/permanents?fait=" + (isPaused ? "permanent_suspendu" : "permanent_repris"))
        }
    }

    private static func list(_ call: PageCall, problem: String? = nil) async throws -> PageAnswer {
        let accounts = try await call.fetch("/bank/v1/accounts")["accounts"]?.array ?? []
        let payees = try await call.fetch("/bank/v1/beneficiaries")["beneficiaries"]?.array ?? []
        let orders = try await call.fetch("/bank/v1/standing-orders")["standing_orders"]?.array ?? []
        let tomorrow = CivilDay(number: (call.now + 86_400).flooredDivision(by: 86_400)).iso
        var view: View = [
            "accounts": TransferPages.accounts(accounts, call), "has_accounts": !accounts.isEmpty,
            "payees": payees.compactMap { TransferPages.payee(payee: $0, call) }, "has_payees": !payees.isEmpty,
            "orders": orders.map { order($0, call) }, "has_orders": !orders.isEmpty,
            "count_words": call.words.count("standing.count", orders.count),
            "frequencies": frequencies.map { name -> View in
                ["value": name, "label": call.words("frequency.\(name)"), "is_current": name == "monthly"]
            },
            "amount": call.sent("amount"), "reason": call.sent("reason"), "iban": call.sent("iban"),
            "name": call.sent("name"), "tomorrow": tomorrow,
            "first": call.sent("first_on").isEmpty ? tomorrow : call.sent("first_on"), "last": call.sent("last_on"),
        ]
        if let problem { view["problem"] = problem }
        return .page(
            PageView("standing", title: call.words("standing.title"), section: "standing", view),
            status: problem == nil ? 200 : 400)
    }

    /// An order as the list shows it.
    static func order(_ json: JSON, _ call: PageCall) -> View {
        let status = json["status"]?.string ?? "active"
        let frequency = json["frequency"]?.string ?? ""
        let tones = ["active": "positive", "paused": "warning"]
        let done = (json["executions"]?.array ?? []).prefix(4)
        return [
            "id": json["id"]?.string ?? "", "amount": call.money(json["amount"]),
            "reason": json["reason"]?.string ?? call.words("standing.one"),
            "payee": json["payee_iban_last4"]?.string.map { "•••• " + $0 } ?? "–",
            "frequency": call.words.known("frequency.\(frequency)") ?? frequency,
            "next": json["next_on"]?.string.map { call.dates.day($0) } ?? "–",
            "last": json["last_on"]?.string.map { call.dates.day($0) } ?? "",
            "status": call.words("standing.status_\(status)"), "tone": tones[status] ?? "neutral",
            "is_active": status == "active", "is_paused": status == "paused",
            "goes_on": ["active", "paused"].contains(status),
            "executions": done.map { execution -> View in
                let result = execution["status"]?.string ?? "executed"
                return [
                    "day": call.dates.day(execution["due_on"]?.string ?? ""),
                    "words": call.words("standing.execution_\(result)"),
                    "tone": result == "executed" ? "positive" : "negative",
                ]
            }, "has_executions": !done.isEmpty,
        ]
    }

    private static func make(_ call: PageCall) async throws -> PageAnswer {
        do {
            var members = try TransferPages.draft(call)
            for name in ["first_on", "last_on"] where !call.sent(name).isEmpty || name == "first_on" {
                guard let day = CivilDay(call.sent(name)), day.iso == call.sent(name) else {
                    throw Refused(422, "date_invalid", "\(call.sent(name).prefix(20)) is no date")
                }
                members.append(.init(name, .string(day.iso)))
            }
            guard frequencies.contains(call.sent("frequency")) else {
                throw Refused(422, "validation_failed", "choose how often")
            }
            members.append(.init("frequency", .string(call.sent("frequency"))))
            if call.sent("month_end") == "oui" { members.append(.init("month_end", "last_day")) }
            try await call.api(.post, "/bank/v1/standing-orders", body: .object(members))
            return .see("/permanents?fait=permanent_cree")
        } catch let refused as Refused where [400, 409, 422].contains(refused.status) {
            return try await list(call, problem: call.words.known("problem." + refused.code) ?? refused.message)
        }
    }
}
