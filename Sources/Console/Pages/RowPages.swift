internal import Charts
internal import HTTPTypes
internal import Web

/// The operations that a figure of a dashboard is made of, under pseudonyms: the same filters, page by page, and as a file.
enum RowPages {
    private static let desk: Set<Person.Role> = [.analyst, .admin]
    private static let size = 50
    private static let filters: Set<String> = [
        "du", "au", "type", "heure", "semaine", "taille", "dep", "compte", "de", "vers",
    ]
    static let sizes = ["< 10", "10–50", "50–100", "100–500", "500–1k", "1–5k", "5–10k", "> 10k"]

    static let routes: [PageRoute] = [
        PageRoute(.get, "/tableaux/lignes", desk, asks: filters.union(["avant"]), show)
    ]

    static let export = TableExport(
        name: "operations", roles: desk, title: "rows.title", asks: filters,
        columns: [
            .init("rows.number", "id", isText: true), .init("rows.at", "iso", isText: true),
            .init("statement.kind", "kind", isText: true), .init("rows.account", "account", isText: true),
            .init("rows.account_type", "account_type", isText: true), .init("rows.client", "client", isText: true),
            .init("board.department", "department", isText: true), .init("rows.other", "other", isText: true),
            .init("rows.other_type", "other_type", isText: true), .init("rows.channel", "channel", isText: true),
            .init("board.amount", "amount"),
        ]
    ) { call in try await rows(call, try ask(call), most: Int64(Exporter.rowsMax)) }

    private static func ask(_ call: PageCall) throws -> ConsoleFigures.Ask {
        let today = CivilDay(number: Moment(seconds: call.now).paris.flooredDivision(by: 86_400)).iso
        guard let span = DaySpan(call.asked("du") ?? call.asked("au") ?? today, call.asked("au") ?? today) else {
            throw Refused(400, "date_invalid", "du and au are days, the first one first, three years at most")
        }
        var ask = ConsoleFigures.Ask(from: span.from, to: span.to)
        ask.kind = try BoardPages.Filter.word(call, "type")
        ask.fromType = try BoardPages.Filter.word(call, "de")
        ask.toType = try BoardPages.Filter.word(call, "vers")
        ask.hour = try number(call, "heure", 0...23)
        ask.weekday = try number(call, "semaine", 1...7)
        ask.size = try number(call, "taille", 0...7)
        ask.department = try code(call, "dep", 3)
        ask.account = try code(call, "compte", 40)
        if let text = call.asked("avant") {
            guard let position = ConsoleStore.Cursor(text) else {
                throw Refused(400, "parameter_invalid", "avant is the place of an operation")
            }
            ask.after = position.text
        }
        return ask
    }

    private static func number(_ call: PageCall, _ name: String, _ range: ClosedRange<Int64>) throws -> Int64? {
        guard let text = call.asked(name) else { return nil }
        guard let value = Int64(text), range.contains(value) else {
            throw Refused(
                400, "parameter_invalid", "\(name) is a number from \(range.lowerBound) to \(range.upperBound)")
        }
        return value
    }

    private static func code(_ call: PageCall, _ name: String, _ most: Int) throws -> String? {
        guard let text = call.asked(name) else { return nil }
        guard text.count <= most,
            text.utf8.allSatisfy({ (48...57).contains($0) || (65...90).contains($0) || (97...122).contains($0) })
        else { throw Refused(400, "parameter_invalid", "\(name) is a code of letters and digits") }
        return text
    }

    private static func rows(_ call: PageCall, _ ask: ConsoleFigures.Ask, most: Int64) async throws -> [View] {
        guard let figures = call.console.backend.tools.figures else {
            throw Refused(503, "figures_unavailable", "this server keeps no figures")
        }
        return try await figures.rows(ask, most).map { row(call, $0) }
    }

    private static func row(_ call: PageCall, _ json: JSON) -> View {
        func text(_ name: String) -> String { json[name]?.string ?? "" }
        func type(_ name: String) -> String {
            call.words.known("rows.type_\(text(name))") ?? text(name)
        }
        return [
            "id": text("id"), "position": text("position"), "iso": text("at"), "at": call.dates.moment(text("at")),
            "kind": call.kind(text("kind")), "account": text("account"), "account_type": type("account_type"),
            "other": text("other"), "other_type": type("other_type"), "client": text("client"),
            "department": text("department"),
            "channel": call.words.known("rows.channel_\(text("channel"))") ?? text("channel"),
            "amount": call.numbers.money(exact(text("amount")), text("currency")),
        ]
    }

    /// The ledger's four decimals without those that are nothing beyond the second.
    static func exact(_ amount: String) -> String {
        var parts = amount.split(separator: ".", maxSplits: 1).map(String.init)
        guard parts.count == 2 else { return amount + ".00" }
        while parts[1].count > 2, parts[1].hasSuffix("0") { parts[1].removeLast() }
        return parts.joined(separator: ".")
    }

    @Sendable private static func show(_ call: PageCall) async throws -> PageAnswer {
        let ask = try ask(call)
        let found = try await rows(call, ask, most: Int64(size))
        let kept = call.query.filter { filters.contains($0.name) && !$0.value.isEmpty }
        let query = kept.map { "\($0.name)=\(PercentEncoding.encode($0.value))" }.joined(separator: "&")
        var view: View = [
            "rows": Array(found.prefix(size)), "has_rows": !found.isEmpty,
            "filters": told(ask, call).map { ["words": $0] as View }, "exports": call.exports(export, query),
            "back": "/tableaux?du=\(ask.from)&au=\(ask.to)" + (ask.kind.map { "&type=\($0)" } ?? ""),
        ]
        if found.count > size, let last = found[size - 1]["position"] as? String {
            view["next"] = "/tableaux/lignes?" + (query.isEmpty ? "" : query + "&") + "avant=\(last)"
        }
        if ask.after != nil { view["first"] = "/tableaux/lignes?" + query }
        for (name, value) in try await ViewPages.offer(call) { view[name] = value }
        return .page(PageView("rows", title: call.words("rows.title"), section: "boards", view))
    }

    /// The filters in words.
    private static func told(_ ask: ConsoleFigures.Ask, _ call: PageCall) -> [String] {
        let words = call.words
        let days =
            ask.from == ask.to ? call.dates.day(ask.from) : "\(call.dates.day(ask.from)) – \(call.dates.day(ask.to))"
        func type(_ name: String) -> String { words.known("rows.type_\(name)") ?? name }
        let parts: [String?] = [
            days, ask.kind.map { call.kind($0) }, ask.weekday.map { words("board.day_\($0)") },
            ask.hour.map { "\($0)\u{A0}h – \($0 + 1)\u{A0}h" }, ask.size.map { sizes[Int($0)] + "\u{A0}€" },
            ask.department.map { "\(words("board.department")) \($0)" },
            ask.account.map { "\(words("board.account")) \($0)" },
            ask.fromType.map { "\(words("board.from")) : \(type($0))" },
            ask.toType.map { "\(words("board.to")) : \(type($0))" },
        ]
        return parts.compactMap(\.self)
    }
}
