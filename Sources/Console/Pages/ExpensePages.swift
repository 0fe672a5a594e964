internal import Charts
internal import HTTPTypes
internal import Web

/// Where a client's money goes, by category: the bank's rules first, the client's own word before them.
enum ExpensePages {
    static let categories = [
        "logement", "alimentation", "restaurants", "transport", "energie", "telecom", "assurance", "sante", "loisirs",
        "achats", "impots", "epargne", "revenus", "banque", "virements", "especes", "autres",
    ]

    static let export = TableExport(
        name: "depenses", roles: [.client], title: "expense.title", asks: ["mois"],
        columns: [
            .init("statement.label", "label", isText: true), .init("expense.category", "category_words", isText: true),
            .init("expense.operations", "operations"), .init("statement.amount", "amount"),
        ]
    ) { call in
        let (_, currency, json) = try await read(call)
        return (json["labels"]?.array ?? []).map { label($0, currency, call) }
    }

    static let routes: [PageRoute] = [
        PageRoute(.get, "/depenses", [.client], asks: ["mois"], show),
        PageRoute(.post, "/depenses/categorie", [.client]) { call in
            guard let person = call.person else { throw Refused.notYours }
            let label = String(call.sent("label").prefix(140))
            let category = call.sent("category")
            guard !label.isEmpty, category.isEmpty || categories.contains(category) else {
                throw Refused(400, "parameter_invalid", "there is no such category")
            }
            try await call.console.pages.choose(category.isEmpty ? nil : category, for: label, as: person.actor)
            let month = month(call.sent("month")).map { "mois=\($0)&" } ?? ""
            return .see("/depenses?\(month)fait=categorie")
        },
    ]

    private static func month(_ text: String) -> String? {
        text.count == 7 && CivilDay(text + "-01") != nil ? text : nil
    }

    /// The month that is asked for, or the last with expenses; its currency; its figures.
    private static func read(_ call: PageCall) async throws -> (month: String, currency: String, json: JSON) {
        guard let person = call.person else { throw Refused.notYours }
        let accounts = try await call.fetch("/bank/v1/accounts")["accounts"]?.array ?? []
        let currency = accounts.first?["balance"]?["currency"]?.string ?? "EUR"
        let chosen: String
        if let text = call.asked("mois") {
            guard let month = month(text) else { throw Refused(400, "date_invalid", "\(text.prefix(20)) is no month") }
            chosen = month
        } else {
            let newest = try await call.console.pages.months(as: person.actor).first
            chosen = newest ?? String(CivilDay(number: call.now.flooredDivision(by: 86_400)).iso.prefix(7))
        }
        return (chosen, currency, try await call.console.pages.expenses(chosen, currency, as: person.actor))
    }

    private static func label(_ json: JSON, _ currency: String, _ call: PageCall) -> View {
        let category = json["categorie"]?.string ?? "autres"
        let text = json["libelle"]?.string ?? ""
        return [
            "label": call.words.known("kind." + text) ?? text, "raw": text,
            "category_words": call.words("category.\(category)"), "category": category,
            "operations": call.numbers.integer(json["operations"]?.integer ?? 0),
            "amount": call.money(minor: FraudPages.number(json["minor"]), currency),
            "is_chosen": json["est_choisie"]?.bool ?? false,
            "choices": categories.map { name -> View in
                ["value": name, "label": call.words("category.\(name)"), "is_current": name == category]
            },
        ]
    }

    @Sendable private static func show(_ call: PageCall) async throws -> PageAnswer {
        guard let person = call.person else { throw Refused.notYours }
        let (month, currency, json) = try await read(call)
        let words = call.words
        var months = try await call.console.pages.months(as: person.actor)
        if !months.contains(month) { months.insert(month, at: 0) }
        let groups = json["categories"]?.array ?? []
        let total = groups.map { $0["minor"]?.integer ?? 0 }.reduce(Int64(0)) {
            $0.addingReportingOverflow($1).partialValue
        }
        var view: View = [
            "months": months.map { text -> View in
                ["value": text, "label": call.dates.month(text), "is_current": text == month]
            },
            "month": month, "month_words": call.dates.month(month), "has_expenses": !groups.isEmpty,
            "total": call.money(minor: String(total), currency),
            "labels": (json["labels"]?.array ?? []).enumerated().map { index, row -> View in
                var view = label(row, currency, call)
                view["n"] = String(index)
                return view
            },
            "categories": groups.map { group -> View in
                let name = group["categorie"]?.string ?? "autres"
                let minor = group["minor"]?.integer ?? 0
                return [
                    "name": words("category.\(name)"), "amount": call.money(minor: String(minor), currency),
                    "operations": words.count("expense.count", Int(group["operations"]?.integer ?? 0)),
                    "share": call.numbers.percent(total > 0 ? Double(minor) / Double(total) : 0),
                ]
            },
            "exports": call.exports(export, "mois=\(month)"),
        ]
        if !groups.isEmpty {
            let donut = DonutChart(
                call.caption("categories", words("expense.by_category"), words("expense.summary")),
                items: groups.prefix(8).map {
                    .init(
                        words("category.\($0["categorie"]?.string ?? "autres")"), Decimals.value($0["minor"], currency))
                }, unit: .money(currency), heads: (words("expense.category"), words("statement.amount")))
            view["donut"] = call.picture(donut, ChartSize(460, 260), narrow: ChartSize(320, 360))
        }
        let line = try await call.console.store.months(12, currency, as: person.actor)
        if line.count > 1 {
            let bars = BarChart(
                call.caption("by-month", words("expense.by_month"), words("expense.by_month_summary")),
                labels: line.map { call.dates.month($0["month"]?.string ?? "") },
                series: [
                    Series(words("home.out"), line.map { Decimals.value($0["out_minor"], currency) }, ink: .series(1))
                ],
                unit: .money(currency), axis: words("home.month"))
            view["by_month"] = call.picture(bars, ChartSize(460, 260))
        }
        return .page(PageView("expenses", title: words("expense.title"), section: "expenses", view))
    }
}
