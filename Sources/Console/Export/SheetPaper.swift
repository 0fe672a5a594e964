internal import Charts
internal import Foundation

/// A sheet as a page of paper: HTML for the typesetter.
enum SheetPaper {
    static func html(_ sheet: Sheet, bank: String, made: String) -> String {
        var out = """
            <!doctype html><html lang="\(sheet.language.rawValue)"><meta charset="utf-8"><title>\(escape(sheet.title))</title><style>
            @page{size:A4 landscape;margin:14mm 12mm 16mm;@bottom-right{content:counter(page) " / " counter(pages);font:8pt sans-serif;color:#566475}@bottom-left{content:"\(css(bank + " · " + made))";font:8pt sans-serif;color:#566475}}
            body{font:9.5pt/1.4 Inter,"Segoe UI","Noto Sans","DejaVu Sans",sans-serif;color:#16202c;margin:0}
            header{border-bottom:2px solid #0b3b4a;padding-bottom:6pt;margin-bottom:10pt}h1{font-size:16pt;margin:0;color:#0b3b4a}
            .filters{color:#566475;margin:2pt 0 0}img{display:block;max-width:100%;max-height:110mm;margin:0 auto 10pt}
            table{border-collapse:collapse;width:100%}thead{display:table-header-group}th{text-align:left;font-size:8.5pt;color:#566475;border-bottom:1px solid #0b3b4a;padding:3pt 6pt}
            td{border-bottom:.5pt solid #d9dfe6;padding:3pt 6pt;overflow-wrap:anywhere}tr{break-inside:avoid}.n{text-align:right;white-space:nowrap}
            </style><header><h1>\(escape(sheet.title))</h1><p class="filters">\(escape(sheet.filters.joined(separator: " · ")))</p></header>
            """
        if let picture = sheet.picture {
            out += "<img alt=\"\" src=\"data:image/svg+xml;base64,\(Data(picture.utf8).base64EncodedString())\">"
        }
        let numbers = Set(
            sheet.head.indices.filter { column in
                sheet.rows.contains {
                    if $0.indices.contains(column), case .number = $0[column] { true } else { false }
                }
            })
        out += "<table><thead><tr>"
        for (column, text) in sheet.head.enumerated() {
            out += "<th\(numbers.contains(column) ? " class=\"n\"" : "")>\(escape(text))</th>"
        }
        out += "</tr></thead><tbody>"
        for row in sheet.rows {
            out += "<tr>"
            for (column, cell) in row.enumerated() {
                out += "<td\(numbers.contains(column) ? " class=\"n\"" : "")>\(escape(cell.shown))</td>"
            }
            out += "</tr>"
        }
        return out + "</tbody></table></html>"
    }

    private static func escape(_ text: String) -> String {
        text.replacing("&", with: "&amp;").replacing("<", with: "&lt;").replacing(">", with: "&gt;")
            .replacing("\"", with: "&quot;")
    }

    /// Inside a string of a style sheet: no quote, no backslash, no end of the style.
    private static func css(_ text: String) -> String { text.filter { !"\"\\<>\n\r".contains($0) } }
}
