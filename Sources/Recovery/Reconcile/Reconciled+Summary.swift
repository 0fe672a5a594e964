extension Reconciled {
    /// The findings by rule and table, the rows by what was done to them, and what was repaired.
    init(_ reconciler: Reconciler, _ applier: RepairApplier) {
        let appliedByRow = Dictionary(grouping: applier.applied, by: { "\($0.table)/\($0.key)" })
        let proposals = Dictionary(grouping: reconciler.repairs, by: \.rule)
        let groups = Dictionary(grouping: reconciler.findings, by: { [$0.rule, $0.table] })
        findings = groups.sorted { ($0.key[0], $0.key[1]) < ($1.key[0], $1.key[1]) }.compactMap { group, rows in
            guard let rule = ReconciliationRule.byID[group[0]] else { return nil }
            let keys = Set(rows.map(\.key))
            let isRepairable = rule.repair != nil || proposals[rule.id] != nil
            return DataFinding(
                rule: rule.id, severity: rule.severity, table: group[1], rowCount: Int64(keys.count),
                samples: rows.prefix(RuleLimits.samplesMax).map(\.sample), reason: rule.reason,
                repair: isRepairable ? rule.repair : nil,
                repaired: Int64(keys.count { appliedByRow["\(group[1])/\($0)"] != nil }))
        }
        for (kind, rows) in Dictionary(grouping: reconciler.findings.filter { $0.kind != nil }, by: { $0.kind }) {
            guard let kind else { continue }
            tampered[kind.rawValue] = Int64(Set(rows.map(\.key)).count)
        }
        proposedRepairs = Int64(reconciler.repairs.count)
        certainRepairs = Int64(reconciler.repairs.count { $0.certainty == .certain })
        appliedRepairs = Int64(applier.applied.count)
        refusedRepairs = applier.refused
        seconds = reconciler.seconds
        rowFindings = Int64(reconciler.findings.count)
        attack = AttackPeriod(reconciler)
    }
}

extension AttackPeriod {
    /// Nil when nothing that has a time of its own was tampered with.
    init?(_ reconciler: Reconciler) {
        var instants: [(at: String, what: String)] = reconciler.facts.forgedTimes.map { ($0, "transaction_forged") }
        for finding in reconciler.findings {
            guard let at = finding.at else { continue }
            switch finding.kind {
            case .employeeAdded: instants.append((at, "employee_added"))
            case .logWiped:
                for part in at.split(separator: " – ") { instants.append((String(part), "log_wiped")) }
            default: break
            }
        }
        let sorted = instants.sorted { $0.at < $1.at }
        guard let first = sorted.first, let last = sorted.last else { return nil }
        self.init(from: first.at, to: last.at, evidence: Set(sorted.map(\.what)).sorted())
    }
}
