internal import Postgres

/// The SQL of what the bank's own decisions teach: columns as they were at the time, and what became of the payment.
struct ExampleStore: Sendable {
    let database: any SQLExecutor

    struct Page: Sendable {
        var rows: [(columns: [UInt8], minor: Int64, time: Int64, isFraud: Bool)] = []
        var last: Int64?
    }

    /// Decisions of one definition of columns whose end is known, in the order in which they were made. Silence tells of those
    /// only that money moved on.
    func page(after rank: Int64, version: String, fromDay: Int, labelDelaySeconds: Int64, size: Int) async throws
        -> Page
    {
        let rows = try await database.run(
            """
            select d.rang, d.colonnes, d.montant_minor, d.horodatage, coalesce(e.fraude, false)
            from fraud.decisions d left join fraud.etiquettes e on e.paiement = d.paiement
            where d.rang > \(rank) and d.colonnes_version = \(version) and d.colonnes <> ''
                and d.horodatage >= \(Int64(fromDay) * Span.day)
                and (e.paiement is not null
                    or (coalesce(d.passe, d.verdict = 'allow')
                        and d.decide_le < clock_timestamp() - make_interval(secs => \(Double(labelDelaySeconds)))))
            order by d.rang limit \(size)
            """)
        var page = Page()
        for row in rows {
            page.rows.append((try row.decode(1), try row.decode(2), try row.decode(3), try row.decode(4)))
            page.last = try row.decode(0)
        }
        return page
    }

    /// Where the newest `count` decisions begin: behind this rank.
    func rank(before count: Int, version: String, fromDay: Int) async throws -> Int64 {
        try await database.run(
            """
            select rang from fraud.decisions
            where colonnes_version = \(version) and colonnes <> '' and horodatage >= \(Int64(fromDay) * Span.day)
            order by rang desc offset \(count) limit 1
            """
        ).first?.decode(0) ?? 0
    }

    /// The newest day with a decision; nil before the first.
    func lastDay() async throws -> Int? {
        try await database.run("select max(horodatage) from fraud.decisions").first?
            .decodeIfPresent(0, as: Int64.self).map { Int($0.floorDivided(by: Span.day)) }
    }
}
