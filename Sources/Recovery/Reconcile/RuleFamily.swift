/// Rules that belong together: they run in one transaction, and what the server refuses takes back all of them.
struct RuleFamily: Sendable {
    let name: String
    /// Families that lay out what this one reads, or find out what it goes by: it starts when they have ended.
    let needs: Set<String>
    /// For a family that lays a role out: the role is empty when that fails.
    let role: RoleTable?
    let body: @Sendable (inout Reconciler) async throws -> Void

    private init(
        _ name: String, needs: Set<String>, role: RoleTable? = nil,
        _ body: @escaping @Sendable (inout Reconciler) async throws -> Void
    ) {
        self.name = name
        self.needs = needs
        self.role = role
        self.body = body
    }

    static func layOut(_ role: RoleTable) -> RuleFamily {
        RuleFamily("read \(role.rawValue)", needs: [], role: role) { try await $0.layOut(role) }
    }

    /// In the order of the report. `roles` are laid out by a family each; the others are empty already.
    static func all(of roles: [RoleTable]) -> [RuleFamily] {
        let laidOut = roles.map(layOut)
        let rows = Set(laidOut.map(\.name))
        return laidOut + [
            RuleFamily("keys", needs: rows) { try await $0.checkKeys() },
            RuleFamily("duplicates", needs: rows.intersection(["read transactions"])) {
                try await $0.findDuplicates()
            },
            RuleFamily("wordings", needs: rows.intersection(["read transactions"])) { try await $0.makeWordings() },
            RuleFamily("chain", needs: rows.intersection(["read releves"]).union(["duplicates", "wordings"])) {
                try await $0.makeChain()
            },
            RuleFamily("sequence", needs: rows.union(["duplicates"])) { try await $0.findForgedOperations() },
            RuleFamily("older dump", needs: rows) { try await $0.compareWithOlder() },
            RuleFamily("gaps", needs: rows) { try await $0.findMissingRows() },
            RuleFamily("breaks", needs: rows.union(["chain", "gaps"])) { try await $0.judgeBreaks() },
            RuleFamily("balances", needs: rows.union(["chain", "gaps", "breaks"])) { try await $0.checkBalances() },
            RuleFamily("statements", needs: rows.union(["chain"])) { try await $0.checkStatements() },
            RuleFamily("beneficiaries", needs: rows.union(["sequence"])) { try await $0.checkBeneficiaries() },
            RuleFamily("staff", needs: rows) { try await $0.checkStaff() },
            RuleFamily("log", needs: rows) { try await $0.checkLog() },
            RuleFamily("numbers", needs: rows) { try await $0.checkNumbers() },
            RuleFamily("dates", needs: rows) { try await $0.checkDates() },
            RuleFamily("outliers", needs: rows.union(["chain"])) { try await $0.findOutliers() },
        ]
    }
}

/// What families of rules find out for those that need them.
struct ReconciliationFacts: Sendable {
    var profiles: [RoleTable: TableProfile] = [:]
    /// Operations that are copies of others.
    var copies: Int?
    /// Accounts abroad that operations which nobody asked for went to.
    var collectors: Set<String> = []
    var forgedTimes: [String] = []
    /// Ids of operations that are gone, and those whose account is known.
    var missingOperations: Set<Int64> = []
    var explainedOperations: Set<Int64> = []
    /// Ids of operations that the damage took.
    var lostOperations: [ClosedRange<Int64>] = []
    /// Accounts whose chain could not be explained: their balance is not repaired.
    var doubtfulAccounts: Set<Int64> = []

    /// Adds what a family found out on top of what it was given. Each list has one family that writes it.
    mutating func merge(_ other: ReconciliationFacts) {
        profiles.merge(other.profiles) { $1 }
        copies = other.copies ?? copies
        collectors.formUnion(other.collectors)
        missingOperations.formUnion(other.missingOperations)
        explainedOperations.formUnion(other.explainedOperations)
        doubtfulAccounts.formUnion(other.doubtfulAccounts)
        if other.forgedTimes.count > forgedTimes.count { forgedTimes = other.forgedTimes }
        if other.lostOperations.count > lostOperations.count { lostOperations = other.lostOperations }
    }
}
