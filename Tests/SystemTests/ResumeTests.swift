import Foundation
import TestSupport
import Testing

/// A recovery may die at any moment.
@Suite(.serialized) struct ResumeTests {
    @Test func `a recovery killed at random moments and resumed gives what an undisturbed one gives`() async throws {
        let bank = try await SmallBank.files()
        try await withTemporaryDirectory { folder in
            let whole = folder + "/whole"
            let first = try await recover(bank, whole)
            #expect(first.status == 3, "\(first.error)")
            let expected = try await RestoredState.read(dataDirectory: whole)
            #expect(expected.tables.count > 8)
            let moments = try Moments(dataDirectory: whole)
            var generator = SystemRandomNumberGenerator()
            let rounds = isLongRun ? 20 : 3
            var deaths = 0
            // On a machine whose pace changes a recovery may have ended before its moment came: further rounds make up for it.
            for round in 1...(rounds * 3) where round <= rounds || deaths * 2 < rounds {
                let data = folder + "/round-\(round)"
                try sameKeys(from: whole, to: data)
                let moment = moments.draw(using: &generator)
                let died = try await Program.killed(arguments(bank, data), at: moment, of: data)
                deaths += died ? 1 : 0
                // Half the rounds die a second time, while resuming.
                if Bool.random(using: &generator),
                    FileManager.default.fileExists(atPath: data + "/recovery/options.json")
                {
                    let again = Moment(after: nil, delay: .milliseconds(Int.random(in: 20...3000, using: &generator)))
                    let resumed = ["recover", "resume", "--data-dir", data]
                    if try await Program.killed(resumed, at: again, of: data) { deaths += 1 }
                }
                let run = try await finish(bank, data)
                #expect(run.status == 3, "round \(round), killed \(moment): \(run.error)")
                #expect(
                    try await RestoredState.read(dataDirectory: data) == expected, "round \(round), killed \(moment)")
                #expect(try stagesOf(data) == stagesOf(whole), "round \(round): a stage ran twice")
                print("round \(round): killed \(moment), \(died ? "died" : "had ended")")
                _ = try await Program.run("down", "--data-dir", data)
                try FileManager.default.removeItem(atPath: data)
            }
            #expect(deaths * 2 >= rounds, "only \(deaths) deaths in \(rounds) rounds prove nothing")
            _ = try await Program.run("down", "--data-dir", whole)
        }
    }

    @Test func `a finished recovery is not begun again unasked, and another one keeps out`() async throws {
        let bank = try await SmallBank.files()
        try await withTemporaryDirectory { folder in
            let data = folder + "/data"
            #expect(try await recover(bank, data).status == 3)
            let again = try await recover(bank, data)
            #expect(again.status == 8, "\(again.error)")
            #expect(again.error.contains("--restart"), "\(again.error)")
            let verified = try await Program.run("evidence", "verify", data + "/report/report.json")
            #expect(verified.status == 0, "\(verified.output)\(verified.error)")
            let journal = try await Program.run("evidence", "verify", data + "/recovery/journal.jsonl")
            #expect(journal.status == 0, "\(journal.output)\(journal.error)")
            try await proveJournal(data)
            try falsify(data + "/report/report.json")
            #expect(try await Program.run("evidence", "verify", data + "/report/report.json").status == 1)
            let down = try await Program.run("down", "--data-dir", data)
            #expect(down.status == 0 && down.output.contains("stopped"), "\(down.output)")
            let refused = try await Program.run("clean-data", "--data-dir", data)
            #expect(refused.status == 1 && FileManager.default.fileExists(atPath: data))
            let removed = try await Program.run("clean-data", "--data-dir", data, "--yes")
            #expect(removed.status == 0 && !FileManager.default.fileExists(atPath: data), "\(removed.error)")
        }
    }

    /// The restored bank's journal begins with its origin, sealed, and its head stands outside the database.
    private func proveJournal(_ data: String) async throws {
        let export = data + "/journal-export.jsonl"
        let written = try await Program.run("evidence", "export", export, "--data-dir", data)
        #expect(written.status == 0, "\(written.error)")
        let proof = try await Program.run("evidence", "verify", export, "--head", data + "/evidence-heads.jsonl")
        #expect(proof.status == 0, "\(proof.output)\(proof.error)")
        let text = try String(contentsOfFile: export, encoding: .utf8)
        #expect(text.contains("bank.recovered") && text.contains("\"blocks\":1"), "\(text)")
    }

    private func falsify(_ path: String) throws {
        var bytes = try Data(contentsOf: URL(fileURLWithPath: path))
        bytes[bytes.count / 2] ^= 1
        try bytes.write(to: URL(fileURLWithPath: path))
    }

    private func arguments(_ bank: SmallBank.Files, _ data: String) -> [String] {
        [
            "recover", bank.dump, "--data-dir", data, "--legacy-key-file", bank.key, "--baseline", bank.baseline,
            "--yes", "--no-pdf",
        ]
    }

    private func recover(_ bank: SmallBank.Files, _ data: String) async throws -> Program.Result {
        let run = try await Program.run(
            "recover", bank.dump, "--data-dir", data, "--legacy-key-file", bank.key, "--baseline", bank.baseline,
            "--yes", "--no-pdf")
        return run
    }

    /// Resumes; a run that died before it had written what it was asked for is begun again.
    private func finish(_ bank: SmallBank.Files, _ data: String) async throws -> Program.Result {
        guard FileManager.default.fileExists(atPath: data + "/recovery/options.json") else {
            return try await recover(bank, data)
        }
        return try await Program.run("recover", "resume", "--data-dir", data)
    }

    /// The same keys give the same pseudonyms and ids, so that two restored banks can be compared.
    private func sameKeys(from whole: String, to data: String) throws {
        try FileManager.default.createDirectory(atPath: data, withIntermediateDirectories: true)
        try FileManager.default.copyItem(atPath: whole + "/keys", toPath: data + "/keys")
    }

    private func stagesOf(_ data: String) throws -> [String] {
        let text = try String(contentsOfFile: data + "/recovery/journal.jsonl", encoding: .utf8)
        return try text.split(separator: "\n").compactMap { line in
            let entry = try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any]
            guard entry?["kind"] as? String == "recovery.stage.finished" else { return nil }
            return entry?["subject"] as? String
        }
    }
}
