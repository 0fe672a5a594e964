internal import Charts
internal import HTTPTypes
internal import Web

/// Dashboards: filters in the address, so that a view is kept by its bookmark; each card as table and as a file.
enum BoardPages {
    private static let desk: Set<Person.Role> = [.analyst, .admin]
    static let periods: [Int64] = [7, 30, 90, 365]
    static let exportFormats = ["csv", "xlsx", "pdf", "png", "svg"]

    static let routes: [PageRoute] = [
        PageRoute(.get, "/tableaux", desk, asks: ["jours", "type"], board),
        PageRoute(.get, "/tableaux/export/:card", desk, asks: ["jours", "type", "format"], export),
    ]

    struct Filter {
        var days: Int64 = 30
        var kind: String?

        init(_ call: PageCall) throws {
            if let text = call.asked("jours") {
                guard let days = Int64(text), BoardPages.periods.contains(days) else {
                    throw Refused(400, "parameter_invalid", "jours is one of 7, 30, 90, 365")
                }
                self.days = days
            }
            if let text = call.asked("type") {
                guard text.count <= 30, text.utf8.allSatisfy({ (97...122).contains($0) || $0 == 95 }) else {
                    throw Refused(400, "parameter_invalid", "type is a kind of operation")
                }
                kind = text
            }
        }

        var query: String { "jours=\(days)" + (kind.map { "&type=\($0)" } ?? "") }
    }

    private static func read(_ call: PageCall, _ filter: Filter) async throws -> (at: Int64, json: JSON) {
        guard let person = call.person else { throw Refused.notYours }
        let key = "\(person.role.rawValue) \(filter.query)"
        if let kept = call.console.boards.find(key, now: call.now) {
            // Ends with its read, which the database bounds.
            if kept.isToRenew { Task { await renew(key, filter, call, person) } }
            return (kept.at, kept.json)
        }
        let json = try await call.console.store.board(days: filter.days, channel: filter.kind, as: person.actor)
        call.console.boards.keep(json, as: key, now: call.now)
        return (call.now, json)
    }

    private static func renew(_ key: String, _ filter: Filter, _ call: PageCall, _ person: Person) async {
        let core = call.console
        guard let json = try? await core.store.board(days: filter.days, channel: filter.kind, as: person.actor) else {
            return core.boards.release(key)
        }
        core.boards.keep(json, as: key, now: core.clock())
    }

    @Sendable private static func board(_ call: PageCall) async throws -> PageAnswer {
        let filter = try Filter(call)
        let (at, json) = try await read(call, filter)
        let words = call.words
        let cards = BoardCards(json: json, call: call)
        let known = (json["by_type"]?.array ?? []).compactMap { $0.array?.first?.string }
        var kinds = known
        if let kind = filter.kind, !kinds.contains(kind) { kinds.append(kind) }
        var view: View = [
            "kpis": cards.figures,
            "cards": cards.all.map { card -> View in
                var view = call.picture(card.chart, card.size, narrow: card.narrow)
                view["name"] = card.name
                view["is_wide"] = card.isWide
                let path = "/tableaux/export/\(card.name)"
                view["exports"] = call.links(path, exportFormats, filter.query, card.chart.caption.title)
                return view
            },
            "periods": periods.map { days -> View in
                ["days": String(days), "label": words("board.days_\(days)"), "is_current": days == filter.days]
            },
            "kinds": kinds.map { kind -> View in
                ["value": kind, "label": call.kind(kind), "is_current": kind == filter.kind]
            },
            "kind": filter.kind ?? "", "days": String(filter.days), "is_all": filter.kind == nil,
            "age": call.dates.age(call.now - at),
            "from": call.dates.moment(json["from"]?.string ?? ""), "to": call.dates.moment(json["to"]?.string ?? ""),
            "has_data": (json["operations"]?.integer ?? 0) > 0,
        ]
        for (name, value) in try await ViewPages.offer(call) { view[name] = value }
        return .page(PageView("board", title: words("board.title"), section: "boards", view, pollSeconds: 60))
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
        let from = call.dates.moment(json["from"]?.string ?? "")
        let to = call.dates.moment(json["to"]?.string ?? "")
        return [
            "\(from) – \(to)", filter.kind.map { call.kind($0) } ?? call.words("board.all"),
            "/tableaux?\(filter.query)",
        ]
    }
}
