/// The table of docs/reference/rest.md counts its own cases: each part of a test file behind `// group: name` belongs to
/// that row, up to the next such line or the end of the file.
///
/// A case is a request that a test writes down (a text that begins with a slash); in a part without any it is a test.
enum Conformance {
    static let page = "docs/reference/rest.md"
    private static let tag = Pattern(#"^\s*// group: ([a-z ]+)$"#)
    private static let request = Pattern(#"("/)"#)
    private static let test = Pattern(#"(@Test)\b"#)
    private static let row = Pattern(#"^\| ([a-z ]+) \|.*\| +\d+ \|"#)
    private static let number = Pattern(#"\| +(\d+) \|"#)

    static func counts(in files: [TextFile]) -> [String: Int] {
        var counts: [String: Int] = [:]
        for file in files where file.isSwift && file.path.hasPrefix("Tests/") && file.target != "TidyTests" {
            var group: String?
            var requests = 0
            var tests = 0
            func close() {
                if let group { counts[group, default: 0] += requests > 0 ? requests : tests }
                (requests, tests) = (0, 0)
            }
            for line in file.lines.map(String.init) {
                if let found = tag.captures(in: line).first?.group {
                    close()
                    group = found
                } else {
                    requests += request.captures(in: line).count
                    tests += test.captures(in: line).count
                }
            }
            close()
        }
        return counts
    }

    /// The figures that the table gives, by group.
    static func figures(in text: String) -> [String: Int] {
        var figures: [String: Int] = [:]
        for line in text.split(separator: "\n").map(String.init) {
            guard let group = row.captures(in: line).first?.group,
                let figure = number.captures(in: line).first.flatMap({ Int($0.group) })
            else { continue }
            figures[group] = figure
        }
        return figures
    }

    /// The page with the figures as they are.
    static func corrected(_ text: String, _ counts: [String: Int]) -> String {
        text.split(separator: "\n", omittingEmptySubsequences: false).map { line in
            guard let group = row.captures(in: String(line)).first?.group, let count = counts[group],
                let figure = number.captures(in: String(line)).first?.group
            else { return String(line) }
            return String(line).replacing("| \(figure) |", with: "| \(count) |", maxReplacements: 1)
        }.joined(separator: "\n")
    }
}
