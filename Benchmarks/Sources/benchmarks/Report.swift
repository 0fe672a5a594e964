import Foundation

/// The sections of docs/benchmarks.md: one a benchmark, each replaced by its own next run.
struct Report {
    let path: String

    func update(_ benchmark: any Benchmark, _ rows: [Row], _ context: Context) throws {
        var text = (try? String(contentsOfFile: path, encoding: .utf8)) ?? Self.head
        let begin = "<!-- begin \(benchmark.name) -->"
        let end = "<!-- end \(benchmark.name) -->"
        let section = begin + "\n" + Self.section(benchmark, rows, context) + end
        if let start = text.range(of: begin), let stop = text.range(of: end, range: start.upperBound..<text.endIndex) {
            text.replaceSubrange(start.lowerBound..<stop.upperBound, with: section)
        } else {
            text += "\n" + section + "\n"
        }
        try Data(text.utf8).write(to: URL(filePath: path), options: .atomic)
    }

    private static let head = """
        # Benchmarks

        `make bench` runs these on a throw-away cluster with fsync and synchronous_commit on, in turns with the yardstick, and
        writes what it measured. The ratio is the median of the rounds' ratios; in brackets the lowest and the highest. The
        absolute figures say more about the machine and what else ran on it.

        """

    static func section(_ benchmark: any Benchmark, _ rows: [Row], _ context: Context) -> String {
        let stamp = ISO8601DateFormatter().string(from: Date()).prefix(10)
        var text = """
            ## \(benchmark.title)

            \(benchmark.explanation)

            | what | median | ratio | bar | met |
            | --- | --- | --- | --- | --- |

            """
        for row in rows { text += "| " + cells(row).joined(separator: " | ") + " |\n" }
        return text + """

            Measured on \(stamp): \(benchmark.rounds(context)), \
            \(ProcessInfo.processInfo.activeProcessorCount) cores, load \(load()) at the end.

            """
    }

    static func cells(_ row: Row) -> [String] {
        var ratio = ""
        if let median = row.ratios.median, let least = row.ratios.min(), let most = row.ratios.max() {
            ratio = String(format: "%.2f (%.2f to %.2f)", median, least, most)
        }
        let bar =
            switch row.bar {
            case .atLeast(let least): "≥ \(least)"
            case .atMost(let most): "≤ \(most)"
            case nil: ""
            }
        let met = (row.isMet.map { $0 ? "yes" : "no" } ?? "") + (row.failure.map { ": " + $0 } ?? "")
        let digits = (row.values.median ?? 0) < 100 ? 1 : 0
        return [row.what, String(format: "%.*f %@", digits, row.values.median ?? 0, row.unit), ratio, bar, met]
    }

    private static func load() -> String {
        let text = (try? String(contentsOfFile: "/proc/loadavg", encoding: .utf8)) ?? ""
        return String(text.split(separator: " ").first ?? "unknown")
    }
}
