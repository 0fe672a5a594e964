/// Values by département, as tiles in the country's shape.
public struct TileMap: Chart {
    public var caption: Caption
    /// By code: `75`, `2A`, `974`.
    public var values: [String: Double]
    public var unit: Unit
    public var ink: Ink
    public var heads: (name: String, value: String)

    public init(
        _ caption: Caption, values: [String: Double], unit: Unit = .count, ink: Ink = .series(0),
        heads: (name: String, value: String) = ("", "")
    ) {
        self.caption = caption
        self.values = values.filter { $0.value.isFinite }
        self.unit = unit
        self.ink = ink
        self.heads = heads
    }

    public static let size = ChartSize(460, 440)

    private static let names = Dictionary(
        Departments.names.map { ($0.code, $0.name) }, uniquingKeysWith: { first, _ in first })

    public func body(_ size: ChartSize, _ theme: Theme, id: String) -> String {
        var pen = Pen(theme)
        let side = min(size.width / Double(Departments.columns), (size.height - 26) / Double(Departments.rows))
        let left = (size.width - side * Double(Departments.columns)) / 2
        let highest = max(values.values.max() ?? 0, 1e-12)
        let rows = Dictionary(uniqueKeysWithValues: order.enumerated().map { ($1.key, $0) })
        pen.open("series")
        for (row, line) in Departments.grid.enumerated() {
            for (column, code) in line.split(separator: " ").enumerated() where code != "." {
                let code = String(code)
                let value = values[code]
                let share = max(value ?? 0, 0) / highest
                let (x, y) = (left + Double(column) * side, Double(row) * side)
                let words = value.map { unit.full($0, caption.numbers) } ?? "–"
                pen.rect(
                    x + 1.5, y + 1.5, side - 3, side - 3, share > 0 ? ink : .grid, radius: 5,
                    opacity: share > 0 ? 0.12 + 0.88 * share : 0.55, title: "\(Self.names[code] ?? code): \(words)",
                    at: rows[code].map { TablePlace(row: $0) })
                pen.label(
                    code, x + side / 2, y + side / 2 + side * 0.12, .middle, ink: share > 0.5 ? .surface : .text,
                    size: side * (code.count > 2 ? 0.3 : 0.35))
            }
        }
        pen.close()
        key(size, highest, &pen)
        return pen.text
    }

    private func key(_ size: ChartSize, _ highest: Double, _ pen: inout Pen) {
        let words = unit.brief(highest, caption.numbers)
        let right = size.width - 6 - TextWidth.of(words)
        pen.label(words, size.width - 2, size.height - 6, .end)
        for step in 0..<5 {
            pen.rect(
                right - 4 - Double(5 - step) * 20, size.height - 16, 18, 11, ink, radius: 2,
                opacity: 0.12 + 0.88 * Double(step) / 4)
        }
        pen.label("0", right - 12 - 5 * 20, size.height - 6, .end)
    }

    private var order: [(key: String, value: Double)] {
        values.sorted { $0.value == $1.value ? $0.key < $1.key : $0.value > $1.value }
    }

    /// The highest first.
    public var table: ChartTable {
        ChartTable(
            head: [heads.name, heads.value],
            rows: order.map {
                ["\($0.key) \(Self.names[$0.key] ?? "")", unit.full($0.value, caption.numbers)]
            })
    }
}
