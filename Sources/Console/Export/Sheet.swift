internal import Charts

/// A table as it leaves the console: as CSV, workbook or page of paper.
struct Sheet: Sendable {
    let title: String
    /// What the table was filtered by, in words; printed on every form.
    var filters: [String] = []
    let head: [String]
    let rows: [[Cell]]
    let language: Language
    /// The table's picture, as SVG with colours of its own.
    var picture: String?

    enum Cell: Sendable, Hashable {
        case text(String)
        /// As a number and as people read it; the form is a spreadsheet's.
        case number(Double, shown: String, form: String)

        var shown: String {
            switch self {
            case .text(let text): text
            case .number(_, let shown, _): shown
            }
        }
    }

    init(title: String, filters: [String] = [], head: [String], rows: [[Cell]], language: Language) {
        self.title = title
        self.filters = filters
        self.head = head
        self.rows = rows
        self.language = language
    }

    /// A picture's table: the first column names the row, the others are numbers where they read as one.
    init(chart: some Chart, size: ChartSize, filters: [String]) {
        let language = chart.caption.language
        self.init(
            title: chart.caption.title, filters: filters, head: chart.table.head,
            rows: chart.table.rows.map { row in
                row.enumerated().map { $0 == 0 ? .text($1) : CellText.cell($1, language) }
            }, language: language)
        picture = chart.svg(size, theme: .light)
    }
}

/// Reads back what `NumberText` writes.
enum CellText {
    static func cell(_ text: String, _ language: Language) -> Sheet.Cell {
        var rest = text
        var form = "#,##0"
        var scale = 1.0
        let (group, point) = language == .fr ? ("\u{202F}", ",") : (",", ".")
        func cut(_ affix: String) -> Bool {
            if rest.hasSuffix(affix) {
                rest.removeLast(affix.count)
            } else if rest.hasPrefix(affix) {
                rest.removeFirst(affix.count)
            } else if rest.hasPrefix("-" + affix) {
                rest = "-" + rest.dropFirst(affix.count + 1)
            } else {
                return false
            }
            return true
        }
        var unit = ""
        if cut("\u{A0}€") || cut("€") {
            unit = "\u{A0}€"
        } else if cut("\u{A0}%") || cut("%") {
            unit = "%"
            scale = 0.01
        }
        let plain = rest.split(separator: Character(group), omittingEmptySubsequences: false).joined()
        let parts = plain.split(separator: Character(point), omittingEmptySubsequences: false).map(String.init)
        let whole = parts.first.map { $0.hasPrefix("-") ? String($0.dropFirst()) : $0 } ?? ""
        func isDigits(_ text: String) -> Bool { !text.isEmpty && text.utf8.allSatisfy { (48...57).contains($0) } }
        guard (1...2).contains(parts.count), isDigits(whole), whole.count <= 15,
            parts.count == 1 || isDigits(parts[1]), let value = Double(parts.joined(separator: "."))
        else { return .text(text) }
        let decimals = parts.count > 1 ? parts[1].count : 0
        if decimals > 0 { form += "." + String(repeating: "0", count: decimals) }
        if unit == "%" { form = decimals > 0 ? "0." + String(repeating: "0", count: decimals) + "%" : "0%" }
        if unit.hasSuffix("€") { form += "\u{A0}\"€\"" }
        return .number(value * scale, shown: text, form: form)
    }
}

/// CSV for spreadsheets.
enum SheetText {
    /// As a French Excel reads it: byte order mark, semicolons; what could be a formula is text.
    static func csv(_ sheet: Sheet) -> String {
        var out = "\u{FEFF}"
        let notes = sheet.filters.isEmpty ? [] : [["# " + sheet.filters.joined(separator: " · ")]]
        for row in [sheet.head] + sheet.rows.map({ $0.map(\.shown) }) + notes {
            out += row.map(cell).joined(separator: ";") + "\r\n"
        }
        return out
    }

    static func cell(_ text: String) -> String {
        var text = text
        let isNumber = text.unicodeScalars.dropFirst().allSatisfy {
            ("0"..."9").contains($0) || " ,.\u{A0}\u{202F}€%".unicodeScalars.contains($0)
        }
        // Scalars: a carriage return with a line feed is one character.
        if let first = text.unicodeScalars.first,
            "=+@\t\r\n\u{FF1D}\u{FF0B}\u{FF0D}\u{FF20}".unicodeScalars.contains(first) || (first == "-" && !isNumber)
        {
            text = "'" + text
        }
        guard text.unicodeScalars.contains(where: { ";\"\n\r".unicodeScalars.contains($0) }) else { return text }
        return "\"" + text.split(separator: "\"", omittingEmptySubsequences: false).joined(separator: "\"\"") + "\""
    }
}
