import Foundation
import PostgresServer

/// Precision, recall and F1 by class, on labelled logs of the project's own and on public ones where they are.
struct DetectionScores: Benchmark {
    let name = "detection-scores"
    let title = "Detection: recall by class on labelled logs"
    let explanation = """
        `digitalbank logs measure`: 2,400 attacks on the web in seventeen classes among 2,400 ordinary requests, sshd's lines
        of 400 addresses, 2,400 statements of PostgreSQL, simulated attacks of several stages, and the public sets of
        `../shared/data/logs` where they are. The value is the F1 (the share that was left alone where all are ordinary);
        recall stands beside it as the ratio.
        """

    func rounds(_ context: Context) -> String { "one run" }

    private struct Answer: Decodable {
        struct Row: Decodable {
            let set: String
            let `class`: String
            let attacks: Int
            let found: Int
            let ordinary: Int
            let wrong: Int
        }

        let rows: [Row]
    }

    func run(_ context: Context) async throws -> [Row] {
        let sets = "../../shared/data/logs"
        let hasSets = FileManager.default.fileExists(atPath: sets)
        let run = try await ToolRun.run(
            context.program, ["logs", "measure", "--json"] + (hasSets ? ["--public-sets", sets] : []))
        guard run.status == 0 || run.status == 1 else {
            throw BenchmarkError(description: "logs measure failed: \(run.errorText)")
        }
        let answer = try JSONDecoder().decode(Answer.self, from: Data(run.outputText.utf8))
        return answer.rows.map { row in
            let recall = row.attacks == 0 ? 1 : Double(row.found) / Double(row.attacks)
            let precision = row.found + row.wrong == 0 ? 1 : Double(row.found) / Double(row.found + row.wrong)
            let score = precision + recall == 0 ? 0 : 2 * precision * recall / (precision + recall)
            let left = row.ordinary == 0 ? 1 : 1 - Double(row.wrong) / Double(row.ordinary)
            let name = row.class == "*" ? "\(row.set), all" : "\(row.set), \(row.class)"
            var made = Row(
                what: name, values: [(row.attacks == 0 ? left : score) * 100],
                unit: "% of \(row.attacks + row.ordinary)",
                ratios: row.attacks == 0 ? [] : [recall])
            if row.class == "*", row.attacks > 0 { made.bar = .atLeast(row.set == "web" ? 0.95 : 0.97) }
            if row.wrong * 1_000 > row.ordinary * 2 { made.failure = "\(row.wrong) of \(row.ordinary) ordinary ones" }
            return made
        }
    }
}
