internal import Glibc

/// Shares of a whole, with the whole in the middle.
public struct DonutChart: Chart {
    public var caption: Caption
    public var items: [RankChart.Item]
    public var unit: Unit
    public var heads: (name: String, value: String)

    public init(
        _ caption: Caption, items: [RankChart.Item], unit: Unit = .count,
        heads: (name: String, value: String) = ("", "")
    ) {
        self.caption = caption
        self.items = items.filter { $0.value > 0 }
        self.unit = unit
        self.heads = heads
    }

    private var total: Double { items.map(\.value).reduce(0, +) }

    public func body(_ size: ChartSize, _ theme: Theme, id: String) -> String {
        var pen = Pen(theme)
        let total = max(total, 1e-12)
        let isWide = size.width >= 420
        let radius = (isWide ? min(size.height, size.width * 0.42) : min(size.height * 0.56, size.width * 0.6)) / 2 - 6
        let centre: Curve.Point = isWide ? (radius + 10, size.height / 2) : (size.width / 2, radius + 8)
        if items.isEmpty { pen.path(Self.ring(centre, radius, 0, 1), fill: .grid) }
        var start = 0.0
        pen.open("series")
        for (index, item) in items.enumerated() {
            let share = item.value / total
            pen.path(
                Self.ring(centre, radius, start, start + share), fill: item.ink ?? .series(index), stroke: .surface,
                width: items.count > 1 ? 2 : 0,
                title: "\(item.name): \(unit.full(item.value, caption.numbers)), \(caption.numbers.percent(share))",
                at: TablePlace(row: index))
            start += share
        }
        pen.close()
        let whole = unit.brief(self.total, caption.numbers)
        pen.label(whole, centre.x, centre.y + 7, .middle, ink: .text, size: min(radius * 0.32, 24), isStrong: true)
        legend(size, isWide, centre, radius, &pen)
        return pen.text
    }

    private func legend(_ size: ChartSize, _ isWide: Bool, _ centre: Curve.Point, _ radius: Double, _ pen: inout Pen) {
        let left = isWide ? centre.x + radius + 28 : 4
        let top = isWide ? size.height / 2 - Double(items.count) * 13 + 13 : centre.y + radius + 26
        let room = size.width - left - 4
        for (index, item) in items.enumerated() {
            let y = top + Double(index) * (isWide ? 26 : 20)
            guard y < size.height else { break }
            let share = caption.numbers.percent(item.value / max(total, 1e-12))
            pen.rect(left, y - 9, 10, 10, item.ink ?? .series(index), radius: 3)
            pen.label(TextWidth.fitted(item.name, room - 80), left + 18, y, ink: .text)
            pen.label(share, size.width - 4, y, .end, ink: .muted)
        }
    }

    /// A piece of a ring from one share of the turn to another, beginning at the top.
    static func ring(_ centre: Curve.Point, _ radius: Double, _ from: Double, _ to: Double) -> String {
        // A full turn has no arc of its own, its ends would be one point: two halves.
        guard to - from < 0.999 else {
            return ring(centre, radius, from, from + 0.5) + ring(centre, radius, from + 0.5, from + 1)
        }
        let inner = radius * 0.64
        let end = to
        func point(_ share: Double, _ radius: Double) -> String {
            let angle = share * 2 * .pi - .pi / 2
            return "\((centre.x + cos(angle) * radius).short) \((centre.y + sin(angle) * radius).short)"
        }
        let large = end - from > 0.5 ? 1 : 0
        return "M\(point(from, radius))A\(radius.short) \(radius.short) 0 \(large) 1 \(point(end, radius))"
            + "L\(point(end, inner))A\(inner.short) \(inner.short) 0 \(large) 0 \(point(from, inner))Z"
    }

    public var table: ChartTable {
        ChartTable(
            head: [heads.name, heads.value, "%"],
            rows: items.map {
                [
                    $0.name, unit.full($0.value, caption.numbers),
                    caption.numbers.percent($0.value / max(total, 1e-12)),
                ]
            })
    }
}

/// One value between its bounds, with the zones that judge it.
public struct GaugeChart: Chart {
    public struct Zone: Sendable, Hashable {
        public var upTo: Double
        public var ink: Ink
        public var name: String

        public init(upTo: Double, _ ink: Ink, _ name: String) {
            self.upTo = upTo
            self.ink = ink
            self.name = name
        }
    }

    public var caption: Caption
    public var value: Double
    public var range: ClosedRange<Double>
    public var zones: [Zone]
    public var unit: Unit

    public init(_ caption: Caption, value: Double, range: ClosedRange<Double>, zones: [Zone], unit: Unit = .count) {
        self.caption = caption
        self.value = value.isFinite ? value : range.lowerBound
        self.range = range
        self.zones = zones
        self.unit = unit
    }

    private var zone: Zone? { zones.first { value <= $0.upTo } ?? zones.last }

    private func share(_ value: Double) -> Double {
        let width = max(range.upperBound - range.lowerBound, 1e-12)
        return min(max((value - range.lowerBound) / width, 0), 1)
    }

    public func body(_ size: ChartSize, _ theme: Theme, id: String) -> String {
        var pen = Pen(theme)
        let radius = min(size.width / 2 - 8, size.height - 40)
        let centre: Curve.Point = (size.width / 2, radius + 8)
        func point(_ share: Double, _ radius: Double) -> Curve.Point {
            let angle = .pi + share * .pi
            return (centre.x + cos(angle) * radius, centre.y + sin(angle) * radius)
        }
        func arc(_ from: Double, _ to: Double, _ radius: Double, _ ink: Ink, _ width: Double) {
            let (start, end) = (point(from, radius), point(to, radius))
            pen.path(
                "M\(start.x.short) \(start.y.short)A\(radius.short) \(radius.short) 0 0 1 \(end.x.short) \(end.y.short)",
                stroke: ink, width: width)
        }
        arc(0, 1, radius - 10, .grid, 14)
        if value > range.lowerBound { arc(0, share(value), radius - 10, zone?.ink ?? .series(0), 14) }
        var from = 0.0
        for zone in zones {
            let to = share(zone.upTo)
            if to > from { arc(from + 0.008, max(to - 0.008, from + 0.009), radius, zone.ink, 3) }
            from = max(from, to)
        }
        for (end, anchor) in [(range.lowerBound, Pen.Anchor.start), (range.upperBound, .end)] {
            let words = unit.brief(end, caption.numbers)
            let half = TextWidth.of(words, size: 11) / 2
            let x = point(end > range.lowerBound ? 1 : 0, radius - 10).x
            pen.label(
                words, anchor == .start ? max(x - half, 0) : min(x + half, size.width), centre.y + 20, anchor, size: 11)
        }
        let isWhole = unit == .percent && abs(value * 100 - (value * 100).rounded()) < 1e-6
        let words = isWhole ? unit.brief(value, caption.numbers) : unit.full(value, caption.numbers)
        pen.label(words, centre.x, centre.y - 4, .middle, ink: .text, size: min(radius * 0.3, 28), isStrong: true)
        if let zone { pen.label(zone.name, centre.x, centre.y + 18, .middle, ink: zone.ink, size: 13, isStrong: true) }
        return pen.text
    }

    public var table: ChartTable {
        ChartTable(head: [caption.title, ""], rows: [[unit.full(value, caption.numbers), zone?.name ?? ""]])
    }
}

/// A line without axes, as large as a word.
public struct Sparkline: Chart {
    public var caption: Caption
    public var values: [Double?]
    public var unit: Unit
    public var ink: Ink

    public init(_ caption: Caption, values: [Double?], unit: Unit = .count, ink: Ink = .series(0)) {
        self.caption = caption
        self.values = values.map { $0.flatMap { $0.isFinite ? $0 : nil } }
        self.unit = unit
        self.ink = ink
    }

    public static let size = ChartSize(160, 40)

    public func body(_ size: ChartSize, _ theme: Theme, id: String) -> String {
        var pen = Pen(theme)
        let scale = Scale(values.compactMap(\.self), fromZero: false)
        let points: [Curve.Point] = Curve.decimated(values, buckets: Int(size.width / 2)).compactMap { place in
            guard let value = values[place] else { return nil }
            let x = 3 + Double(place) / Double(max(values.count - 1, 1)) * (size.width - 8)
            return (x, scale.place(value, from: size.height - 4, to: 5))
        }
        guard points.count > 1 else { return pen.text }
        pen.gradient("\(id)-g", ink)
        pen.path(Curve.area(points, to: size.height), gradient: "\(id)-g")
        pen.path(Curve.path(points), stroke: ink, width: 1.8)
        if let last = points.last { pen.circle(last.x, last.y, 2.6, ink) }
        return pen.text
    }

    public var table: ChartTable {
        ChartTable(
            head: [caption.title],
            rows: values.map { [$0.map { unit.full($0, caption.numbers) } ?? "–"] })
    }
}
