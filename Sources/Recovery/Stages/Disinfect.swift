internal import Salvage

/// What was judged of the dump's definitions.
struct Disinfected: Codable, Sendable {
    let judged: Int
    let findings: [ObjectFinding]

    private static let rulesThatKeepRowsOut: Set<String> = [
        JudgementRule.lootTable.id, JudgementRule.unknownTable.id, JudgementRule.foreignOwner.id,
    ]

    /// Tables that an intruder made: not even their rows go into the restored bank.
    var tablesLeftBehind: Set<String> {
        Set(findings.filter { $0.kind == "TABLE" && Self.rulesThatKeepRowsOut.contains($0.rule) }.map(\.name))
    }
}

extension RecoveryEngine {
    /// Compares every definition with what a bank's tables need; the rest is left behind and listed.
    func disinfect(_ objects: [DumpObject], tables: [TableShape]) throws -> Disinfected {
        let baseline = try options.baseline.map { try Baseline.read($0) }
        let findings = ObjectJudge.findings(on: objects, baseline: baseline, tables: Set(tables.map(\.name)))
        return Disinfected(judged: objects.count, findings: findings)
    }
}
