internal import Foundation

/// A table as CSV for spreadsheets in French: a mark of UTF-8, semicolons, and no cell that a spreadsheet would compute.
public struct CSVTable: Sendable {
    public private(set) var text = "\u{FEFF}"

    public init(_ header: [String]) { add(header) }

    public mutating func add(_ cells: [String]) {
        text += cells.map(Self.cell).joined(separator: ";") + "\r\n"
    }

    static func cell(_ value: String) -> String {
        let isFormula = value.first.map { "=+-@\t\r".contains($0) } ?? false
        let isNumber = value.utf8.allSatisfy { ($0 >= 48 && $0 <= 57) || [43, 44, 45, 46].contains($0) }
        let safe = isFormula && !isNumber ? "'" + value : value
        guard safe.utf8.contains(where: { [59, 34, 10, 13].contains($0) }) else { return safe }
        return "\"" + safe.replacing("\"", with: "\"\"") + "\""
    }
}

/// A page for people, also the source of a PDF. Everything that goes in is escaped.
public struct HTMLPage: Sendable {
    private var body = ""
    private let title: String
    private let language: String

    public init(title: String, language: String) {
        self.title = title
        self.language = language
    }

    public static func escaped(_ text: String) -> String {
        text.replacing("&", with: "&amp;").replacing("<", with: "&lt;").replacing(">", with: "&gt;")
            .replacing("\"", with: "&quot;")
    }

    public mutating func heading(_ words: String) { body += "<h2>\(Self.escaped(words))</h2>\n" }

    public mutating func paragraph(_ words: String) { body += "<p>\(Self.escaped(words))</p>\n" }

    public mutating func table(_ header: [String], _ rows: [[String]]) {
        guard !rows.isEmpty else { return }
        body +=
            "<table><thead><tr>"
            + header.map { "<th scope=\"col\">\(Self.escaped($0))</th>" }.joined() + "</tr></thead><tbody>\n"
        for row in rows { body += "<tr>" + row.map { "<td>\(Self.escaped($0))</td>" }.joined() + "</tr>\n" }
        body += "</tbody></table>\n"
    }

    public var text: String {
        """
        <!doctype html><html lang="\(language)"><head><meta charset="utf-8"><title>\(Self.escaped(title))</title><style>
        body{font:10pt/1.4 sans-serif;max-width:60em;margin:2em auto;color:#111}h1{font-size:18pt}h2{font-size:13pt}
        table{border-collapse:collapse;width:100%;margin:1em 0}th,td{border:1px solid #999;padding:.25em .4em;
        text-align:left;vertical-align:top;font-size:8.5pt;overflow-wrap:anywhere}th{background:#eee}
        @page{size:A4;margin:15mm;@bottom-right{content:counter(page) "/" counter(pages)}}
        </style></head><body><h1>\(Self.escaped(title))</h1>
        \(body)</body></html>
        """
    }
}
