import Foundation

/// The rules about documents, migrations and the tree as a whole. `exists` answers for a path from the top.
enum DocumentRules {
    private static let tops = [
        "Sources", "Tests", "Benchmarks", "docs", "scripts", "deploy", "rules", ".ci", "Makefile", "Package.swift",
    ]

    /// Every path in backquotes is there. `NNNN`, `<Target>`, `*` and `…` stand for several and are passed over.
    static func missingPaths(in file: TextFile, exists: (String) -> Bool) -> [Violation] {
        file.lines.enumerated().flatMap { index, line in
            quoted(in: line).filter { word in
                let isPath = tops.contains { word == $0 || word.hasPrefix($0 + "/") }
                let isPattern = word.contains { "<>*…{}$ ".contains($0) } || word.contains("NNNN")
                return isPath && !isPattern && !exists(word)
            }.map { Violation(path: file.path, line: index + 1, words: "names \($0), which is not there") }
        }
    }

    /// Every relative link of a Markdown file leads to a file.
    static func brokenLinks(in file: TextFile, exists: (String) -> Bool) -> [Violation] {
        guard file.path.hasSuffix(".md") else { return [] }
        let folder = file.path.split(separator: "/").dropLast().joined(separator: "/")
        return file.lines.enumerated().flatMap { index, line in
            links(in: line).filter { target in
                guard !target.contains(":"), !target.hasPrefix("#") else { return false }
                let path = target.split(separator: "#")[0]
                return !exists(folder.isEmpty ? String(path) : folder + "/" + path)
            }.map { Violation(path: file.path, line: index + 1, words: "links to \($0), which is not there") }
        }
    }

    /// The migrations of each target are numbered 1, 2, 3, …; a number is never used twice.
    static func migrationNumbers(_ paths: [String]) -> [Violation] {
        let files = paths.filter { $0.hasPrefix("Sources/") && $0.contains("/Migrations/") && $0.hasSuffix(".sql") }
        let folders = Dictionary(grouping: files) { $0.split(separator: "/").dropLast().joined(separator: "/") }
        return folders.sorted { $0.key < $1.key }.flatMap { folder, files in
            files.sorted().enumerated().compactMap { index, path in
                let name = path.split(separator: "/").last ?? ""
                guard Int(name.prefix(4)) != index + 1 || !Rules.matches(name, #"^\d{4}_[a-z0-9_]+\.sql$"#) else {
                    return nil
                }
                return Violation(path: path, line: 1, words: "expected NNNN_what.sql with number \(index + 1)")
            }
        }
    }

    /// Each of `words` stands in the document; it is asked of settings and error codes.
    static func undocumented(_ words: Set<String>, in document: TextFile) -> [Violation] {
        words.sorted().filter { !document.text.contains("`\($0)`") }.map {
            Violation(path: document.path, line: 1, words: "does not name `\($0)`")
        }
    }

    /// The settings of the environment that our programs, tests and scripts read.
    static func settings(in file: TextFile) -> Set<String> {
        guard !file.path.hasSuffix(".md"), !file.path.hasPrefix("Tests/TidyTests/") else { return [] }
        return captures(#"\b(DIGITALBANK_[A-Z_]+)\b"#, in: file.text)
    }

    static func captures(_ pattern: String, in text: String) -> Set<String> {
        guard let expression = try? NSRegularExpression(pattern: pattern) else { return [] }
        let whole = NSRange(text.startIndex..., in: text)
        return Set(
            expression.matches(in: text, range: whole).compactMap { match in
                Range(match.range(at: 1), in: text).map { String(text[$0]) }
            })
    }

    private static func quoted(in line: Substring) -> [String] {
        let parts = line.split(separator: "`", omittingEmptySubsequences: false)
        return parts.indices.filter { $0 % 2 == 1 && $0 < parts.count - 1 }.map { String(parts[$0]) }
    }

    private static func links(in line: Substring) -> Set<String> { captures(#"\]\(([^)\s]+)\)"#, in: String(line)) }
}
