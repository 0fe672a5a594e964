internal import Charts
internal import Web

/// The cards of the board, from its figures.
struct BoardCards {
    struct Card {
        let name: String
        let chart: any Chart
        let size: ChartSize
        var narrow: ChartSize?
        var isWide = false
        /// One place for each day of the span.
        var isByDay = false
        /// Where the figure in a row and column of its table leads to.
        var link: ((_ row: Int, _ column: Int) -> String?)?
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
        let mean =
            json["mean"].map { Decimals.value($0) }
            ?? (operations > 0 ? Decimals.value(json["minor"]) / Double(operations) : 0)
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
        [amounts, operations, kinds, means, hours, sizes, weekdays, departments, top, counts, cumulated, flows]
            .filter { !$0.chart.table.rows.isEmpty }
    }

    // MARK: The operations behind a figure

    /// The days that are shown; nil for none.
    var span: DaySpan? {
        let days = rows("by_day")
        return (days.first?.first?.string).flatMap { from in
            (days.last?.first?.string).flatMap { DaySpan(from, $0) }
        }
    }

    /// All of them.
    var allRows: String? { span.map { link($0, "") } }

    private func link(_ span: DaySpan, _ more: String) -> String {
        let kind = call.asked("type").map { "&type=\(PercentEncoding.encode($0))" }
        return "/tableaux/lignes?du=\(span.from)&au=\(span.to)"
            + (kind.map { more.contains("type=") ? "" : $0 } ?? "") + (more.isEmpty ? "" : "&" + more)
    }

    /// From the first cell of a row.
    private func byRow(_ filters: [String?]) -> (Int, Int) -> String? {
        { row, column in
            guard column == 0, filters.indices.contains(row), let filter = filters[row], let span else { return nil }
            return link(span, filter)
        }
    }

    private var byDay: (Int, Int) -> String? {
        let days = rows("by_day").map { $0.first?.string ?? "" }
        return { row, column in
            guard column == 0, days.indices.contains(row), let day = DaySpan(days[row], days[row]) else { return nil }
            return link(day, "")
        }
    }

    private var days: [String] { rows("by_day").map { call.dates.brief($0.first?.string ?? "") } }

    private var amounts: Card {
        Card(
            name: "amounts",
            chart: LineChart(
                caption("amounts"), labels: days,
                series: [Series(words("board.amount"), rows("by_day").map { Decimals.value($0.last) })],
                unit: .money("EUR"), isFilled: true, axis: words("board.day")), size: ChartSize(960, 250),
            narrow: ChartSize(340, 220), isWide: true, isByDay: true, link: byDay)
    }

    private var operations: Card {
        Card(
            name: "operations",
            chart: BarChart(
                caption("operations"), labels: days,
                series: [Series(words("board.operations"), rows("by_day").map { Double($0[1].integer ?? 0) })],
                axis: words("board.day")), size: ChartSize(480, 250), narrow: .narrow, isByDay: true, link: byDay)
    }

    private var kinds: Card {
        Card(
            name: "kinds",
            chart: DonutChart(
                caption("kinds"), items: rows("by_type").map { .init(call.kind($0[0].string), Decimals.value($0[2])) },
                unit: .money("EUR"), heads: (words("statement.kind"), words("board.amount"))),
            size: ChartSize(480, 250), narrow: ChartSize(320, 320),
            // A slice that is nothing is not drawn.
            link: byRow(rows("by_type").filter { Decimals.value($0[2]) > 0 }.map { "type=\($0[0].string ?? "")" }))
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
            size: ChartSize(500, 260), narrow: ChartSize(340, 220),
            link: { row, column in
                guard let span else { return nil }
                return link(span, "semaine=\(row + 1)" + (column > 0 ? "&heure=\(column - 1)" : ""))
            })
    }

    private var departments: Card {
        var values: [String: Double] = [:]
        for member in json["by_department"]?.members ?? [] { values[member.name] = Decimals.value(member.value) }
        let chart = TileMap(
            caption("departments"), values: values, unit: .money("EUR"),
            heads: (words("board.department"), words("board.amount")))
        return Card(
            name: "departments", chart: chart, size: ChartSize(460, 430), narrow: ChartSize(340, 330),
            link: byRow(chart.table.rows.map { row in row.first.map { "dep=\($0.prefix { $0 != " " })" } }))
    }

    private var means: Card {
        Card(
            name: "means",
            chart: LineChart(
                caption("means"), labels: days,
                series: [
                    Series(
                        words("board.mean"),
                        rows("by_day").map { row in
                            if row.count > 3 { return row[3].isNull ? nil : Decimals.value(row[3]) }
                            let count = Double(row[1].integer ?? 0)
                            return count > 0 ? Decimals.value(row[2]) / count : nil
                        }, ink: .series(3))
                ], unit: .money("EUR"), axis: words("board.day")), size: ChartSize(480, 250), narrow: .narrow,
            isByDay: true, link: byDay)
    }

    private var weekdays: Card {
        var sums = [Double](repeating: 0, count: 7)
        for row in rows("by_hour") {
            guard let day = row[0].integer, (1...7).contains(day) else { continue }
            sums[Int(day) - 1] += Double(row[2].integer ?? 0)
        }
        return Card(
            name: "weekdays",
            chart: BarChart(
                caption("weekdays"), labels: (1...7).map { words("board.day_\($0)") },
                series: [Series(words("board.operations"), sums, ink: .series(6))], axis: words("board.day")),
            size: ChartSize(480, 250), narrow: .narrow, link: byRow((1...7).map { "semaine=\($0)" }))
    }

    private var counts: Card {
        let kinds = rows("by_type").sorted { ($0[1].integer ?? 0) > ($1[1].integer ?? 0) }
        let items = kinds.map {
            RankChart.Item(call.kind($0[0].string), Double($0[1].integer ?? 0), ink: .series(2))
        }
        let chart = RankChart(
            caption("counts"), items: items,
            heads: (words("statement.kind"), words("board.operations")))
        return Card(
            name: "counts", chart: chart, size: chart.size(width: 480), narrow: chart.size(width: 340),
            link: byRow(kinds.map { "type=\($0[0].string ?? "")" }))
    }

    private var cumulated: Card {
        var sum = 0.0
        let values = rows("by_day").map { row -> Double? in
            sum += Decimals.value(row.last)
            return sum
        }
        return Card(
            name: "cumulated",
            chart: LineChart(
                caption("cumulated"), labels: days, series: [Series(words("board.amount"), values, ink: .series(6))],
                unit: .money("EUR"), isFilled: true, axis: words("board.day")), size: ChartSize(480, 250),
            narrow: .narrow, isByDay: true, link: byDay)
    }

    private var flows: Card {
        typealias Band = (from: String, to: String, filter: String, value: Double)
        var (out, into): ([Band], [Band]) = ([], [])
        var (lefts, middles, rights): ([String], [String], [String]) = ([], [], [])
        func add(_ bands: inout [Band], _ band: Band) {
            if let place = bands.firstIndex(where: { $0.filter == band.filter }) {
                bands[place].value += band.value
            } else {
                bands.append(band)
            }
        }
        for row in rows("flows").prefix(14) {
            let (source, type, target) = (
                row[0].string ?? "interne", row[1].string ?? "", row[2].string ?? "interne"
            )
            let (from, kind, to) = (words("board.from_\(source)"), call.kind(type), words("board.to_\(target)"))
            if !lefts.contains(from) { lefts.append(from) }
            if !middles.contains(kind) { middles.append(kind) }
            if !rights.contains(to) { rights.append(to) }
            add(&out, (from, kind, "type=\(type)&de=\(source)", Decimals.value(row[3])))
            add(&into, (kind, to, "type=\(type)&vers=\(target)", Decimals.value(row[3])))
        }
        let bands =
            (out.sorted { ($0.from, $0.to) < ($1.from, $1.to) } + into.sorted { ($0.from, $0.to) < ($1.from, $1.to) })
            .filter { $0.value > 0 }
        return Card(
            name: "flows",
            chart: SankeyChart(
                caption("flows"), layers: [lefts, middles, rights],
                flows: bands.map { .init($0.from, $0.to, $0.value) }, unit: .money("EUR"),
                heads: (words("board.from"), words("board.to"), words("board.amount"))), size: ChartSize(960, 380),
            narrow: ChartSize(360, 400), isWide: true, link: byRow(bands.map(\.filter)))
    }

    private var sizes: Card {
        let found = Dictionary(
            rows("sizes").map { (Int($0[0].integer ?? 0), Double($0[1].integer ?? 0)) }, uniquingKeysWith: { $0 + $1 })
        return Card(
            name: "sizes",
            chart: BarChart(
                caption("sizes"), labels: RowPages.sizes,
                series: [Series(words("board.operations"), (0..<8).map { found[$0] ?? 0 }, ink: .series(2))],
                axis: words("board.size")), size: ChartSize(480, 250), narrow: .narrow,
            link: byRow((0..<8).map { "taille=\($0)" }))
    }

    private var top: Card {
        let chart = RankChart(
            caption("top"),
            items: rows("top").map { .init($0[0].string.map { String($0.prefix(9)) } ?? "–", Decimals.value($0[2])) },
            unit: .money("EUR"), heads: (words("board.account"), words("board.amount")))
        return Card(
            name: "top", chart: chart, size: chart.size(width: 480), narrow: chart.size(width: 340),
            link: byRow(rows("top").map { row in row[0].string.map { "compte=\($0)" } }))
    }
}
