internal import Diagnostics
internal import Postgres

/// Runs families of rules in several sessions at once, each as soon as what it needs is there.
///
/// The result does not depend on who ran when: a family sees the facts of the families that it needs, and findings and
/// repairs are put together in the families' order.
struct RuleRunner {
    /// As many as there are families that take long and do not need each other.
    static let sessionsMax = 2

    let sessions: [Connection]
    let progress: ProgressSink

    /// Lays the roles out and runs all rules; returns `reconciler` with what they found.
    func run(_ reconciler: Reconciler) async throws -> Reconciler {
        var roles: [RoleTable] = []
        for role in RoleTable.allCases {
            if try await reconciler.exists(role) {
                roles.append(role)
            } else {
                try await reconciler.layOutEmpty(role)
            }
        }
        return try await run(RuleFamily.all(of: roles), reconciler)
    }

    private struct Ended: Sendable {
        let number: Int
        let session: Connection
        let branch: Reconciler
        let seconds: Double
    }

    private func run(_ families: [RuleFamily], _ reconciler: Reconciler) async throws -> Reconciler {
        var facts = reconciler.facts
        // What takes longest and what most others need goes first.
        var waiting = families.indices.filter { families[$0].role == .transactions }
        waiting += families.indices.filter { families[$0].role != .transactions }
        var free = sessions
        var done: Set<String> = []
        var branches: [Int: Reconciler] = [:]
        var result = reconciler
        try await withThrowingTaskGroup(of: Ended.self) { group in
            while true {
                while let session = free.last,
                    let place = waiting.firstIndex(where: { families[$0].needs.isSubset(of: done) })
                {
                    free.removeLast()
                    let number = waiting.remove(at: place)
                    let family = families[number]
                    let branch = reconciler.branch(on: session, facts)
                    report(family)
                    group.addTask { try await Self.run(family, number, branch, session) }
                }
                guard let ended = try await group.next() else { break }
                free.append(ended.session)
                done.insert(families[ended.number].name)
                facts.merge(ended.branch.facts)
                branches[ended.number] = ended.branch
                result.seconds[families[ended.number].name] = ended.seconds
            }
        }
        result.facts = facts
        for number in families.indices { if let branch = branches[number] { result.take(branch) } }
        return result
    }

    private static func run(
        _ family: RuleFamily, _ number: Int, _ reconciler: Reconciler, _ session: Connection
    ) async throws -> Ended {
        let start = ContinuousClock.now
        var branch = reconciler
        try await branch.run(family)
        return Ended(
            number: number, session: session, branch: branch, seconds: (ContinuousClock.now - start) / .seconds(1))
    }

    private func report(_ family: RuleFamily) {
        progress(
            ProgressUpdate(stage: Stage.reconcile.rawValue, subject: family.name, done: 0, total: nil, unit: "rules"))
    }
}
