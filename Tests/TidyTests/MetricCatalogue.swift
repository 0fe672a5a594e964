import Foundation

/// The figures that the program can serve, read where they are written: `Reading("digitalbank_…", …, help: "…")` in Swift
/// that knows Monitoring, and `'digitalbank_…', …, '….'` in migrations that make a view `indicators`.
enum MetricCatalogue {
    static let page = "docs/reference/metrics.md"

    struct Entry: Equatable {
        /// Ends with `*` where SQL puts it together.
        let name: String
        let kind: String
        let place: String
        let help: String
    }

    private static let name = Pattern(#"^((?:digitalbank|process)_[a-z0-9_]+)$"#)
    private static let quoted = Pattern(#"'(digitalbank_[a-z0-9_]+)'"#)
    private static let sentence = Pattern(#"'([^'\n]*(?:''[^'\n]*)* [^'\n]*(?:''[^'\n]*)*\.)'"#)

    private static let branches = Pattern(#"(when '[^']*' then|else)$"#)

    static func entries(in files: [TextFile]) -> [Entry] {
        var seen: Set<String> = []
        return files.filter { $0.path.hasPrefix("Sources/") }.flatMap(entries)
            .sorted { ($0.name, $0.place) < ($1.name, $1.place) }.filter { seen.insert($0.name).inserted }
    }

    static func entries(in file: TextFile) -> [Entry] {
        if file.path.hasSuffix(".sql") { return file.text.contains("indicators") ? sql(file) : [] }
        guard
            file.target == "Monitoring" || Layers.imports(in: file.swift).contains(where: { $0.module == "Monitoring" })
        else { return [] }
        let literals = file.swift.literals
        return literals.indices.compactMap { index in
            guard name.matches(literals[index].text) else { return nil }
            let help = literals[(index + 1)...].first { $0.text.contains(" ") && $0.text.hasSuffix(".") }?.text ?? ""
            let name = literals[index].text
            let rest = file.swift.code.utf8.dropFirst(literals[index].start).prefix(400)
            let kind = name.hasSuffix("_total") ? "counter" : isHistogram(String(rest) ?? "") ? "histogram" : "gauge"
            return Entry(name: name, kind: kind, place: file.target ?? "", help: help)
        }
    }

    /// Its kind comes before the next figure begins.
    private static func isHistogram(_ code: String) -> Bool {
        guard let end = code.range(of: "kind: .")?.upperBound else { return false }
        return code[end...].hasPrefix("histogram") && !code[..<end].contains("Reading(")
    }

    private static func sql(_ file: TextFile) -> [Entry] {
        let helps = sentence.captures(in: file.text)
        let bytes = Array(file.text.utf8)
        /// What stands on the line before the offset: `when 'psi' then`.
        func lead(_ offset: Int) -> String {
            let start = bytes[..<offset].lastIndex(of: UInt8(ascii: "\n")).map { $0 + 1 } ?? 0
            return String(decoding: bytes[start..<offset], as: UTF8.self).trimmingCharacters(in: .whitespaces)
        }
        return quoted.captures(in: file.text).compactMap { name, offset in
            let before = lead(offset)
            // A name that something is compared with is no figure's.
            guard !before.hasSuffix("=") else { return nil }
            // A case of names is followed by a case of helps with the same branches.
            let branch = branches.captures(in: before).last?.group
            let help =
                helps.first {
                    $0.offset > offset && (branch == nil || lead($0.offset).hasSuffix(branch ?? ""))
                } ?? helps.first { $0.offset > offset }
            return Entry(
                name: name.hasSuffix("_") ? name + "*" : name, kind: name.hasSuffix("_total") ? "counter" : "gauge",
                place: file.target ?? "", help: help?.group.replacing("''", with: "'") ?? "")
        }
    }

    /// The page with its table written anew; what stands above the table stays.
    static func corrected(_ text: String, _ entries: [Entry]) -> String {
        let head = text.components(before: "| name | kind | from | what it is |")
        let rows = entries.map { "| `\($0.name)` | \($0.kind) | \($0.place) | \($0.help) |\n" }
        return head + "| name | kind | from | what it is |\n| --- | --- | --- | --- |\n" + rows.joined()
    }
}

extension String {
    fileprivate func components(before mark: String) -> String {
        range(of: mark).map { String(self[..<$0.lowerBound]) } ?? self
    }
}
