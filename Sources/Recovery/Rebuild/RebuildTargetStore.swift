internal import Postgres

enum RebuildTargetStore {
    static func exists(_ name: String) -> Statement { "select 1 from pg_database where datname = \(name)" }
    static let currentDatabase: Statement = "select current_database()::text"
}
