internal import Foundation
internal import Yams

/// The lines beside each rule that it must find, and those that it must leave.
public enum SigmaRuleTests {
    public struct Outcome: Sendable {
        public var rules = 0
        public var lines = 0
        public var failures: [String] = []
    }

    /// `NAME.yml` has its lines in `NAME.test.yml`: `match` and `leave` are lists of raw lines; of a correlation, `match`
    /// holds lists of lines that together raise it.
    public static func run(_ folder: String) throws(DetectionError) -> Outcome {
        var outcome = Outcome()
        let files = SigmaEngine.files(folder)
        guard !files.isEmpty else { throw .unreadable(folder, "it holds no rule") }
        for path in files {
            guard let text = try? String(contentsOfFile: path, encoding: .utf8) else {
                throw .unreadable(path, "it is no UTF-8 text")
            }
            let parsed = try SigmaParser(place: path).parse(text)
            outcome.rules += parsed.rules.count + parsed.correlations.count
            let beside = path.replacing(/\.ya?ml$/, with: "") + ".test.yml"
            guard let lines = try? String(contentsOfFile: beside, encoding: .utf8),
                let node = try? Yams.compose(yaml: lines)
            else {
                outcome.failures.append("\(path): no test lines beside it (\((beside as NSString).lastPathComponent))")
                continue
            }
            try check(node, parsed, path, &outcome)
        }
        return outcome
    }

    private static func check(
        _ node: Node, _ parsed: SigmaParser.Parsed, _ path: String, _ outcome: inout Outcome
    ) throws(DetectionError) {
        let matches = cases(node["match"])
        let leaves = cases(node["leave"])
        if matches.isEmpty { outcome.failures.append("\(path): no line that it must find") }
        if leaves.isEmpty { outcome.failures.append("\(path): no line that it must leave") }
        for (expected, all) in [(true, matches), (false, leaves)] {
            for lines in all {
                outcome.lines += lines.count
                let raised = try raises(lines, parsed)
                if raised != expected {
                    outcome.failures.append(
                        "\(path): \(expected ? "does not find" : "finds") \(lines.last?.prefix(160) ?? "")")
                }
            }
        }
    }

    private static func cases(_ node: Node?) -> [[String]] {
        node?.array().map { item in item.string.map { [$0] } ?? item.array().compactMap(\.string) } ?? []
    }

    private static func raises(_ lines: [String], _ parsed: SigmaParser.Parsed) throws(DetectionError) -> Bool {
        let sink = FindingSink()
        let engine = try SigmaEngine(parsed, sink)
        let reader = LogReader(ReadingOptions(), year: 2026)
        for (index, line) in lines.enumerated() {
            var line = line
            line.withUTF8 { text in
                _ = reader.read(Bytes(UnsafeRawBufferPointer(text))) { event in
                    WebLogin.classify(&event)
                    engine.take(event, LinePlace(file: 0, number: Int64(index + 1), offset: 0))
                }
            }
        }
        return sink.raised > 0
    }
}
