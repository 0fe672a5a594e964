/// The errors that the sources can throw, read where they are written: `code: "…", message: "…", hint: "…"`.
enum ErrorCatalogue {
    struct Entry: Equatable {
        let code: String
        let target: String
        let message: String
        let hint: String
    }

    private static let code = Pattern(#"\bcode: "([a-z0-9_]+)""#)
    /// How far behind its code a message or a hint may stand.
    private static let reach = 900

    static func entries(in files: [TextFile]) -> [Entry] {
        let all = files.filter { $0.isSwift && $0.path.hasPrefix("Sources/") }.flatMap(entries)
        var seen: Set<String> = []
        return all.sorted { ($0.code, $0.target) < ($1.code, $1.target) }.filter { seen.insert($0.code).inserted }
    }

    static func entries(in file: TextFile) -> [Entry] {
        let source = Array(file.swift.code.utf8)
        return code.captures(in: file.text).map { code, offset in
            Entry(
                code: code, target: file.target ?? "",
                message: literal(after: "message:", from: offset, source, file.swift.literals),
                hint: literal(after: "hint:", from: offset, source, file.swift.literals))
        }
    }

    /// The page of the reference.
    static func page(_ entries: [Entry]) -> String {
        let rows = entries.map { entry in
            "| `\(entry.code)` | \(entry.target) | \(cell(entry.message)) | \(cell(entry.hint)) |\n"
        }
        return """
            # Errors

            Every error is one sentence and a hint. The code is stable; the words may change. `…` stands for the value.
            Errors of PostgreSQL itself are `postgres_<SQLSTATE>`, those of the connection `postgres_<kind>`.

            This page is written by `make docs` from the sources.

            | code | from | what happened | what to do |
            | --- | --- | --- | --- |

            """ + rows.joined()
    }

    private static func cell(_ text: String) -> String {
        text.replacing("\\n", with: " ").replacing("\n", with: " ").replacing("|", with: "\\|").replacing(
            "\\\"", with: "\"")
    }

    /// The text that follows `label` directly; empty when it is an expression.
    private static func literal(
        after label: String, from offset: Int, _ source: [UInt8], _ literals: [SwiftText.Piece]
    ) -> String {
        let label = Array(label.utf8)
        let end = min(offset + reach, source.count - label.count)
        guard offset < end,
            let place = (offset..<end).first(where: { source[$0..<$0 + label.count] == label[...] }),
            let next = literals.filter({ $0.start > place }).min(by: { $0.start < $1.start }),
            source[place + label.count..<next.start].allSatisfy({ $0 <= UInt8(ascii: " ") })
        else { return "" }
        return next.text
    }
}
