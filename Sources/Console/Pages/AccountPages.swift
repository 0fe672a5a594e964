internal import Charts
internal import HTTPTypes
internal import Web

/// Accounts, statements and what a client sees first.
enum AccountPages {
    private static let filters: Set<String> = ["q", "du", "au", "sens", "avant"]

    static let routes: [PageRoute] = [
        PageRoute(.get, "/", [.client, .analyst, .admin]) { call in
            switch call.person?.role {
            case .analyst: try await FraudPages.queue(call)
            case .admin: try await AdminPages.state(call)
            default: try await home(call)
            }
        },
        PageRoute(.get, "/comptes/:id", [.client], asks: filters, statement),
        PageRoute(.get, "/comptes/:id/export", [.client], asks: filters.union(["format"]), export),
        PageRoute(.get, "/recherche", [.client], asks: ["q"]) { call in
            let accounts = try await call.fetch("/bank/v1/accounts")["accounts"]?.array ?? []
            guard let first = accounts.first?["id"]?.integer else { return .see("/") }
            let words = call.asked("q").map { "?q=" + PercentEncoding.encode($0) } ?? ""
            return .see("/comptes/\(first)\(words)")
        },
    ]

    static let watched = ["comptes", "transactions", "cartes"]

    // MARK: Home

    private static func home(_ call: PageCall) async throws -> PageAnswer {
        guard let person = call.person else { throw Refused.notYours }
        let accounts = try await call.fetch("/bank/v1/accounts")["accounts"]?.array ?? []
        let balances = try await call.console.store.balances(as: person.actor)
        var view: View = [
            "accounts": accounts.map { account($0, balances, call) }, "has_accounts": !accounts.isEmpty,
            "count_words": call.words.count("accounts.count", accounts.count),
        ]
        let totals = Dictionary(grouping: accounts) { $0["balance"]?["currency"]?.string ?? "EUR" }
        view["totals"] = totals.sorted { $0.key < $1.key }.map { currency, group -> View in
            ["words": call.numbers.money(sum(group), currency)]
        }
        if let first = accounts.first, let id = first["id"]?.integer {
            var filter = ConsoleStore.Filter()
            filter.size = 8
            let rows = try await call.console.store.statement(id, filter, as: person.actor)
            view["recent"] = rows.prefix(8).map { entry($0, call) }
            view["recent_account"] = String(id)
            let currency = first["balance"]?["currency"]?.string ?? "EUR"
            try await charts(currency, call, &view)
        }
        let waiting = await AlertPages.waiting(call)
        if waiting > 0 { view["alerts_words"] = call.words.count("alert.waiting", waiting) }
        return .page(
            PageView(
                "home", title: call.words("accounts.title"), section: "accounts", view, watches: watched))
    }

    /// Exact: in minor units of two decimals as integers.
    private static func sum(_ accounts: [JSON]) -> String {
        let minor = accounts.map { account -> Int64 in
            let text = account["balance"]?["amount"]?.string ?? "0"
            let parts = text.split(separator: ".")
            let decimals = parts.count > 1 ? (parts[1] + "00").prefix(2) : "00"
            return Int64(String(parts.first ?? "0") + decimals) ?? 0
        }.reduce(Int64(0)) { $0.addingReportingOverflow($1).partialValue }
        return Decimals.major(minor)
    }

    private static func account(_ json: JSON, _ balances: JSON, _ call: PageCall) -> View {
        let id = String(json["id"]?.integer ?? 0)
        let currency = json["balance"]?["currency"]?.string ?? "EUR"
        let amount = json["balance"]?["amount"]?.string ?? "0"
        var view: View = [
            "id": id, "name": call.words("account.\(json["type"]?.string ?? "courant")"),
            "iban": IBANText.masked(json["iban"]?.string, last: json["iban_last4"]?.string),
            "balance": call.money(json["balance"]), "available": call.money(json["available"]),
            "is_negative": amount.hasPrefix("-"), "is_blocked": json["status"]?.string != "actif",
            "status": call.words("account.status_\(json["status"]?.string ?? "actif")"),
        ]
        if json["held"]?["amount"]?.string.map({ Double($0) ?? 0 }) ?? 0 > 0 { view["held"] = call.money(json["held"]) }
        let line = (balances[id]?.array ?? []).map { Decimals.value($0, currency) }
        if line.count > 2 {
            let spark = Sparkline(
                call.caption("spark-\(id)", call.words("accounts.trend"), call.words("accounts.trend_summary")),
                values: line, unit: .money(currency))
            view["spark"] = spark.svg(Sparkline.size)
        }
        return view
    }

    private static func charts(_ currency: String, _ call: PageCall, _ view: inout View) async throws {
        guard let person = call.person else { return }
        let months = try await call.console.store.months(6, currency, as: person.actor)
        guard let last = months.last?["month"]?.string else { return }
        let words = call.words
        let bars = BarChart(
            call.caption("months", words("home.months"), words("home.months_summary")),
            labels: months.map { call.dates.month($0["month"]?.string ?? "") },
            series: [
                Series(words("home.in"), months.map { Decimals.value($0["in_minor"], currency) }, ink: .series(0)),
                Series(words("home.out"), months.map { Decimals.value($0["out_minor"], currency) }, ink: .series(1)),
            ], unit: .money(currency), axis: words("home.month"))
        view["months"] = call.picture(bars, ChartSize(460, 240))
        let spending = try await call.console.store.spending(last, currency, as: person.actor)
        guard !spending.isEmpty else { return }
        let donut = DonutChart(
            call.caption(
                "spending", words("home.spending", ["month": call.dates.month(last)]), words("home.spending_summary")),
            items: spending.map { .init(call.kind($0["kind"]?.string), Decimals.value($0["minor"], currency)) },
            unit: .money(currency), heads: (words("statement.kind"), words("statement.amount")))
        view["spending"] = call.picture(donut, ChartSize(440, 240), narrow: ChartSize(320, 300))
    }

    // MARK: Statement

    static func entry(_ json: JSON, _ call: PageCall) -> View {
        let currency = json["currency"]?.string ?? "EUR"
        let minor = json["minor"]?.string ?? "0"
        let kind = json["by_card"]?.bool == true ? "carte" : json["kind"]?.string
        let label = json["label"]?.string.flatMap { $0.isEmpty ? nil : $0 } ?? call.kind(kind)
        let isDebit = minor.hasPrefix("-")
        return [
            "label": label, "kind": call.kind(kind),
            "day": call.dates.day(json["day"]?.string ?? ""), "brief": call.dates.brief(json["day"]?.string ?? ""),
            "amount": call.signed(minor: minor, currency), "is_credit": !isDebit,
            "after": json["after_minor"]?.string.map { call.money(minor: $0, currency) } ?? "–",
            "icon": kind == "carte" ? "card" : isDebit ? "up" : "down",
            "sense": call.words(isDebit ? "statement.debit" : "statement.credit"),
        ]
    }

    private static func filter(_ call: PageCall) throws -> ConsoleStore.Filter {
        var filter = ConsoleStore.Filter()
        filter.words = call.asked("q")
        for (name, path) in [("du", \ConsoleStore.Filter.from), ("au", \.to)] {
            guard let text = call.asked(name) else { continue }
            guard let day = CivilDay(text), day.iso == text else {
                throw Refused(400, "date_invalid", "\(text.prefix(20)) is no date")
            }
            filter[keyPath: path] = text
        }
        if let direction = call.asked("sens") {
            guard ["in", "out"].contains(direction) else {
                throw Refused(400, "parameter_invalid", "sens is in or out")
            }
            filter.direction = direction
        }
        if let text = call.asked("avant") {
            guard let cursor = ConsoleStore.Cursor(text) else {
                throw Refused(400, "parameter_invalid", "avant is a place in the statement")
            }
            filter.before = cursor
        }
        return filter
    }

    @Sendable private static func statement(_ call: PageCall) async throws -> PageAnswer {
        let id = try call.number()
        guard let person = call.person else { throw Refused.notYours }
        let filter = try filter(call)
        let account = try await call.fetch("/bank/v1/accounts/\(id)")
        let accounts = try await call.fetch("/bank/v1/accounts")["accounts"]?.array ?? []
        let rows = try await call.console.store.statement(id, filter, as: person.actor)
        let balances = try await call.console.store.balances(as: person.actor)
        var view: View = [
            "account": self.account(account, balances, call),
            "rows": rows.prefix(Int(filter.size)).map { entry($0, call) },
            "has_rows": !rows.isEmpty, "q": filter.words ?? "", "from": filter.from ?? "", "to": filter.to ?? "",
            "is_in": filter.direction == "in", "is_out": filter.direction == "out",
            "is_filtered": filter.words != nil || filter.from != nil || filter.to != nil || filter.direction != nil,
            "full_iban": account["iban"]?.string.map(IBANText.grouped) ?? "–",
            "bic": account["bic"]?.string ?? "DGBKFRPP",
            "others": accounts.compactMap { other -> View? in
                guard let number = other["id"]?.integer else { return nil }
                return [
                    "id": String(number), "name": call.words("account.\(other["type"]?.string ?? "courant")"),
                    "is_current": number == id,
                    "iban": IBANText.masked(other["iban"]?.string, last: other["iban_last4"]?.string),
                ]
            },
        ]
        if rows.count > Int(filter.size), let last = rows[Int(filter.size) - 1]["position"]?.string {
            view["next"] = "/comptes/\(id)?" + query(call, before: last)
        }
        if filter.before != nil { view["first"] = "/comptes/\(id)?" + query(call, before: nil) }
        let kept = query(call, before: nil)
        view["export_query"] = kept.isEmpty ? "" : "&" + kept
        let currency = account["balance"]?["currency"]?.string ?? "EUR"
        let line = (balances[String(id)]?.array ?? []).map { Decimals.value($0, currency) }
        if line.count > 2 {
            let chart = LineChart(
                call.caption("balance", call.words("statement.balance"), call.words("statement.balance_summary")),
                labels: line.indices.map { call.numbers.integer(Int64($0 - line.count + 1)) },
                series: [Series(call.words("statement.balance"), line)], unit: .money(currency), isFilled: true,
                startsAtZero: false, axis: call.words("statement.operation"))
            view["balance_chart"] = call.picture(chart, ChartSize(960, 220), narrow: ChartSize(340, 180))
        }
        return .page(
            PageView(
                "statement", title: call.words("statement.title"), section: "accounts", view, watches: watched))
    }

    private static func query(_ call: PageCall, before: String?) -> String {
        let kept = call.query.filter { ["q", "du", "au", "sens"].contains($0.name) && !$0.value.isEmpty }
        let parts =
            kept.map { "\($0.name)=\(PercentEncoding.encode($0.value))" } + (before.map { ["avant=\($0)"] } ?? [])
        return parts.joined(separator: "&")
    }

    /// The statement as it is filtered, as a table.
    private static func table(_ call: PageCall, _ id: Int64, as format: String) async throws -> PageAnswer {
        guard let person = call.person else { throw Refused.notYours }
        var filter = try filter(call)
        filter.size = Int64(Exporter.rowsMax)
        let words = call.words
        let rows = try await call.console.store.statement(id, filter, as: person.actor).prefix(Exporter.rowsMax)
        let sheet = Sheet(
            title: words("statement.title") + " \(id)",
            filters: call.query.filter { $0.name != "format" && !$0.value.isEmpty }.map { "\($0.name)=\($0.value)" },
            head: ["date", "label", "kind", "amount", "after"].map { words("statement.\($0)") },
            rows: rows.map { row in
                let view = entry(row, call)
                return ["day", "label", "kind", "amount", "after"].enumerated().map { place, key in
                    let text = view[key] as? String ?? ""
                    let plain = text.hasPrefix("+") ? String(text.dropFirst()) : text
                    return place < 3 ? .text(text) : CellText.cell(plain, call.language)
                }
            }, language: call.language)
        return try await Exporter.file(sheet, as: format, name: "releve-\(id)", call)
    }

    /// The bank's own file of a period; what was searched in it is a table of the console's.
    @Sendable private static func export(_ call: PageCall) async throws -> PageAnswer {
        let id = try call.number()
        guard let format = call.asked("format"), ["csv", "pdf", "xlsx"].contains(format) else {
            throw Refused(400, "parameter_invalid", "a statement is exported as csv, pdf or xlsx")
        }
        let filter = try filter(call)
        if format == "xlsx" || filter.words != nil || filter.direction != nil {
            return try await table(call, id, as: format)
        }
        var parts = ["format=\(format)"]
        for (day, theirs) in [(filter.from, "from"), (filter.to, "to")] {
            if let day { parts.append("\(theirs)=\(day)") }
        }
        var response = try await call.raw(
            .get, "/bank/v1/accounts/\(id)/statement", query: parts.joined(separator: "&")
        ).success()
        if response.fields[.contentDisposition] == nil {
            response.fields[.contentDisposition] = "attachment; filename=\"releve-\(id).\(format)\""
        }
        response.fields[.cacheControl] = "no-store"
        return .file(response)
    }
}
