internal import CXlsxWriter
internal import Foundation

/// A sheet as a workbook. Texts are texts whatever they begin with: nothing in it is a formula.
enum Workbook {
    static func xlsx(_ sheet: Sheet) throws -> [UInt8] {
        let path = FileManager.default.temporaryDirectory.path + "/feuille-\(UInt64.random(in: .min ... .max)).xlsx"
        defer { try? FileManager.default.removeItem(atPath: path) }
        guard let book = workbook_new(path), let page = workbook_add_worksheet(book, name(sheet.title)) else {
            throw ConsoleError.resource(path, "no workbook can be made there")
        }
        let title = workbook_add_format(book)
        format_set_bold(title)
        format_set_font_size(title, 14)
        let head = workbook_add_format(book)
        format_set_bold(head)
        format_set_bottom(head, UInt8(LXW_BORDER_THIN.rawValue))
        format_set_text_wrap(head)
        worksheet_write_string(page, 0, 0, sheet.title, title)
        worksheet_write_string(page, 1, 0, sheet.filters.joined(separator: " · "), nil)
        for (column, text) in sheet.head.enumerated() {
            worksheet_write_string(page, 3, UInt16(clamping: column), text, head)
        }
        var forms: [String: UnsafeMutablePointer<lxw_format>] = [:]
        for (index, row) in sheet.rows.enumerated() {
            for (column, cell) in row.enumerated() {
                let (line, place) = (UInt32(clamping: index + 4), UInt16(clamping: column))
                switch cell {
                case .text(let text): worksheet_write_string(page, line, place, String(text.prefix(32_000)), nil)
                case .number(let value, _, let form):
                    if forms[form] == nil, let made = workbook_add_format(book) {
                        format_set_num_format(made, form)
                        forms[form] = made
                    }
                    worksheet_write_number(page, line, place, value, forms[form])
                }
            }
        }
        for column in sheet.head.indices {
            let longest = sheet.rows.prefix(500).map { $0.indices.contains(column) ? $0[column].shown.count : 0 }.max()
            let width = Double(min(max(longest ?? 0, sheet.head[column].count, 8) + 2, 60))
            worksheet_set_column(page, UInt16(clamping: column), UInt16(clamping: column), width, nil)
        }
        worksheet_freeze_panes(page, 4, 0)
        if !sheet.rows.isEmpty, !sheet.head.isEmpty {
            worksheet_autofilter(
                page, 3, 0, UInt32(clamping: sheet.rows.count + 3), UInt16(clamping: sheet.head.count - 1))
        }
        worksheet_set_landscape(page)
        worksheet_fit_to_pages(page, 1, 0)
        guard workbook_close(book) == LXW_NO_ERROR, let data = FileManager.default.contents(atPath: path) else {
            throw ConsoleError.resource(path, "the workbook can not be written")
        }
        return Array(data)
    }

    /// A sheet's name has 31 characters at most and none of `[]:*?/\`.
    private static func name(_ title: String) -> String {
        let plain = title.filter { !"[]:*?/\\'".contains($0) }.prefix(31)
        return plain.isEmpty ? "Feuille" : String(plain)
    }
}
