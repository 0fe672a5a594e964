import Charts
import Foundation
import FoundationXML
import Testing

@Suite struct ChartTests {
    private static let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent()
    private static let golden = root.appending(path: "Tests/ChartsTests/Golden")
    private static let isWriting = ProcessInfo.processInfo.environment["DIGITALBANK_WRITE_DOCS"] == "1"

    @Test("each kind of picture is what it was", arguments: Gallery.all.map(\.name))
    func golden(name: String) throws {
        let (_, chart, size) = try #require(Gallery.all.first { $0.name == name })
        let path = Self.golden.appending(path: name + ".svg")
        let drawn = chart.svg(size, theme: .light) + "\n"
        if Self.isWriting { try drawn.write(to: path, atomically: true, encoding: .utf8) }
        #expect(drawn == (try? String(contentsOf: path, encoding: .utf8)), "make docs writes the pictures anew")
    }

    @Test(
        "each picture is XML with a role, a title and a description, and no style or script", arguments: Theme.allCases)
    func wellFormed(theme: Theme) throws {
        for (name, chart, size) in Gallery.all {
            for size in [size, .narrow] {
                let text = chart.svg(size, theme: theme, variant: "narrow")
                let document = try XMLDocument(xmlString: text)
                let element = try #require(document.rootElement())
                func attribute(_ name: String) throws -> String? {
                    try element.nodes(forXPath: "@\(name)").first?.stringValue
                }
                #expect(try attribute("role") == "img")
                let ids = try element.nodes(forXPath: ".//@id").compactMap(\.stringValue)
                #expect(Set(ids).count == ids.count, "\(name): an id twice")
                let named = try attribute("aria-labelledby")?.split(separator: " ") ?? []
                #expect(named.count == 2)
                for id in named {
                    #expect(ids.contains(String(id)), "\(name): \(id)")
                }
                #expect(!text.contains("style=") && !text.contains("<script") && !text.contains("nan"))
                #expect(theme == .page || !text.contains("var("), "\(name)")
                #expect(theme != .page || !text.contains("\"#"), "\(name): a colour that no theme changes")
            }
        }
    }

    @Test("each picture has its figures as a table too")
    func twins() throws {
        for (name, chart, _) in Gallery.all {
            #expect(!chart.table.rows.isEmpty, "\(name)")
            #expect(chart.table.rows.allSatisfy { $0.count == chart.table.head.count }, "\(name)")
            _ = try XMLDocument(xmlString: chart.table.html(caption: chart.caption.title))
        }
    }

    @Test("a long series keeps its peaks and becomes short")
    func decimation() {
        var values = Gallery.wave(200_000, seed: 8, from: 0, to: 10)
        values[123_457] = 500
        values[77] = -90
        let caption = Caption(id: "x", title: "x", summary: "x")
        let labels = Array(repeating: "", count: values.count)
        let text = LineChart(caption, labels: labels, series: [Series("a", values)]).svg(theme: .light)
        #expect(text.utf8.count < 40_000)
        // The scale spans both peaks, and the line touches them.
        let same = LineChart(caption, labels: labels, series: [Series("a", values.map { $0 })]).svg(theme: .light)
        #expect(text == same)
        #expect(text.contains(">500<") && text.contains(">-100<"), "the scale holds the peaks")
    }

    @Test("an axis leaves little room beyond the figures, in one unit whose parts are round")
    func ticks() {
        func drawn(_ values: [Double], _ unit: Charts.Unit) -> String {
            let caption = Caption(id: "x", title: "x", summary: "x")
            return LineChart(caption, labels: values.map { "\($0)" }, series: [Series("a", values)], unit: unit).svg(
                theme: .light)
        }
        for (values, unit, there, none) in [
            ([12, 160], .milliseconds, "180\u{A0}ms", "200\u{A0}ms"), ([1560, 20], .count, "1,8\u{A0}k", "2\u{A0}k"),
            ([3, 1], .count, "3", "1,5"), ([0, 5400], .seconds, "100\u{A0}min", "1,7\u{A0}h"),
            ([0, 300 * 1_048_576.0], .bytes, "200\u{A0}Mio", "190,7\u{A0}Mio"),
            ([0, 0.5], .percent, "50\u{A0}%", "60\u{A0}%"),
        ] as [([Double], Charts.Unit, String, String)] {
            let text = drawn(values, unit)
            #expect(text.contains(">\(there)<") && !text.contains(">\(none)<"), "\(values) \(unit)")
        }
    }

    @Test("cells of the table lead where they are told to, and shapes name their cell in a page only")
    func links() {
        let table = Gallery.donut.table.html(caption: "x") { row, column in column == 0 ? "/x?a=\(row)&b=1" : nil }
        #expect(table.contains("<a href=\"/x?a=2&amp;b=1\">Transports</a>"))
        #expect(Gallery.donut.svg().contains("data-at=\"2 0\""))
        #expect(!Gallery.donut.svg(theme: .light).contains("data-at"))
    }

    @Test("nothing to show, one value and no number are pictures too")
    func edges() throws {
        let caption = Caption(id: "e", title: "<&\"'>", summary: "")
        let odd: [any Chart] = [
            LineChart(caption, labels: [], series: []), LineChart(caption, labels: ["a"], series: [Series("s", [1])]),
            LineChart(caption, labels: ["a", "b"], series: [Series("s", [.nan, .infinity])]),
            BarChart(caption, labels: ["a"], series: [Series("s", [0])], arrangement: .stacked),
            RankChart(caption, items: []), DonutChart(caption, items: []),
            DonutChart(caption, items: [.init("all", 5)]), Sparkline(caption, values: []),
            GaugeChart(caption, value: .nan, range: 0...1, zones: []),
            HeatMap(caption, columns: [], rows: [], values: []),
            SankeyChart(caption, layers: [], flows: [.init("a", "b", 1)]), TileMap(caption, values: [:]),
            NetworkChart(caption, centre: "a", links: []),
        ]
        for chart in odd {
            for theme in Theme.allCases {
                let text = chart.svg(ChartSize(80, 16), theme: theme)
                _ = try XMLDocument(xmlString: text)
                #expect(!text.contains("nan") && !text.contains("inf"))
            }
        }
    }
}

@Suite struct NumberTextTests {
    private let fr = NumberText(.fr)
    private let en = NumberText(.en)

    @Test("French figures are CLDR's to the code point")
    func french() {
        #expect(fr.money("1234567.89", "EUR") == "1\u{202F}234\u{202F}567,89\u{A0}€")
        #expect(fr.money("-1234.50", "EUR") == "-1\u{202F}234,50\u{A0}€")
        #expect(fr.percent(0.1234, digits: 2) == "12,34\u{A0}%")
        #expect(fr.compact(1_234_567) == "1,2\u{A0}M")
        #expect(
            fr.compact(999) == "999" && fr.compact(1_000) == "1\u{A0}k" && fr.compact(2_500_000_000) == "2,5\u{A0}Md")
        #expect(fr.integer(.min) == "-9\u{202F}223\u{202F}372\u{202F}036\u{202F}854\u{202F}775\u{202F}808")
    }

    @Test("English ones too")
    func english() {
        #expect(en.money("1234567.89", "EUR") == "€1,234,567.89" && en.money("-3.00", "USD") == "-$3.00")
        #expect(en.money("5", "CHF") == "CHF\u{A0}5")
        #expect(en.percent(0.5) == "50.0%" && en.compact(12_345) == "12K")
    }

    @Test("a float is rounded once, and what is none is nothing")
    func rounding() {
        #expect(fr.number(2.5) == "3" && fr.number(-2.5) == "-3" && fr.number(0.125, digits: 2) == "0,13")
        #expect(fr.number(.nan) == "0" && fr.number(-0.001, digits: 2) == "0,00")
    }
}
