internal import Charts
internal import HTTPTypes
internal import Web

/// Dashboards: filters in the address, so that a view is kept by its bookmark; each card as table, CSV and SVG.
enum BoardPages {
    private static let desk: Set<Person.Role> = [.analyst, .admin]
    static let periods: [Int64] = [7, 30, 90, 365]
    static let kinds = ["virement", "carte", "prelevement", "depot", "retrait", "frais"]

    static let routes: [PageRoute] = [
        PageRoute(.get, "/tableaux", desk, board),
        PageRoute(.get, "/tableaux/export/:card", desk, export),
    ]

    struct Filter {
        var days: Int64 = 30
        var kind: String?

        init(_ call: PageCall) throws {
            if let odd = call.query.first(where: { !["jours", "type", "format", "fait"].contains($0.name) }) {
                throw Refused(400, "parameter_unknown", "the page knows no parameter \(odd.name.prefix(40))")
            }
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
        if let kept = call.console.boards.find(key, now: call.now) { return kept }
        let json = try await call.console.store.board(days: filter.days, channel: filter.kind, as: person.actor)
        call.console.boards.keep(json, as: key, now: call.now)
        return (call.now, json)
    }

    @Sendable private static func board(_ call: PageCall) async throws -> PageAnswer {
        let filter = try Filter(call)
        let (at, json) = try await read(call, filter)
        let words = call.words
        let cards = BoardCards(json: json, call: call)
        let known = (json["by_type"]?.array ?? []).compactMap { $0.array?.first?.string }
        var kinds = known
        if let kind = filter.kind, !kinds.contains(kind) { kinds.append(kind) }
        let view: View = [
            "kpis": cards.figures,
            "cards": cards.all.map { card -> View in
                var view = call.picture(card.chart, card.size, narrow: card.narrow)
                view["name"] = card.name
                view["is_wide"] = card.isWide
                view["query"] = filter.query
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
        return .page(PageView("board", title: words("board.title"), section: "boards", view, pollSeconds: 60))
    }

    @Sendable private static func export(_ call: PageCall) async throws -> PageAnswer {
        let filter = try Filter(call)
        let (_, json) = try await read(call, filter)
        guard let card = BoardCards(json: json, call: call).all.first(where: { $0.name == call.values["card"] }) else {
            throw Refused.notFound
        }
        let format = call.asked("format") ?? "csv"
        var response: ApiResponse
        switch format {
        case "csv":
            response = ApiResponse(
                status: .ok, fields: [.contentType: "text/csv; charset=utf-8"],
                body: Array(SheetText.csv(card.chart.table, filters: filter.query).utf8))
        case "svg":
            response = ApiResponse(
                status: .ok, fields: [.contentType: "image/svg+xml"],
                body: Array(card.chart.svg(card.size, theme: .light).utf8))
        default: throw Refused(400, "parameter_invalid", "a card is exported as csv or svg")
        }
        response.fields[.contentDisposition] = "attachment; filename=\"\(card.name).\(format)\""
        return .file(response)
    }
}

/// The cards of the board, from its figures.
struct BoardCards {
    struct Card {
        let name: String
        let chart: any Chart
        let size: ChartSize
        var narrow: ChartSize?
        var isWide = false
    }

    let json: JSON
    let call: PageCall

    private var words: Words { call.words }

    private func rows(_ name: String) -> [[JSON]] { (json[name]?.array ?? []).compactMap(\.array) }
    private func caption(_ name: String) -> Caption {
        call.caption(name, words("board.\(name)"), words("board.\(name)_summary"))
    }

    var figures: [View] {
        let operations = json["operations"]?.integer ?? 0
        let mean = operations > 0 ? Decimals.value(json["minor"]) / Double(operations) : 0
        return [
            ["label": words("board.operations"), "value": call.numbers.integer(operations)],
            [
                "label": words("board.amount"),
                "value": Unit.money("EUR").full(Decimals.value(json["minor"]), call.numbers),
            ],
            ["label": words("board.mean"), "value": Unit.money("EUR").full(mean, call.numbers)],
            ["label": words("board.active"), "value": call.numbers.integer(json["clients"]?.integer ?? 0)],
        ]
    }

    var all: [Card] {
        [amounts, operations, kinds, hours, sizes, departments, top, flows].filter { !$0.chart.table.rows.isEmpty }
    }

    private var days: [String] { rows("by_day").map { call.dates.brief($0.first?.string ?? "") } }

    private var amounts: Card {
        Card(
            name: "amounts",
            chart: LineChart(
                caption("amounts"), labels: days,
                series: [Series(words("board.amount"), rows("by_day").map { Decimals.value($0.last) })],
                unit: .money("EUR"), isFilled: true, axis: words("board.day")), size: ChartSize(960, 250),
            narrow: ChartSize(340, 220), isWide: true)
    }

    private var operations: Card {
        Card(
            name: "operations",
            chart: BarChart(
                caption("operations"), labels: days,
                series: [Series(words("board.operations"), rows("by_day").map { Double($0[1].integer ?? 0) })],
                axis: words("board.day")), size: ChartSize(480, 250), narrow: .narrow)
    }

    private var kinds: Card {
        Card(
            name: "kinds",
            chart: DonutChart(
                caption("kinds"), items: rows("by_type").map { .init(call.kind($0[0].string), Decimals.value($0[2])) },
                unit: .money("EUR"), heads: (words("statement.kind"), words("board.amount"))),
            size: ChartSize(480, 250), narrow: ChartSize(320, 320))
    }

    private var hours: Card {
        var values = Array(repeating: [Double?](repeating: 0, count: 24), count: 7)
        for row in rows("by_hour") {
            guard let day = row[0].integer, let hour = row[1].integer, (1...7).contains(day), (0..<24).contains(hour)
            else { continue }
            values[Int(day) - 1][Int(hour)] = Double(row[2].integer ?? 0)
        }
        return Card(
            name: "hours",
            chart: HeatMap(
                caption("hours"), columns: (0..<24).map { "\($0)\u{A0}h" },
                rows: (1...7).map { words("board.day_\($0)") }, values: values),
            size: ChartSize(500, 260), narrow: ChartSize(340, 220))
    }

    private var departments: Card {
        var values: [String: Double] = [:]
        for member in json["by_department"]?.members ?? [] { values[member.name] = Decimals.value(member.value) }
        return Card(
            name: "departments",
            chart: TileMap(
                caption("departments"), values: values, unit: .money("EUR"),
                heads: (words("board.department"), words("board.amount"))), size: ChartSize(460, 430),
            narrow: ChartSize(340, 330))
    }

    private var flows: Card {
        var out: [String: Double] = [:]
        var into: [String: Double] = [:]
        var (lefts, middles, rights): ([String], [String], [String]) = ([], [], [])
        var flows: [SankeyChart.Flow] = []
        for row in rows("flows").prefix(14) {
            let (from, kind, to) = (
                words("board.from_\(row[0].string ?? "interne")"), call.kind(row[1].string),
                words("board.to_\(row[2].string ?? "interne")")
            )
            if !lefts.contains(from) { lefts.append(from) }
            if !middles.contains(kind) { middles.append(kind) }
            if !rights.contains(to) { rights.append(to) }
            out[from + "\n" + kind, default: 0] += Decimals.value(row[3])
            into[kind + "\n" + to, default: 0] += Decimals.value(row[3])
        }
        for (key, value) in out.sorted(by: { $0.key < $1.key }) + into.sorted(by: { $0.key < $1.key }) {
            let ends = key.split(separator: "\n").map(String.init)
            if ends.count == 2 { flows.append(.init(ends[0], ends[1], value)) }
        }
        return Card(
            name: "flows",
            chart: SankeyChart(
                caption("flows"), layers: [lefts, middles, rights], flows: flows, unit: .money("EUR"),
                heads: (words("board.from"), words("board.to"), words("board.amount"))), size: ChartSize(960, 380),
            narrow: ChartSize(360, 400), isWide: true)
    }

    private var sizes: Card {
        let found = Dictionary(
            rows("sizes").map { (Int($0[0].integer ?? 0), Double($0[1].integer ?? 0)) }, uniquingKeysWith: { $0 + $1 })
        return Card(
            name: "sizes",
            chart: BarChart(
                caption("sizes"), labels: ["< 10", "10–50", "50–100", "100–500", "500–1k", "1–5k", "5–10k", "> 10k"],
                series: [Series(words("board.operations"), (0..<8).map { found[$0] ?? 0 }, ink: .series(2))],
                axis: words("board.size")), size: ChartSize(480, 250), narrow: .narrow)
    }

    private var top: Card {
        let chart = RankChart(
            caption("top"),
            items: rows("top").map { .init($0[0].string.map { String($0.prefix(9)) } ?? "–", Decimals.value($0[2])) },
            unit: .money("EUR"), heads: (words("board.account"), words("board.amount")))
        return Card(name: "top", chart: chart, size: chart.size(width: 480), narrow: chart.size(width: 340))
    }
}

/// Tables for spreadsheets.
enum SheetText {
    /// As a French Excel reads it: byte order mark, semicolons; what could be a formula is text.
    static func csv(_ table: ChartTable, filters: String) -> String {
        var out = "\u{FEFF}"
        for row in [table.head] + table.rows + [["# \(filters)"]] {
            out += row.map(cell).joined(separator: ";") + "\r\n"
        }
        return out
    }

    static func cell(_ text: String) -> String {
        var text = text
        let isNumber = text.dropFirst().allSatisfy { $0.isNumber || " ,.\u{A0}\u{202F}€%".contains($0) }
        if let first = text.first, "=+@\t\r".contains(first) || (first == "-" && !isNumber) { text = "'" + text }
        guard text.contains(where: { ";\"\n\r".contains($0) }) else { return text }
        return "\"" + text.split(separator: "\"", omittingEmptySubsequences: false).joined(separator: "\"\"") + "\""
    }
}
