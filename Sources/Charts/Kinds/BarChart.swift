/// Columns by category: side by side, or one on the other.
public struct BarChart: Chart {
    public enum Arrangement: Sendable, Hashable { case grouped, stacked }

    public var caption: Caption
    public var labels: [String]
    public var series: [Series]
    public var unit: Unit
    public var arrangement: Arrangement
    public var axis: String

    public init(
        _ caption: Caption, labels: [String], series: [Series], unit: Unit = .count,
        arrangement: Arrangement = .grouped, axis: String = ""
    ) {
        self.caption = caption
        self.labels = labels
        self.series = series
        self.unit = unit
        self.arrangement = arrangement
        self.axis = axis
    }

    private func ink(_ index: Int) -> Ink { series[index].ink ?? .series(index) }
    private func value(_ line: Int, _ place: Int) -> Double {
        series[line].values.indices.contains(place) ? series[line].values[place] ?? 0 : 0
    }

    private var scale: Scale {
        switch arrangement {
        case .grouped: Scale(series.flatMap { $0.values.compactMap(\.self) }, unit: unit)
        case .stacked:
            Scale(
                labels.indices.flatMap { place in
                    let column = series.indices.map { value($0, place) }
                    return [column.filter { $0 > 0 }.reduce(0, +), column.filter { $0 < 0 }.reduce(0, +)]
                }, unit: unit)
        }
    }

    private func frame(_ size: ChartSize) -> Frame {
        Frame(
            size, scale, unit, caption.numbers,
            top: series.count > 1 ? Legend.rows(series.map(\.name), size) + 6 : 12)
    }

    private func middle(_ place: Int, _ frame: Frame) -> Double {
        frame.left + (Double(place) + 0.5) * frame.width / Double(max(labels.count, 1))
    }

    public func body(_ size: ChartSize, _ theme: Theme, id: String) -> String {
        var pen = Pen(theme)
        let (scale, frame) = (scale, frame(size))
        if series.count > 1 { Legend.draw(series.indices.map { (series[$0].name, ink($0)) }, size, &pen) }
        frame.grid(scale, unit, caption.numbers, &pen)
        frame.labels(labels, { middle($0, frame) }, &pen)
        let slot = frame.width / Double(max(labels.count, 1))
        pen.open("series")
        for place in labels.indices {
            switch arrangement {
            case .grouped: group(place, slot, scale, frame, &pen)
            case .stacked: stack(place, slot, scale, frame, &pen)
            }
        }
        pen.close()
        return pen.text
    }

    private func group(_ place: Int, _ slot: Double, _ scale: Scale, _ frame: Frame, _ pen: inout Pen) {
        let room = min(slot * 0.74, 56 * Double(max(series.count, 1)))
        let bar = room / Double(max(series.count, 1))
        let zero = scale.place(0, from: frame.bottom, to: frame.top)
        for line in series.indices {
            let value = value(line, place)
            guard value != 0 else { continue }
            let y = scale.place(value, from: frame.bottom, to: frame.top)
            let x = middle(place, frame) - room / 2 + Double(line) * bar
            Self.column(x + 0.5, max(bar - 1, 1), from: zero, to: y, ink(line), &pen)
        }
    }

    private func stack(_ place: Int, _ slot: Double, _ scale: Scale, _ frame: Frame, _ pen: inout Pen) {
        let bar = min(slot * 0.7, 56)
        var (above, below) = (0.0, 0.0)
        let top = series.indices.last { value($0, place) > 0 }
        for line in series.indices {
            let value = value(line, place)
            guard value != 0 else { continue }
            let start = value > 0 ? above : below
            if value > 0 { above += value } else { below += value }
            let (from, to) = (
                scale.place(start, from: frame.bottom, to: frame.top),
                scale.place(start + value, from: frame.bottom, to: frame.top)
            )
            let x = middle(place, frame) - bar / 2
            if line == top {
                Self.column(x, bar, from: from, to: to, ink(line), &pen)
            } else {
                pen.rect(x, min(from, to) + 0.5, bar, abs(to - from) - 0.5, ink(line))
            }
        }
    }

    /// Rounded at the end that is away from zero.
    static func column(_ x: Double, _ width: Double, from zero: Double, to y: Double, _ ink: Ink, _ pen: inout Pen) {
        let radius = min(3, width / 2, abs(zero - y))
        let bend = y < zero ? radius : -radius
        let right = x + width
        pen.path(
            "M\(x.short) \(zero.short)V\((y + bend).short)Q\(x.short) \(y.short) \((x + radius).short) \(y.short)"
                + "H\((right - radius).short)Q\(right.short) \(y.short) \(right.short) \((y + bend).short)V\(zero.short)Z",
            fill: ink)
    }

    public var table: ChartTable {
        ChartTable(
            head: [axis] + series.map(\.name),
            rows: labels.indices.map { place in
                [labels[place]] + series.indices.map { unit.full(value($0, place), caption.numbers) }
            })
    }

    public func hover(_ size: ChartSize) -> String? {
        guard !labels.isEmpty, labels.count <= LineChart.hoverMax else { return nil }
        let (scale, frame) = (scale, frame(size))
        return HoverText.make(
            frame: frame, places: labels.indices.map { HoverText.Place(x: middle($0, frame), label: labels[$0]) },
            lines: series.indices.map { line in
                let points = labels.indices.map { place -> HoverText.Point? in
                    let value = value(line, place)
                    let y = scale.place(value, from: frame.bottom, to: frame.top)
                    return HoverText.Point(y: y, words: unit.full(value, caption.numbers))
                }
                return HoverText.Line(name: series[line].name, ink: ink(line), points: points)
            })
    }
}

/// A ranking: one bar a line, with its name and its value.
public struct RankChart: Chart {
    public struct Item: Sendable, Hashable {
        public var name: String
        public var value: Double
        public var ink: Ink?

        public init(_ name: String, _ value: Double, ink: Ink? = nil) {
            self.name = name
            self.value = value.isFinite ? value : 0
            self.ink = ink
        }
    }

    public var caption: Caption
    public var items: [Item]
    public var unit: Unit
    public var heads: (name: String, value: String)

    static let itemsMax = 40

    public init(_ caption: Caption, items: [Item], unit: Unit = .count, heads: (name: String, value: String) = ("", ""))
    {
        self.caption = caption
        self.items = Array(items.prefix(Self.itemsMax))
        self.unit = unit
        self.heads = heads
    }

    /// As high as its lines need.
    public func size(width: Double) -> ChartSize { ChartSize(width, Double(max(items.count, 1)) * 30 + 8) }

    public func body(_ size: ChartSize, _ theme: Theme, id: String) -> String {
        var pen = Pen(theme)
        let numbers = caption.numbers
        let line = (size.height - 8) / Double(max(items.count, 1))
        let names = min((items.map { TextWidth.of($0.name) }.max() ?? 0) + 12, size.width * 0.4)
        let values = (items.map { TextWidth.of(unit.full($0.value, numbers), size: 13) }.max() ?? 0) + 12
        let isSigned = items.contains { $0.value < 0 }
        let room = size.width - names - values
        let largest = max(items.map { abs($0.value) }.max() ?? 1, 1e-12)
        let zero = isSigned ? names + room / 2 : names
        let reach = isSigned ? room / 2 : room
        pen.open("series")
        for (index, item) in items.enumerated() {
            let y = 4 + Double(index) * line
            let length = abs(item.value) / largest * reach
            let ink = item.ink ?? (isSigned ? (item.value < 0 ? .positive : .negative) : .series(0))
            if !isSigned { pen.rect(zero, y + line / 2 - 7, reach, 14, .grid, radius: 4, opacity: 0.55) }
            pen.rect(
                item.value < 0 ? zero - length : zero, y + line / 2 - 7, max(length, 2), 14, ink, radius: 4,
                at: TablePlace(row: index))
            pen.label(TextWidth.fitted(item.name, names - 12), 0, y + line / 2 + 4, ink: .text)
            pen.label(
                unit.full(item.value, numbers), size.width - 2, y + line / 2 + 4, .end, ink: .text, isStrong: true)
        }
        pen.close()
        if isSigned { pen.line(zero, 2, zero, size.height - 2, .muted) }
        return pen.text
    }

    public var table: ChartTable {
        ChartTable(
            head: [heads.name, heads.value], rows: items.map { [$0.name, unit.full($0.value, caption.numbers)] })
    }
}
