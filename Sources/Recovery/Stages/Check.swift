internal import Diagnostics
internal import Foundation
internal import Postgres
internal import PostgresServer

extension RecoveryEngine {
    /// Asks the restored bank itself whether it is sound.
    func check(_ target: Database, _ place: RebuildTarget) async throws -> [CheckResult] {
        let counts: [(String, Statement)] = [
            ("balances equal their postings", RebuildStore.balancesDiffer),
            ("the ledger proves itself", RebuildStore.ledgerFaults),
            ("every constraint is validated", RebuildStore.invalidConstraints),
            ("every index is valid", RebuildStore.invalidIndexes),
            ("every table has row level security", RebuildStore.tablesWithoutRowSecurity),
            ("definer functions pin their search path", RebuildStore.foreignOwners),
            ("no event trigger", RebuildStore.eventTriggers),
        ]
        var results: [CheckResult] = []
        for (name, statement) in counts {
            results.append(
                try await timed(name) {
                    let count = try await target.one(statement, as: Int64.self)
                    return (count == 0, count == 0 ? "none against it" : "\(count) against it")
                })
        }
        results.append(
            try await timed("the trial balance is zero") {
                let sum = try await target.one(RebuildStore.trialBalance, as: Int64.self)
                return (sum == 0, "\(sum) minor units")
            })
        if place.cluster != nil { results.append(try await amcheck(place)) }
        return results
    }

    /// Every B-tree and heap page, and every heap row in its index, by PostgreSQL's own verifier.
    private func amcheck(_ place: RebuildTarget) async throws -> CheckResult {
        try await timed("amcheck of tables and indexes") {
            let run = try await ToolRun.run(
                binaries.path(of: "pg_amcheck"),
                [
                    "--install-missing", "--jobs=2", "--heapallindexed", "--no-password",
                    place.configuration.connectionString,
                ], environment: ["PGPASSWORD": place.configuration.password ?? ""])
            let words = (run.outputText + run.errorText).trimmingCharacters(in: .whitespacesAndNewlines)
            return (run.status == 0, run.status == 0 ? "no corruption" : String(words.prefix(500)))
        }
    }

    private func timed(_ name: String, _ work: () async throws -> (Bool, String)) async throws -> CheckResult {
        progress(ProgressUpdate(stage: Stage.rebuild.rawValue, subject: name, done: 0, total: nil, unit: "checks"))
        let start = ContinuousClock.now
        let (passed, detail) = try await work()
        return CheckResult(
            name: name, passed: passed, detail: detail, seconds: (ContinuousClock.now - start) / .seconds(1))
    }
}
