internal import Salvage

/// What was judged of the dump's definitions.
struct Disinfected: Codable, Sendable {
    let judged: Int
    let findings: [ObjectFinding]
}

extension RecoveryEngine {
    /// Compares every definition with what a bank's tables need; the rest is left behind and listed.
    func disinfect(_ objects: [DumpObject]) throws -> Disinfected {
        let baseline = try options.baseline.map { try Baseline.read($0) }
        let findings = objects.flatMap { ObjectJudge.findings(on: $0, baseline: baseline) }
        return Disinfected(judged: objects.count, findings: findings)
    }
}
