/// Where money comes from and where it goes: bands between two or more rows of nodes.
public struct SankeyChart: Chart {
    public struct Flow: Sendable, Hashable {
        public var from: String
        public var to: String
        public var value: Double

        public init(_ from: String, _ to: String, _ value: Double) {
            self.from = from
            self.to = to
            self.value = value.isFinite ? max(value, 0) : 0
        }
    }

    public var caption: Caption
    /// Nodes from left to right, each row from top to bottom. A flow goes from a row to one further right.
    public var layers: [[String]]
    public var flows: [Flow]
    public var unit: Unit
    public var heads: (from: String, to: String, value: String)

    public init(
        _ caption: Caption, layers: [[String]], flows: [Flow], unit: Unit = .count,
        heads: (from: String, to: String, value: String) = ("", "", "")
    ) {
        self.caption = caption
        self.layers = layers.filter { !$0.isEmpty }
        self.flows = flows.filter { $0.value > 0 }
        self.unit = unit
        self.heads = heads
    }

    private struct Node {
        var x: Double
        var y: Double
        var height: Double
        var ink: Ink
        var total: Double
        var isLast: Bool
        var out = 0.0
        var into = 0.0
    }

    private static let nodeWidth = 12.0

    private func layout(_ size: ChartSize) -> (nodes: [String: Node], scale: Double) {
        var totals: [String: Double] = [:]
        for name in layers.joined() {
            let out = flows.filter { $0.from == name }.map(\.value).reduce(0, +)
            let into = flows.filter { $0.to == name }.map(\.value).reduce(0, +)
            totals[name] = max(out, into)
        }
        let gap = 14.0
        // The fullest row decides how thick a unit is.
        let scale =
            layers.map { row -> Double in
                let sum = row.map { totals[$0] ?? 0 }.reduce(0, +)
                return sum > 0 ? (size.height - 16 - gap * Double(row.count - 1)) / sum : .infinity
            }.min() ?? 1
        let span = (size.width - Self.nodeWidth) / Double(max(layers.count - 1, 1))
        var nodes: [String: Node] = [:]
        var number = 0
        for (column, row) in layers.enumerated() {
            let heights = row.map { max((totals[$0] ?? 0) * scale, 2) }
            let used = heights.reduce(0, +) + gap * Double(row.count - 1)
            var y = (size.height - used) / 2
            for (name, height) in zip(row, heights) {
                nodes[name] = Node(
                    x: Double(column) * span, y: y, height: height, ink: .series(number), total: totals[name] ?? 0,
                    isLast: column == layers.count - 1 && column > 0)
                y += height + gap
                number += 1
            }
        }
        return (nodes, scale.isFinite ? scale : 0)
    }

    public func body(_ size: ChartSize, _ theme: Theme, id: String) -> String {
        var pen = Pen(theme)
        var (nodes, scale) = layout(size)
        pen.open("series")
        for (row, flow) in flows.enumerated() {
            guard var from = nodes[flow.from], var to = nodes[flow.to], from.x < to.x else { continue }
            let thick = flow.value * scale
            let (x1, x2) = (from.x + Self.nodeWidth, to.x)
            let (y1, y2) = (from.y + from.out, to.y + to.into)
            let half = (x1 + x2) / 2
            pen.path(
                "M\(x1.short) \(y1.short)C\(half.short) \(y1.short) \(half.short) \(y2.short) \(x2.short) \(y2.short)"
                    + "V\((y2 + thick).short)C\(half.short) \((y2 + thick).short) \(half.short) \((y1 + thick).short) "
                    + "\(x1.short) \((y1 + thick).short)Z", fill: from.ink, opacity: 0.34,
                title: "\(flow.from) → \(flow.to): \(unit.full(flow.value, caption.numbers))",
                at: TablePlace(row: row))
            from.out += thick
            to.into += thick
            nodes[flow.from] = from
            nodes[flow.to] = to
        }
        for name in layers.joined() {
            guard let node = nodes[name] else { continue }
            pen.rect(node.x, node.y, Self.nodeWidth, node.height, node.ink, radius: 2)
            let x = node.isLast ? node.x - 7 : node.x + Self.nodeWidth + 7
            let anchor: Pen.Anchor = node.isLast ? .end : .start
            let room = size.width / Double(layers.count) - 24
            let middle = node.y + node.height / 2
            let value = unit.brief(node.total, caption.numbers)
            if node.height >= 36 {
                pen.label(TextWidth.fitted(name, room), x, middle - 2, anchor, ink: .text)
                pen.label(value, x, middle + 13, anchor)
            } else {
                // One line holds both where there is room for one only.
                let width = TextWidth.of(value) + 8
                let words = TextWidth.fitted(name, room - width)
                let shift = TextWidth.of(node.isLast ? value : words) + 8
                pen.label(words, node.isLast ? x - shift : x, middle + 4, anchor, ink: .text)
                pen.label(value, node.isLast ? x : x + shift, middle + 4, anchor)
            }
        }
        pen.close()
        return pen.text
    }

    public var table: ChartTable {
        ChartTable(
            head: [heads.from, heads.to, heads.value],
            rows: flows.map { [$0.from, $0.to, unit.full($0.value, caption.numbers)] })
    }
}

/// Who deals with whom: one in the middle, the others around it. Places come from the order given, not from a simulation:
/// the same figures give the same picture.
public struct NetworkChart: Chart {
    public struct Link: Sendable, Hashable {
        public var name: String
        public var value: Double
        /// Marked: a known fraud, a name on a list.
        public var isMarked: Bool
        /// Further nodes behind this one.
        public var beyond: [String]

        public init(_ name: String, _ value: Double, isMarked: Bool = false, beyond: [String] = []) {
            self.name = name
            self.value = value.isFinite ? max(value, 0) : 0
            self.isMarked = isMarked
            self.beyond = beyond
        }
    }

    public var caption: Caption
    public var centre: String
    public var links: [Link]
    public var unit: Unit
    public var heads: (name: String, value: String)

    static let linksMax = 24

    public init(
        _ caption: Caption, centre: String, links: [Link], unit: Unit = .count,
        heads: (name: String, value: String) = ("", "")
    ) {
        self.caption = caption
        self.centre = centre
        self.links = Array(links.prefix(Self.linksMax))
        self.unit = unit
        self.heads = heads
    }

    public func body(_ size: ChartSize, _ theme: Theme, id: String) -> String {
        var pen = Pen(theme)
        let middle: Curve.Point = (size.width / 2, size.height / 2)
        let reach: Curve.Point = (size.width / 2 - min(110, size.width / 4), size.height / 2 - 44)
        let largest = max(links.map(\.value).max() ?? 1, 1e-12)
        let places = links.indices.map { index -> Curve.Point in
            let turn = Turn.at(Double(index) / Double(max(links.count, 1)) - 0.25)
            return (middle.x + turn.x * reach.x, middle.y + turn.y * reach.y)
        }
        for (link, place) in zip(links, places) {
            pen.path(
                "M\(middle.x.short) \(middle.y.short)L\(place.x.short) \(place.y.short)",
                stroke: link.isMarked ? .negative : .series(0), width: 1.2 + 5 * link.value / largest, opacity: 0.4,
                title: "\(centre) → \(link.name): \(unit.full(link.value, caption.numbers))")
            let isAside = abs(place.x - middle.x) < 20
            let outwards = isAside ? (place.y < middle.y ? 0.75 : 0.25) : place.x < middle.x ? 0.5 : 0
            let far = 18 + 8 * (link.value / largest).squareRoot()
            for (index, _) in link.beyond.prefix(6).enumerated() {
                // A fan above and below the name, never on it.
                let turn = (isAside ? 0.14 : 0.13) + 0.075 * Double(index / 2)
                let spread = Turn.at(outwards + (index % 2 == 0 ? -turn : turn))
                let end: Curve.Point = (place.x + spread.x * far, place.y + spread.y * far)
                pen.line(place.x, place.y, end.x, end.y, .grid, width: 1.2)
                pen.circle(end.x, end.y, 3, .muted)
            }
        }
        for (link, place) in zip(links, places) {
            let radius = 6 + 8 * (link.value / largest).squareRoot()
            pen.circle(place.x, place.y, radius, link.isMarked ? .negative : .series(0), stroke: .surface)
            if link.isMarked { pen.label("!", place.x, place.y + 4, .middle, ink: .surface, size: 12, isStrong: true) }
            let isLeft = place.x < middle.x - 1
            let side = abs(place.x - middle.x) < 20
            let x = side ? place.x : place.x + (isLeft ? -radius - 5 : radius + 5)
            let y = side ? place.y + (place.y < middle.y ? -radius - 14 : radius + 20) : place.y + 4
            pen.label(
                TextWidth.fitted(link.name, 104), x, y, side ? .middle : isLeft ? .end : .start, ink: .text,
                hasHalo: true)
        }
        pen.circle(middle.x, middle.y, 17, .series(1), stroke: .surface, width: 3)
        pen.label(
            centre, middle.x, middle.y + 34, .middle, ink: .text, size: 13, isStrong: true, hasHalo: true)
        return pen.text
    }

    public var table: ChartTable {
        ChartTable(
            head: [heads.name, heads.value, "!"],
            rows: links.map { [$0.name, unit.full($0.value, caption.numbers), $0.isMarked ? "!" : ""] })
    }
}
