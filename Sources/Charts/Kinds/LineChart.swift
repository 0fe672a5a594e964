/// One line of a picture: as many values as the picture has labels; nil is a gap.
public struct Series: Sendable, Hashable {
    public var name: String
    public var values: [Double?]
    /// In place of the colour of its turn.
    public var ink: Ink?

    public init(_ name: String, _ values: [Double?], ink: Ink? = nil) {
        self.name = name
        self.values = values.map { $0.flatMap { $0.isFinite ? $0 : nil } }
        self.ink = ink
    }
}

/// Values over time, as lines or with the area below the first of them.
public struct LineChart: Chart {
    public var caption: Caption
    public var labels: [String]
    public var series: [Series]
    public var unit: Unit
    public var isFilled: Bool
    public var startsAtZero: Bool
    /// A level that matters, drawn dashed with its name.
    public var threshold: (name: String, value: Double)?
    /// What stands above the first column of the table.
    public var axis: String

    /// A pointer finds so many places at most.
    static let hoverMax = 240

    public init(
        _ caption: Caption, labels: [String], series: [Series], unit: Unit = .count, isFilled: Bool = false,
        startsAtZero: Bool = true, threshold: (name: String, value: Double)? = nil, axis: String = ""
    ) {
        self.caption = caption
        self.labels = labels
        self.series = series
        self.unit = unit
        self.isFilled = isFilled
        self.startsAtZero = startsAtZero
        self.threshold = threshold
        self.axis = axis
    }

    private func ink(_ index: Int) -> Ink { series[index].ink ?? .series(index) }

    private var scale: Scale {
        Scale(
            series.flatMap { $0.values.compactMap(\.self) } + (threshold.map { [$0.value] } ?? []),
            fromZero: startsAtZero, unit: unit)
    }

    private func frame(_ size: ChartSize) -> Frame {
        let top = series.count > 1 ? Legend.rows(series.map(\.name), size) + 6 : 12
        return Frame(size, scale, unit, caption.numbers, top: top)
    }

    private func x(_ index: Int, _ frame: Frame) -> Double {
        labels.count < 2
            ? frame.left + frame.width / 2 : frame.left + Double(index) / Double(labels.count - 1) * frame.width
    }

    public func body(_ size: ChartSize, _ theme: Theme, id: String) -> String {
        var pen = Pen(theme)
        let (scale, frame) = (scale, frame(size))
        if series.count > 1 { Legend.draw(series.indices.map { (series[$0].name, ink($0)) }, size, &pen) }
        frame.grid(scale, unit, caption.numbers, &pen)
        frame.labels(labels, { x($0, frame) }, &pen)
        pen.open("series")
        for (index, line) in series.enumerated() {
            draw(line, index, scale, frame, id, &pen)
        }
        pen.close()
        if let threshold {
            let y = scale.place(threshold.value, from: frame.bottom, to: frame.top)
            pen.line(frame.left, y, frame.right, y, .negative, width: 1.5, dash: "5 4")
            let width = TextWidth.of(threshold.name) + 10
            pen.rect(frame.right - width, y - 19, width, 17, .surface, radius: 3, opacity: 0.85)
            pen.label(threshold.name, frame.right - 5, y - 6, .end, ink: .negative, isStrong: true)
        }
        return pen.text
    }

    private func draw(_ line: Series, _ index: Int, _ scale: Scale, _ frame: Frame, _ id: String, _ pen: inout Pen) {
        let ink = ink(index)
        let kept = Curve.decimated(line.values, buckets: Int(frame.width))
        let isLong = line.values.count > Int(frame.width) * 2
        var runs: [[Curve.Point]] = [[]]
        var before: Int?
        for place in kept {
            guard let value = line.values[place] else { continue }
            if let before, !isLong, place != before + 1 { runs.append([]) }
            runs[runs.count - 1].append((x(place, frame), scale.place(value, from: frame.bottom, to: frame.top)))
            before = place
        }
        let level = scale.place(max(scale.low, 0), from: frame.bottom, to: frame.top)
        if isFilled, index == 0 {
            pen.gradient("\(id)-g", ink)
            for run in runs where run.count > 1 { pen.path(Curve.area(run, to: level), gradient: "\(id)-g") }
        }
        for run in runs {
            if run.count == 1, let point = run.first {
                pen.circle(point.x, point.y, 3, ink)
            } else if run.count > 1 {
                pen.path(Curve.path(run), stroke: ink, width: isLong ? 1.2 : 2.2)
            }
        }
        if !isLong, let last = runs.last?.last { pen.circle(last.x, last.y, 3.5, ink, stroke: .surface) }
    }

    public var table: ChartTable {
        ChartTable(
            head: [axis] + series.map(\.name),
            rows: labels.enumerated().map { index, label in
                [label]
                    + series.map { line in
                        line.values.indices.contains(index)
                            ? line.values[index].map { unit.full($0, caption.numbers) } ?? "–" : "–"
                    }
            })
    }

    public func hover(_ size: ChartSize) -> String? {
        guard !labels.isEmpty else { return nil }
        let (scale, frame) = (scale, frame(size))
        let every = max((labels.count + Self.hoverMax - 1) / Self.hoverMax, 1)
        let places = Array(stride(from: 0, to: labels.count, by: every))
        return HoverText.make(
            frame: frame, places: places.map { HoverText.Place(x: x($0, frame), label: labels[$0]) },
            lines: series.indices.map { line(at: $0, places, scale, frame) }, every: every)
    }

    private func line(at index: Int, _ places: [Int], _ scale: Scale, _ frame: Frame) -> HoverText.Line {
        let values = series[index].values
        let points = places.map { place -> HoverText.Point? in
            guard values.indices.contains(place), let value = values[place] else { return nil }
            let y = scale.place(value, from: frame.bottom, to: frame.top)
            return HoverText.Point(y: y, words: unit.full(value, caption.numbers))
        }
        return HoverText.Line(name: series[index].name, ink: ink(index), points: points)
    }
}

/// What the page's script shows beside a pointer.
enum HoverText {
    struct Place {
        var x: Double
        var label: String
    }

    struct Point {
        var y: Double
        var words: String
    }

    struct Line {
        var name: String
        var ink: Ink
        var points: [Point?]
    }

    /// - Parameter every: of so many values of the picture one is told.
    static func make(frame: Frame, places: [Place], lines: [Line], every: Int = 1) -> String {
        var out = "{\"t\":\(frame.top.short),\"b\":\(frame.bottom.short),\"e\":\(every),\"x\":["
        out += places.map(\.x.short).joined(separator: ",") + "],\"l\":["
        out += places.map { quoted($0.label) }.joined(separator: ",") + "],\"s\":["
        out += lines.map(text).joined(separator: ",")
        return out + "]}"
    }

    private static func text(_ line: Line) -> String {
        let heights = line.points.map { $0?.y.short ?? "null" }.joined(separator: ",")
        let words = line.points.map { $0.map { quoted($0.words) } ?? "null" }.joined(separator: ",")
        return "{\"n\":\(quoted(line.name)),\"c\":\"\(line.ink.name)\",\"y\":[\(heights)],\"v\":[\(words)]}"
    }

    private static func quoted(_ text: String) -> String {
        var out = "\""
        for scalar in text.unicodeScalars where scalar.value >= 32 {
            if scalar == "\"" || scalar == "\\" { out += "\\" }
            out.unicodeScalars.append(scalar)
        }
        return out + "\""
    }
}
