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
        [amounts, operations, kinds, means, hours, sizes, weekdays, departments, top, counts, cumulated, flows]
            .filter { !$0.chart.table.rows.isEmpty }
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

    private var means: Card {
        Card(
            name: "means",
            chart: LineChart(
                caption("means"), labels: days,
                series: [
                    Series(
                        words("board.mean"),
                        rows("by_day").map { row in
                            let count = Double(row[1].integer ?? 0)
                            return count > 0 ? Decimals.value(row[2]) / count : nil
                        }, ink: .series(3))
                ], unit: .money("EUR"), axis: words("board.day")), size: ChartSize(480, 250), narrow: .narrow)
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
            size: ChartSize(480, 250), narrow: .narrow)
    }

    private var counts: Card {
        let items = rows("by_type").map {
            RankChart.Item(call.kind($0[0].string), Double($0[1].integer ?? 0), ink: .series(2))
        }
        let chart = RankChart(
            caption("counts"), items: items.sorted { $0.value > $1.value },
            heads: (words("statement.kind"), words("board.operations")))
        return Card(name: "counts", chart: chart, size: chart.size(width: 480), narrow: chart.size(width: 340))
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
            narrow: .narrow)
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
