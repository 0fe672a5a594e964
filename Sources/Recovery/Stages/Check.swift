internal import Diagnostics
internal import Foundation
internal import Postgres
internal import PostgresServer

extension RecoveryEngine {
    /// Asks the restored bank itself whether it is sound.
    func check(_ target: Database) async throws -> [CheckResult] {
        let counts: [(BilingualText, Statement)] = [
            (
                BilingualText(fr: "les soldes égalent leurs écritures", en: "balances equal their postings"),
                RebuildStore.balancesDiffer
            ),
            (
                BilingualText(fr: "le grand livre se prouve lui-même", en: "the ledger proves itself"),
                RebuildStore.ledgerFaults
            ),
            (
                BilingualText(fr: "chaque contrainte est validée", en: "every constraint is validated"),
                RebuildStore.invalidConstraints
            ),
            (
                BilingualText(fr: "chaque index est valide", en: "every index is valid"),
                RebuildStore.invalidIndexes
            ),
            (
                BilingualText(fr: "chaque table filtre ses lignes (RLS)", en: "every table has row level security"),
                RebuildStore.tablesWithoutRowSecurity
            ),
            (
                BilingualText(
                    fr: "les fonctions à droits du propriétaire fixent leur search_path",
                    en: "definer functions pin their search path"),
                RebuildStore.foreignOwners
            ),
            (
                BilingualText(fr: "aucun déclencheur d’événement", en: "no event trigger"),
                RebuildStore.eventTriggers
            ),
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
            try await timed(BilingualText(fr: "la balance générale est nulle", en: "the trial balance is zero")) {
                let sum = try await target.one(RebuildStore.trialBalance, as: Int64.self)
                return (sum == 0, "\(sum) minor units")
            })
        return results
    }

    /// Every B-tree and heap page, and every heap row in its index, by PostgreSQL's own verifier.
    func amcheck(_ place: RebuildTarget) async throws -> CheckResult {
        try await timed(BilingualText(fr: "amcheck des tables et des index", en: "amcheck of tables and indexes")) {
            let run = try await ToolRun.run(
                binaries.path(of: "pg_amcheck"),
                [
                    "--install-missing", "--jobs=2", "--heapallindexed", "--no-password",
                    place.configuration.connectionString,
                ], environment: place.configuration.password.map { ["PGPASSWORD": $0] } ?? [:])
            let words = (run.outputText + run.errorText).trimmingCharacters(in: .whitespacesAndNewlines)
            return (run.status == 0, run.status == 0 ? "no corruption" : String(words.prefix(500)))
        }
    }

    func installAmcheck(_ cluster: Cluster, _ database: String) async throws {
        let superuser = Database(cluster.configuration(database: database))
        do {
            try await superuser.run(RebuildStore.installAmcheck)
            await superuser.close()
        } catch {
            await superuser.close()
            throw error
        }
    }

    func timed(_ name: BilingualText, _ work: () async throws -> (Bool, String)) async throws -> CheckResult {
        progress(ProgressUpdate(stage: Stage.rebuild.rawValue, subject: name.en, done: 0, total: nil, unit: "checks"))
        let start = ContinuousClock.now
        let (passed, detail) = try await work()
        return CheckResult(
            name: name, passed: passed, detail: detail, seconds: (ContinuousClock.now - start) / .seconds(1))
    }
}
