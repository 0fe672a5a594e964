internal import Postgres

/// What `alter role … set` says of a role. PostgreSQL heeds it at login only; the API becomes the role later, and so sets
/// it itself.
struct RoleSettings: Hashable, Sendable {
    /// Set with each request, by name.
    var hoisted: [(String, String)] { values.sorted { $0.key < $1.key }.map { ($0.key, $0.value) } }
    /// The level that the role's transactions begin with.
    private(set) var isolation: IsolationLevel?
    private var values: [String: String] = [:]

    /// Settings that bound a request; others stay the login role's.
    private static let names: Set<String> = ["statement_timeout", "lock_timeout"]

    mutating func set(_ name: String, _ value: String) {
        if name == "default_transaction_isolation" {
            isolation = IsolationLevel(rawValue: value.lowercased())
        } else if Self.names.contains(name) {
            values[name] = value
        }
    }
}
