internal import Charts
internal import Web

/// A panel of a monitoring board as the page shows it.
struct PanelView {
    let panel: MonitorBoard.Panel
    let result: PanelResult
    let call: PageCall

    private static let rowsMax = 30

    var view: View {
        var view: View = [
            "panel_title": panel.title, "words": panel.words, "is_half": panel.width > 8 && panel.width < 24,
            "is_wide": panel.width >= 24, "is_small": panel.width <= 8, "has_data": false,
        ]
        guard result.lines.contains(where: { $0.last?.isFinite == true }) else { return view }
        view["has_data"] = true
        if let (chart, size, narrow) = chart {
            view["chart"] = call.picture(chart, size, narrow: narrow)
            return view
        }
        switch panel.kind {
        case "table":
            view["table"] = table
            view["labels"] = head
        default:
            view["figures"] = result.lines.prefix(6).compactMap { line -> View? in
                guard let value = line.last, value.isFinite else { return nil }
                let tone = [Ink.positive: "positive", .negative: "negative"][level(value)] ?? "neutral"
                return ["value": unit.full(value, call.numbers), "name": line.name, "tone": tone]
            }
        }
        return view
    }

    private var chart: (chart: any Chart, size: ChartSize, narrow: ChartSize?)? {
        guard result.lines.contains(where: { $0.last?.isFinite == true }) else { return nil }
        switch panel.kind {
        case "timeseries": return (lines, size, ChartSize(340, 220))
        case "heatmap": return (heat, size, ChartSize(340, 240))
        case "gauge": return (gauge, ChartSize(260, 170), nil)
        case "bargauge":
            let ranks = ranks
            return (ranks, ranks.size(width: 420), ranks.size(width: 340))
        default: return nil
        }
    }

    /// As a picture on its own; nil for tables and numbers.
    var picture: (chart: any Chart, size: ChartSize)? { chart.map { ($0.chart, $0.size) } }

    /// The panel's figures as they leave the console.
    func sheet(_ filters: [String]) -> Sheet {
        if let (chart, size) = picture { return Sheet(chart: chart, size: size, filters: filters) }
        let names = names
        let rows = result.lines.map { line -> [Sheet.Cell] in
            let value = line.last.map { CellText.cell(unit.full($0, call.numbers), call.language) } ?? .text("–")
            let cells = names.map { name in Sheet.Cell.text(line.labels.first { $0.0 == name }?.1 ?? "–") }
            return (cells.isEmpty ? [.text(line.name.isEmpty ? panel.title : line.name)] : cells) + [value]
        }
        return Sheet(
            title: panel.title, filters: filters,
            head: (names.isEmpty ? [call.words("monitor.what")] : names) + [call.words("monitor.value")], rows: rows,
            language: call.language)
    }

    private var size: ChartSize {
        panel.width >= 24 ? ChartSize(960, 240) : panel.width > 8 ? ChartSize(480, 240) : ChartSize(330, 220)
    }
    private var caption: Caption { call.caption("panel-\(panel.id)", panel.title, panel.words) }

    var unit: Unit {
        switch panel.unit {
        case "s": .seconds
        case "ms": .milliseconds
        case "bytes", "decbytes": .bytes
        case "Bps", "binBps": .perSecond("o")
        case "percentunit": .percent
        case "reqps", "ops", "wps", "rps": .perSecond("")
        case "none", "short": isWhole ? .count : .number(2)
        default: .number(2)
        }
    }

    private var isWhole: Bool {
        result.lines.allSatisfy { $0.points.allSatisfy { !$0.1.isFinite || $0.1 == $0.1.rounded() } }
    }

    private func level(_ value: Double) -> Ink { panel.levels.last { value >= $0.value }?.ink ?? .series(0) }

    /// All moments of all lines, so that a line with gaps has them where they are.
    private var moments: [Int64] { Set(result.lines.flatMap { $0.points.map(\.0) }).sorted() }

    private func label(_ second: Int64, _ isLong: Bool) -> String {
        let local = Moment(seconds: second).paris
        let clock = call.dates.clock(local)
        return isLong ? call.dates.brief(CivilDay(number: local.flooredDivision(by: 86_400)).iso) + " " + clock : clock
    }

    private var lines: LineChart {
        let moments = moments
        let isLong = (moments.last ?? 0) - (moments.first ?? 0) > 86_400
        return LineChart(
            caption, labels: moments.map { label($0, isLong) },
            series: result.lines.map { line in
                let values = Dictionary(line.points, uniquingKeysWith: { $1 })
                return Series(line.name.isEmpty ? panel.title : line.name, moments.map { values[$0] })
            }, unit: unit, isFilled: result.lines.count == 1, axis: call.words("monitor.time"))
    }

    /// Prometheus's buckets are cumulative by `le`; a cell holds what is in its bucket alone.
    private var heat: HeatMap {
        let rows = result.lines.compactMap { line -> (Double, PanelResult.Line)? in
            guard let text = line.labels.first(where: { $0.0 == "le" })?.1 else { return nil }
            return (text == "+Inf" ? .infinity : Double(text) ?? .infinity, line)
        }.sorted { $0.0 < $1.0 }
        let all = moments
        let every = max(all.count / 40, 1)
        let kept = all.enumerated().filter { $0.offset % every == 0 }.map(\.element)
        var before = [Double](repeating: 0, count: kept.count)
        var values: [[Double?]] = []
        for (_, line) in rows {
            let found = Dictionary(line.points, uniquingKeysWith: { $1 })
            let sums = kept.map { found[$0] ?? 0 }
            values.append(zip(sums, before).map { max($0 - $1, 0) })
            before = sums
        }
        return HeatMap(
            caption, columns: kept.map { label($0, false) },
            rows: rows.map { $0.0.isFinite ? unit.full($0.0, call.numbers) : "∞" }, values: values)
    }

    private var gauge: GaugeChart {
        let value = result.lines.first?.last ?? 0
        let top = panel.bound ?? (panel.unit == "percentunit" ? 1 : max(value * 1.2, 1))
        var zones: [GaugeChart.Zone] = []
        for (index, level) in panel.levels.enumerated() {
            let end = index + 1 < panel.levels.count ? panel.levels[index + 1].value : top
            zones.append(.init(upTo: end, level.ink, ""))
        }
        return GaugeChart(caption, value: value, range: 0...max(top, 1e-9), zones: zones, unit: unit)
    }

    private var ranks: RankChart {
        RankChart(
            caption, items: result.lines.map { .init($0.name, $0.last ?? 0, ink: level($0.last ?? 0)) }, unit: unit,
            heads: (call.words("monitor.what"), call.words("monitor.value")))
    }

    private var head: [View] {
        names.map { ["name": $0] as View } + [["name": call.words("monitor.value"), "is_number": true]]
    }

    private var names: [String] {
        let hidden: Set<String> = ["__name__", "job", "instance", "datname", "server", "alertstate"]
        return Set(result.lines.flatMap { $0.labels.map(\.0) }).subtracting(hidden).sorted().prefix(4).map(\.self)
    }

    private var table: [View] {
        result.lines.sorted { ($0.last ?? 0) > ($1.last ?? 0) }.prefix(Self.rowsMax).map { line -> View in
            let cells = names.map { name -> View in ["text": line.labels.first { $0.0 == name }?.1 ?? "–"] }
            return ["cells": cells, "value": line.last.map { unit.full($0, call.numbers) } ?? "–"]
        }
    }
}
