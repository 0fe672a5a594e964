internal import Charts
internal import HTTPTypes
internal import Web

/// Dashboards: filters in the address, so that a view is kept by its bookmark; each card as table and as a file.
enum BoardPages {
    private static let desk: Set<Person.Role> = [.analyst, .admin]
    static let periods: [Int64] = [7, 30, 90, 365]
    static let exportFormats = ["csv", "xlsx", "pdf", "png", "svg"]

    static let filters: Set<String> = ["jours", "type", "du", "au"]

    static let routes: [PageRoute] = [
        PageRoute(.get, "/tableaux", desk, asks: filters, board),
        PageRoute(.get, "/tableaux/export/:card", desk, asks: filters.union(["format"]), export),
    ]

    struct Filter {
        var days: Int64 = 30
        /// In place of the days before the newest operation.
        var span: DaySpan?
        var kind: String?

        init(_ call: PageCall) throws {
            if let text = call.asked("jours") {
                guard let days = Int64(text), BoardPages.periods.contains(days) else {
                    throw Refused(400, "parameter_invalid", "jours is one of 7, 30, 90, 365")
                }
                self.days = days
            }
            if let from = call.asked("du"), let to = call.asked("au") {
                guard let span = DaySpan(from, to) else {
                    throw Refused(400, "date_invalid", "du and au are days, the first one first, three years at most")
                }
                self.span = span
            } else if let day = call.asked("du") ?? call.asked("au"), DaySpan(day, day) == nil {
                throw Refused(400, "date_invalid", "\(day.prefix(20)) is no date")
            }
            kind = try Self.word(call, "type")
        }

        /// A kind of operation, or of account.
        static func word(_ call: PageCall, _ name: String) throws -> String? {
            guard let text = call.asked(name) else { return nil }
            guard text.count <= 30, text.utf8.allSatisfy({ (97...122).contains($0) || $0 == 95 }) else {
                throw Refused(400, "parameter_invalid", "\(name) is a word of the bank's, such as virement")
            }
            return text
        }

        var query: String {
            (span.map { "du=\($0.from)&au=\($0.to)" } ?? "jours=\(days)") + (kind.map { "&type=\($0)" } ?? "")
        }
    }

    private static func read(_ call: PageCall, _ filter: Filter) async throws -> (at: Int64, json: JSON) {
        guard let person = call.person else { throw Refused.notYours }
        let key = "\(person.role.rawValue) \(filter.query)"
        if let kept = call.console.boards.find(key, now: call.now) {
            // Ends with its read, which the database bounds.
            if kept.isToRenew { Task { await renew(key, filter, call, person) } }
            return (kept.json["read_at"]?.integer ?? kept.at, kept.json)
        }
        let json = try await figures(filter, call.console, person)
        call.console.boards.keep(json, as: key, now: call.now)
        return (json["read_at"]?.integer ?? call.now, json)
    }

    /// Made of the bank's measures; of the operations themselves while those are not there.
    private static func figures(_ filter: Filter, _ core: ConsoleCore, _ person: Person) async throws -> JSON {
        if let figures = core.backend.tools.figures,
            let json = try await figures.board(filter.days, filter.span, filter.kind)
        {
            return json
        }
        return try await core.store.board(
            days: filter.days, span: filter.span, channel: filter.kind, as: person.actor)
    }

    private static func renew(_ key: String, _ filter: Filter, _ call: PageCall, _ person: Person) async {
        let core = call.console
        guard let json = try? await figures(filter, core, person) else {
            return core.boards.release(key)
        }
        core.boards.keep(json, as: key, now: core.clock())
    }

    @Sendable private static func board(_ call: PageCall) async throws -> PageAnswer {
        let filter = try Filter(call)
        let (at, json) = try await read(call, filter)
        let words = call.words
        let cards = BoardCards(json: json, call: call)
        let hasRows = call.console.backend.tools.figures != nil
        let known = (json["by_type"]?.array ?? []).compactMap { $0.array?.first?.string }
        var kinds = known
        if let kind = filter.kind, !kinds.contains(kind) { kinds.append(kind) }
        var view: View = [
            "kpis": cards.figures,
            "cards": cards.all.map { card -> View in
                var view = call.picture(
                    card.chart, card.size, narrow: card.narrow, firstDay: card.isByDay ? cards.span?.from : nil,
                    link: hasRows ? card.link : nil)
                view["name"] = card.name
                view["is_wide"] = card.isWide
                let path = "/tableaux/export/\(card.name)"
                view["exports"] = call.links(path, exportFormats, filter.query, card.chart.caption.title)
                return view
            },
            "periods": periods.map { days -> View in
                [
                    "days": String(days), "label": words("board.days_\(days)"),
                    "is_current": filter.span == nil && days == filter.days,
                ]
            },
            "from_day": filter.span?.from ?? "", "to_day": filter.span?.to ?? "",
            "rows_href": hasRows ? cards.allRows ?? "" : "", "clear_href": filter.span == nil ? "" : clear(filter),
            "kinds": kinds.map { kind -> View in
                ["value": kind, "label": call.kind(kind), "is_current": kind == filter.kind]
            },
            "kind": filter.kind ?? "", "days": String(filter.days), "is_all": filter.kind == nil,
            "age": call.dates.age(call.now - at),
            "from": bounds(filter, json, call).from, "to": bounds(filter, json, call).to,
            "has_data": (json["operations"]?.integer ?? 0) > 0,
        ]
        for (name, value) in try await ViewPages.offer(call) { view[name] = value }
        return .page(PageView("board", title: words("board.title"), section: "boards", view, pollSeconds: 60))
    }

    /// The first day or moment that is shown, and the last.
    private static func bounds(_ filter: Filter, _ json: JSON, _ call: PageCall) -> (from: String, to: String) {
        let (from, to) = (json["from"]?.string ?? "", json["to"]?.string ?? "")
        return (
            from.utf8.count == 10 ? call.dates.day(from) : call.dates.moment(from),
            filter.span.map { call.dates.day($0.to) } ?? call.dates.moment(to)
        )
    }

    private static func clear(_ filter: Filter) -> String {
        "/tableaux?jours=\(filter.days)" + (filter.kind.map { "&type=\($0)" } ?? "")
    }

    @Sendable private static func export(_ call: PageCall) async throws -> PageAnswer {
        let filter = try Filter(call)
        let (_, json) = try await read(call, filter)
        guard let card = BoardCards(json: json, call: call).all.first(where: { $0.name == call.values["card"] }) else {
            throw Refused.notFound
        }
        let format = call.asked("format") ?? "csv"
        if ["svg", "png"].contains(format) {
            return try await Exporter.picture(card.chart, card.size, as: format, name: card.name, call)
        }
        guard Exporter.formats.contains(format) else {
            throw Refused(400, "parameter_invalid", "a card is exported as csv, xlsx, pdf, svg or png")
        }
        let sheet = Sheet(chart: card.chart, size: card.size, filters: words(filter, json, call))
        return try await Exporter.file(sheet, as: format, name: card.name, call)
    }

    /// What is printed above an export: the filters in words, and the address that brings them back.
    private static func words(_ filter: Filter, _ json: JSON, _ call: PageCall) -> [String] {
        let (from, to) = bounds(filter, json, call)
        return [
            "\(from) – \(to)", filter.kind.map { call.kind($0) } ?? call.words("board.all"),
            "/tableaux?\(filter.query)",
        ]
    }
}
