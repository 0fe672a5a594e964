/// What one role may read of one table.
struct TableAccess: Sendable {
    struct Key: Sendable, Hashable {
        let table: UInt32
        let role: String
    }

    let hasRLS: Bool
    /// Superuser, BYPASSRLS, or the owner: policies do not apply.
    let isAbove: Bool
    /// The server's text of what must hold for a row; nil when no policy applies to the role, which then sees nothing.
    let policy: String?
    let policyColumns: Set<String>
    /// The policy reads a generated column, which the log does not carry.
    let needsGenerated: Bool
    let readable: Set<String>
    /// Whether the policy is a plain comparison of columns and constants, so that all who share the role see the same
    /// rows. A call, a subquery, a qualified name or operator: anything else may read the claims.
    let ignoresClaims: Bool
    /// Nil when each reader must be asked about alone.
    let shared: SharedPolicy?

    init(
        hasRLS: Bool, isAbove: Bool, policy: String?, policyColumns: Set<String>, needsGenerated: Bool,
        readable: Set<String>
    ) {
        self.hasRLS = hasRLS
        self.isAbove = isAbove
        self.policy = policy
        self.policyColumns = policyColumns
        self.needsGenerated = needsGenerated
        self.readable = readable
        ignoresClaims = policy.map { Self.isPlain($0) } ?? true
        shared = policy.flatMap { SharedPolicy($0) }
    }

    enum Verdict: Sendable, Equatable {
        case nothing
        case everything
        /// The rows for which this holds.
        case rows(policy: String)
    }

    /// A table without row level security is closed unless it was named, or the role is trusted.
    func verdict(isNamed: Bool, isTrusted: Bool) -> Verdict {
        guard !readable.isEmpty else { return .nothing }
        if isAbove { return .everything }
        guard hasRLS else { return isNamed || isTrusted ? .everything : .nothing }
        guard let policy, !needsGenerated else { return .nothing }
        return .rows(policy: policy)
    }

    static func isPlain(_ policy: String) -> Bool {
        guard !policy.contains("."), !policy.uppercased().contains("SELECT") else { return false }
        let characters = Array(policy.utf8)
        for (index, byte) in characters.enumerated() where byte == UInt8(ascii: "(") && index > 0 {
            let before = characters[index - 1]
            let isName =
                (before >= 97 && before <= 122) || (before >= 65 && before <= 90) || (before >= 48 && before <= 57)
                || before == 95 || before == 34 || before >= 128
            if isName { return false }
        }
        return true
    }

    /// Whether the policy can be judged on a row of which only `known` columns came. `relation.*` is the whole row.
    func isDecided(by known: Set<String>) -> Bool {
        guard let policy else { return true }
        return policyColumns.isSubset(of: known) && !policy.contains(".*")
    }
}
