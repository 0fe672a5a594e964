internal import Cryptography

/// What this server may do beside servers that have other scenarios: the newest set that is alive plans, and an older one
/// takes away nothing that a newer one has named lately. So an upgrade may roll, and may be rolled back.
struct Generation: Sendable, Hashable {
    /// A newer set is alive: this server delivers, and leaves all planning to those that have it.
    var stands = false
    /// This server's own set.
    var digest: String?
    var keptScenarios: [String] = []
    var keptSources: [String] = []

    /// How long behind its last sign a set counts as alive.
    static let aliveSeconds = 30
    /// How long an older set leaves alone what a newer one named that is away.
    static let keptSeconds = 3600

    /// Tells sets apart. What stands in the database is the same for all servers and does not count.
    static func digest(_ scenarios: [Scenario]) -> String {
        let names = scenarios.map { "\($0.name) \($0.version)" }.sorted()
        return String(SHA256.hash(Array(names.joined(separator: "\n").utf8)).hex.prefix(32))
    }
}
