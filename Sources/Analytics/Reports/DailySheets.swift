internal import CXlsxWriter
internal import Foundation

/// The daily report as a workbook and as CSV.
enum DailySheets {
    /// Text that a spreadsheet program would run as a formula, made harmless.
    static func guarded(_ text: String) -> String {
        guard let first = text.unicodeScalars.first, "=+-@\t\r".unicodeScalars.contains(first) else { return text }
        return "'" + text
    }

    /// For Excel in French: UTF-8 with a mark, semicolons, decimal commas.
    static func csv(_ figures: DailyFigures, _ words: DailyWords = .french) -> String {
        var out = "\u{FEFF}" + row(["Section"] + heads(words))
        for section in figures.sections {
            for line in section.lines {
                out += row(
                    [words.heading(section.title), words.name(line.measure), line.measure.unit].map(guarded)
                        + [line.value, line.before, line.weekBefore].map(number))
            }
        }
        for table in figures.tables {
            for line in table.rows {
                out += row(
                    [words.heading(table.title), line.by.compactMap { $0 }.joined(separator: ", "), table.measure.unit]
                        .map(guarded)
                        + [number(line.value), "", ""])
            }
        }
        return out
    }

    private static func heads(_ words: DailyWords) -> [String] {
        [words.heads[0], words.language == "fr" ? "Unité" : "Unit", words.heads[1], words.heads[2], words.heads[4]]
    }

    private static func row(_ cells: [String]) -> String {
        cells.map { cell in
            cell.unicodeScalars.contains { ";\"\n\r".unicodeScalars.contains($0) }
                ? "\"" + cell.replacing("\"", with: "\"\"") + "\"" : cell
        }.joined(separator: ";") + "\r\n"
    }

    private static func number(_ value: String?) -> String { (value ?? "").replacing(".", with: ",") }

    /// Numbers are numbers; texts are texts, whatever they begin with.
    static func xlsx(_ figures: DailyFigures, _ words: DailyWords = .french) throws -> [UInt8] {
        let path = FileManager.default.temporaryDirectory.path + "/rapport-\(UInt64.random(in: .min ... .max)).xlsx"
        defer { try? FileManager.default.removeItem(atPath: path) }
        guard let book = workbook_new(path) else { throw AnalyticsError.file(path) }
        let head = workbook_add_format(book)
        format_set_bold(head)
        format_set_bottom(head, UInt8(LXW_BORDER_THIN.rawValue))
        let formats = Formats(book)
        try write(figures, words, book, head, formats, path)
        let detail = try sheet(book, words.detail, path)
        let columns =
            words.language == "fr"
            ? ["Tableau", "Libellé", "Mesure", "Valeur"] : ["Table", "Label", "Figure", "Value"]
        for (column, title) in columns.enumerated() {
            worksheet_write_string(detail, 0, UInt16(column), title, head)
        }
        var place: UInt32 = 1
        for table in figures.tables {
            for line in table.rows {
                worksheet_write_string(detail, place, 0, words.heading(table.title), nil)
                worksheet_write_string(detail, place, 1, line.by.compactMap { $0 }.joined(separator: ", "), nil)
                worksheet_write_string(detail, place, 2, words.name(table.measure), nil)
                cell(detail, place, 3, line.value, formats.of(table.measure.unit))
                place += 1
            }
        }
        worksheet_set_column(detail, 0, 2, 30, nil)
        worksheet_set_column(detail, 3, 3, 18, nil)
        worksheet_freeze_panes(detail, 1, 0)
        guard workbook_close(book) == LXW_NO_ERROR, let data = FileManager.default.contents(atPath: path) else {
            throw AnalyticsError.file(path)
        }
        return Array(data)
    }

    private static func write(
        _ figures: DailyFigures, _ words: DailyWords, _ book: UnsafeMutablePointer<lxw_workbook>,
        _ head: UnsafeMutablePointer<lxw_format>?, _ formats: Formats, _ path: String
    ) throws {
        let sheet = try sheet(book, words.language == "fr" ? "Rapport" : "Report", path)
        worksheet_write_string(sheet, 0, 0, words.title(words.day(figures.day)), head)
        let titles = ["Section"] + heads(words)
        for (column, title) in titles.enumerated() {
            worksheet_write_string(sheet, 2, UInt16(column), title, head)
        }
        var place: UInt32 = 3
        for section in figures.sections {
            for line in section.lines {
                worksheet_write_string(sheet, place, 0, words.heading(section.title), nil)
                worksheet_write_string(sheet, place, 1, words.name(line.measure), nil)
                worksheet_write_string(sheet, place, 2, line.measure.unit, nil)
                for (column, value) in [line.value, line.before, line.weekBefore].enumerated() {
                    cell(sheet, place, UInt16(column + 3), value, formats.of(line.measure.unit))
                }
                place += 1
            }
        }
        worksheet_set_column(sheet, 0, 1, 30, nil)
        worksheet_set_column(sheet, 3, 5, 18, nil)
        worksheet_freeze_panes(sheet, 3, 0)
        worksheet_set_landscape(sheet)
        worksheet_fit_to_pages(sheet, 1, 0)
    }

    private static func sheet(
        _ book: UnsafeMutablePointer<lxw_workbook>, _ name: String, _ path: String
    ) throws -> UnsafeMutablePointer<lxw_worksheet> {
        guard let sheet = workbook_add_worksheet(book, name) else { throw AnalyticsError.file(path) }
        return sheet
    }

    private static func cell(
        _ sheet: UnsafeMutablePointer<lxw_worksheet>, _ row: UInt32, _ column: UInt16, _ value: String?,
        _ format: UnsafeMutablePointer<lxw_format>?
    ) {
        guard let number = value.flatMap(Double.init), number.isFinite else {
            worksheet_write_string(sheet, row, column, "–", nil)
            return
        }
        worksheet_write_number(sheet, row, column, number, format)
    }

    /// One format for each kind of number.
    private struct Formats {
        private let amount: UnsafeMutablePointer<lxw_format>?
        private let share: UnsafeMutablePointer<lxw_format>?
        private let count: UnsafeMutablePointer<lxw_format>?

        init(_ book: UnsafeMutablePointer<lxw_workbook>) {
            amount = workbook_add_format(book)
            format_set_num_format(amount, "#,##0.00 \"€\"")
            share = workbook_add_format(book)
            format_set_num_format(share, "0.00 %")
            count = workbook_add_format(book)
            format_set_num_format(count, "#,##0.##")
        }

        func of(_ unit: String) -> UnsafeMutablePointer<lxw_format>? {
            unit == "EUR" ? amount : unit == "ratio" ? share : count
        }
    }
}
