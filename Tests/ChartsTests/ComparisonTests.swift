import Charts
import Foundation
import Testing

/// Pictures and the figures behind them as files, for `scripts/charts-compare`, which has ECharts draw the same.
@Suite struct ComparisonTests {
    @Test("each picture that is compared has its figures beside it, once for each series and point")
    func figures() throws {
        for name in Gallery.compared {
            let (_, chart, _) = try #require(Gallery.all.first { $0.name == name })
            let figures = try #require(Gallery.figures(of: chart), "\(name)")
            let text = try JSONSerialization.data(withJSONObject: figures)
            #expect(text.count > 20, "\(name)")
        }
    }

    @Test(
        "pictures and figures are written where they are wanted",
        .enabled(if: ProcessInfo.processInfo.environment["DIGITALBANK_CHARTS"] != nil, "DIGITALBANK_CHARTS is not set"))
    func write() throws {
        let folder = URL(filePath: ProcessInfo.processInfo.environment["DIGITALBANK_CHARTS"] ?? "")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        try Gallery.write(to: folder)
        #expect(FileManager.default.fileExists(atPath: folder.appending(path: "figures.json").path))
    }
}

extension Gallery {
    /// Kinds that ECharts has too.
    static let compared = [
        "line", "long", "bars", "stacked", "rank", "donut", "gauge", "spark", "heat", "sankey", "network",
    ]

    static func write(to folder: URL) throws {
        var told: [String: Any] = [:]
        for (name, chart, size) in all {
            for (theme, word) in [(Theme.light, "light"), (.dark, "dark")] {
                try chart.svg(size, theme: theme).write(
                    to: folder.appending(path: "\(name)-\(word).svg"), atomically: true, encoding: .utf8)
            }
            guard compared.contains(name), var figures = figures(of: chart) else { continue }
            figures["width"] = size.width
            figures["height"] = size.height
            figures["title"] = chart.caption.title
            told[name] = figures
        }
        try JSONSerialization.data(withJSONObject: told, options: [.sortedKeys, .prettyPrinted])
            .write(to: folder.appending(path: "figures.json"))
    }

    static func figures(of chart: any Chart) -> [String: Any]? {
        func lines(_ series: [Series]) -> [[String: Any]] {
            series.map { ["name": $0.name, "values": $0.values.map { $0 as Any? ?? NSNull() }] }
        }
        func items(_ items: [RankChart.Item]) -> [[String: Any]] {
            items.map { ["name": $0.name, "value": $0.value] }
        }
        switch chart {
        case let chart as LineChart:
            var figures: [String: Any] = ["labels": chart.labels, "series": lines(chart.series)]
            if let threshold = chart.threshold { figures["threshold"] = threshold.value }
            return figures
        case let chart as BarChart: return ["labels": chart.labels, "series": lines(chart.series)]
        case let chart as RankChart: return ["items": items(chart.items)]
        case let chart as DonutChart: return ["items": items(chart.items)]
        case let chart as GaugeChart:
            return [
                "value": chart.value, "low": chart.range.lowerBound, "high": chart.range.upperBound,
                "zones": chart.zones.map { ["to": $0.upTo, "name": $0.name] },
            ]
        case let chart as Sparkline: return ["values": chart.values.map { $0 as Any? ?? NSNull() }]
        case let chart as HeatMap:
            return [
                "columns": chart.columns, "rows": chart.rows,
                "values": chart.values.map { $0.map { $0 as Any? ?? NSNull() } },
            ]
        case let chart as SankeyChart:
            return [
                "nodes": chart.layers.flatMap(\.self),
                "flows": chart.flows.map { ["source": $0.from, "target": $0.to, "value": $0.value] },
            ]
        case let chart as NetworkChart:
            return [
                "centre": chart.centre,
                "links": chart.links.map {
                    ["name": $0.name, "value": $0.value, "marked": $0.isMarked, "beyond": $0.beyond.count]
                        as [String: Any]
                },
            ]
        default: return nil
        }
    }
}
