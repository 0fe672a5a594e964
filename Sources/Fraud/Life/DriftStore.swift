internal import Postgres

/// The SQL of drift and of work that one server of many does.
struct DriftStore: Sendable {
    let database: any SQLExecutor

    /// What the last days say beside the scores: how many frauds came out of how many that were promised, and how often a
    /// payment was not simply allowed.
    struct Outcome: Sendable {
        var promised: Double
        var frauds: Int64
        var alertShare: Double?
        var alertShareBefore: Double?
    }

    /// Labels count when somebody spoke, or when the delay has passed in silence after money moved.
    func outcome(model: Int64, labelDelaySeconds: Int64) async throws -> Outcome {
        let row = try await database.run(
            """
            with juges as (
                select d.probabilite, coalesce(e.fraude, false) as fraude
                from fraud.decisions d left join fraud.etiquettes e on e.paiement = d.paiement
                where d.modele_id = \(model) and d.probabilite is not null
                    and (e.paiement is not null or coalesce(d.passe, d.verdict = 'allow'))
                    and d.decide_le between clock_timestamp() - interval '60 days'
                        and clock_timestamp() - make_interval(secs => \(Double(labelDelaySeconds)))
            ), jour as (
                select avg((verdict <> 'allow' or temoin)::integer) as part from fraud.decisions
                where decide_le > clock_timestamp() - interval '1 day' having count(*) >= 100
            ), avant as (
                select avg((verdict <> 'allow' or temoin)::integer) as part from fraud.decisions
                where decide_le between clock_timestamp() - interval '29 days' and clock_timestamp() - interval '1 day'
                having count(*) >= 1000
            )
            select coalesce(sum(probabilite), 0)::float8, count(*) filter (where fraude),
                (select part::float8 from jour), (select part::float8 from avant)
            from juges
            """
        ).first
        return Outcome(
            promised: try row?.decode(0) ?? 0, frauds: try row?.decode(1) ?? 0,
            alertShare: try row?.decodeIfPresent(2), alertShareBefore: try row?.decodeIfPresent(3))
    }

    struct Figure: Sendable {
        var measure: String
        var column = ""
        var value: Double
    }

    /// Replaces the last measurement.
    func keep(_ figures: [Figure], model: Int64) async throws {
        try await database.run("delete from fraud.derives")
        try await database.run(
            """
            insert into fraud.derives (mesure, colonne, valeur, modele_id)
            select m, c, v, \(model) from unnest(
                \(SQLArray(figures.map(\.measure)))::text[], \(SQLArray(figures.map(\.column)))::text[],
                \(SQLArray(figures.map { String($0.value) }))::float8[]) f (m, c, v)
            """)
    }

    /// Columns of the last decisions of one definition.
    func recentColumns(version: String, limit: Int) async throws -> [[UInt8]] {
        try await database.run(
            """
            select colonnes from fraud.decisions where colonnes <> '' and colonnes_version = \(version)
            order by rang desc limit \(limit)
            """
        ).map { try $0.decode(0) }
    }

    // MARK: work of one server

    func takeLease(_ name: String, holder: String, seconds: Int64, everySeconds: Int64) async throws -> Bool {
        try await database.one(
            """
            select fraud.prendre_bail(\(name), \(holder), make_interval(secs => \(Double(seconds))),
                make_interval(secs => \(Double(everySeconds))))
            """, as: Bool.self)
    }

    func returnLease(_ name: String, holder: String, result: String?) async throws {
        try await database.run("select fraud.rendre_bail(\(name), \(holder), \(result))")
    }
}
