internal import Postgres

/// Calls what brings the star schema up to its sources.
struct RefreshStore: Sendable {
    let database: any SQLExecutor

    /// One lot of each dimension: the rows that were written, and whether there are more that are new.
    func dimensions(lot: Int64) async throws -> (count: Int64, hasMore: Bool) {
        let rows = try await database.run("select lignes, reste from bi.rafraichir_les_dimensions(\(lot)::integer)")
        guard let row = rows.first else { return (0, false) }
        return (try row.decode(0), try row.decode(1))
    }

    func transactions(most: Int64) async throws -> Int64 {
        try await database.one("select bi.rafraichir_les_transactions(\(most)::integer)", as: Int64.self)
    }

    func unknown() async throws -> Int64 {
        try await database.one("select bi.rattraper_les_inconnus()", as: Int64.self)
    }

    /// The sums of days whose facts have changed: how many days, and whether there are more.
    func cubes(days: Int64) async throws -> (count: Int64, hasMore: Bool) {
        let rows = try await database.run("select jours, reste from bi.refaire_les_cubes(\(days)::integer)")
        guard let row = rows.first else { return (0, false) }
        return (try row.decode(0), try row.decode(1))
    }

    func balances(days: Int64) async throws -> Int64 {
        try await database.one("select bi.rafraichir_les_soldes(\(days)::integer)", as: Int64.self)
    }

    func alerts() async throws -> Int64 { try await database.one("select bi.rafraichir_les_alertes()", as: Int64.self) }

    func security() async throws -> Int64 {
        try await database.one("select bi.rafraichir_la_securite()", as: Int64.self)
    }

    func incidents() async throws -> Int64 {
        try await database.one("select bi.rafraichir_les_incidents()", as: Int64.self)
    }

    func others() async throws -> Int64 { try await database.one("select bi.rafraichir_les_autres()", as: Int64.self) }
}
