public import Web

/// A fault in who may see what, and the SQL that mends it.
public struct LintFinding: Sendable, Hashable {
    public enum Rule: String, Sendable, CaseIterable {
        case functionPerRow = "function_per_row"
        case columnWithoutIndex = "column_without_index"
        case policyWithoutRole = "policy_without_role"
        case unguardedTable = "unguarded_table"
        case unguardedView = "unguarded_view"
        case definerWithoutPath = "definer_without_search_path"
        case openToAnyone = "open_to_anyone"
        case severalPolicies = "several_policies"
    }

    public let rule: Rule
    /// The table, view, policy or function, as SQL names it.
    public let object: String
    public let reason: String
    /// Statements that mend it, to be looked at before they are run.
    public let repair: String

    public init(_ rule: Rule, _ object: String, _ reason: String, repair: String) {
        self.rule = rule
        self.object = object
        self.reason = reason
        self.repair = repair
    }

    public var json: JSON {
        [
            "rule": .string(rule.rawValue), "object": .string(object), "reason": .string(reason),
            "repair": .string(repair),
        ]
    }
}
