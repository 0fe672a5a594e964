/// Values of two categories as shades of one colour.
public struct HeatMap: Chart {
    public var caption: Caption
    public var columns: [String]
    public var rows: [String]
    /// One list for each row, as long as there are columns.
    public var values: [[Double?]]
    public var unit: Unit
    public var ink: Ink

    public init(
        _ caption: Caption, columns: [String], rows: [String], values: [[Double?]], unit: Unit = .count,
        ink: Ink = .series(0)
    ) {
        self.caption = caption
        self.columns = columns
        self.rows = rows
        self.values = values
        self.unit = unit
        self.ink = ink
    }

    private func value(_ row: Int, _ column: Int) -> Double? {
        guard values.indices.contains(row), values[row].indices.contains(column) else { return nil }
        return values[row][column].flatMap { $0.isFinite ? $0 : nil }
    }

    private var highest: Double {
        rows.indices.flatMap { row in columns.indices.compactMap { value(row, $0) } }.max() ?? 0
    }

    public func body(_ size: ChartSize, _ theme: Theme, id: String) -> String {
        var pen = Pen(theme)
        let left = (rows.map { TextWidth.of($0) }.max() ?? 0) + 10
        let foot = 34.0
        let cell = (
            width: (size.width - left - 4) / Double(max(columns.count, 1)),
            height: (size.height - foot - 20) / Double(max(rows.count, 1))
        )
        let highest = max(highest, 1e-12)
        for (row, name) in rows.enumerated() {
            let y = Double(row) * cell.height
            pen.label(name, left - 8, y + cell.height / 2 + 4, .end)
            for (column, head) in columns.enumerated() {
                let value = value(row, column)
                let share = max(value ?? 0, 0) / highest
                pen.rect(
                    left + Double(column) * cell.width + 1, y + 1, cell.width - 2, cell.height - 2,
                    share > 0 ? ink : .grid, radius: 3, opacity: share > 0 ? 0.14 + 0.86 * share : 0.5,
                    title: "\(name), \(head): \(value.map { unit.full($0, caption.numbers) } ?? "–")",
                    at: TablePlace(row: row, column: column + 1))
            }
        }
        let widest = (columns.map { TextWidth.of($0) }.max() ?? 0) + 8
        let every = max(Int((widest / cell.width).rounded(.up)), 1)
        let base = Double(rows.count) * cell.height
        for column in stride(from: 0, to: columns.count, by: every) {
            pen.label(columns[column], left + (Double(column) + 0.5) * cell.width, base + 16, .middle)
        }
        key(size, highest, &pen)
        return pen.text
    }

    /// From nothing to the most.
    private func key(_ size: ChartSize, _ highest: Double, _ pen: inout Pen) {
        let words = unit.brief(highest, caption.numbers)
        let right = size.width - 6 - TextWidth.of(words)
        pen.label(words, size.width - 4, size.height - 6, .end)
        for step in 0..<5 {
            pen.rect(
                right - 8 - Double(5 - step) * 18, size.height - 15, 16, 10, ink, radius: 2,
                opacity: 0.14 + 0.86 * Double(step) / 4)
        }
        pen.label("0", right - 14 - 5 * 18, size.height - 6, .end)
    }

    public var table: ChartTable {
        ChartTable(
            head: [caption.title] + columns,
            rows: rows.indices.map { row in
                [rows[row]]
                    + columns.indices.map { value(row, $0).map { unit.full($0, caption.numbers) } ?? "–" }
            })
    }
}
