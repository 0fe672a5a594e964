internal import Postgres

/// The SQL of what was before the desk: the bank's own operations, and the states that were computed from them.
struct HistoryStore: Sendable {
    let database: any SQLExecutor

    /// One payment of the past, and where the next page begins.
    struct Page: Sendable {
        var events: [(id: Int64, time: Int64, minor: Int64, customer: Int64, terminal: Int64)] = []
        var last: (time: String, id: Int64)?
    }

    /// Nothing was taken over yet, and no model is the champion.
    func isFirstDay() async throws -> Bool {
        try await database.one(
            """
            select not exists (select from fraud.etats_repris)
                and not exists (select from fraud.modeles where statut = 'champion')
            """, as: Bool.self)
    }

    /// When the desk judged for the first time, in microseconds.
    func firstDecision() async throws -> Int64? {
        try await database.run(
            "select (extract(epoch from min(decide_le)) * 1000000)::bigint from fraud.decisions"
        ).first?.decodeIfPresent(0)
    }

    /// Lets no payment change a state, and no other server begin, until the transaction ends.
    func hold() async throws { try await database.run("lock table fraud.etats in exclusive mode") }

    /// The bank's payments stand here; false where only scores are served.
    func hasBank() async throws -> Bool {
        try await database.one(
            """
            select to_regclass('public.transactions') is not null and to_regclass('public.comptes') is not null
                and has_table_privilege('public.transactions', 'select')
                and has_table_privilege('public.comptes', 'select')
            """, as: Bool.self)
    }

    /// Payments out of clients' accounts in the last `days` of the history, the oldest first. Whom a payment went to is the
    /// account here, or the blind index of an account elsewhere.
    func page(after: (time: String, id: Int64)?, days: Int, size: Int) async throws -> Page {
        let rows = try await database.run(
            """
            with fin as (select max(booked_at) as dernier from public.transactions)
            select t.id, (extract(epoch from t.booked_at) * 1000000)::bigint, t.montant_minor, t.compte_debit_id,
                case when t.contrepartie_index is null then t.compte_credit_id
                    else ('x' || encode(substr(t.contrepartie_index, 1, 8), 'hex'))::bit(64)::bigint
                        & 9223372036854775807 end,
                t.booked_at::text
            from public.transactions t
            join public.comptes c on c.id = t.compte_debit_id and c.type <> 'interne'
            cross join fin
            where t.booked_at > fin.dernier - make_interval(days => \(days)::integer)
                and (\(after?.time)::timestamptz is null
                    or (t.booked_at, t.id) > (\(after?.time)::timestamptz, \(after?.id)::bigint))
            order by t.booked_at, t.id limit \(size)
            """)
        var page = Page()
        for row in rows {
            page.events.append(
                (
                    try row.decode(0), try row.decode(1), try row.decode(2), try row.decode(3), try row.decode(4)
                ))
            page.last = (try row.decode(5), try row.decode(0))
        }
        return page
    }

    /// Keeps states as they stand when service begins, and puts them into service.
    ///
    /// - Parameter whole: also those of clients whose payments were judged already, which the caller plays again on top.
    ///   Otherwise such a client goes on from what was judged alone. Recomputing gives the same either way.
    func take(over states: [StoredState], whole: Bool) async throws {
        _ = try await database.pipeline(
            states.map { state in
                """
                with nouveaux as (
                    insert into fraud.etats (entite, cle, etat) values (\(state.name), \(state.key), \(state.bytes))
                    on conflict do nothing returning entite, cle
                )
                insert into fraud.etats_repris (entite, cle, etat)
                select \(state.name)::text, \(state.key)::bigint, \(state.bytes)::bytea
                where \(whole)::boolean or exists (select from nouveaux)
                """
            })
    }

    func takenOver(after: (name: String, key: Int64)?, size: Int) async throws -> [StoredState] {
        try await database.run(
            """
            select entite, cle, etat from fraud.etats_repris
            where \(after?.name)::text is null or (entite, cle) > (\(after?.name)::text, \(after?.key)::bigint)
            order by entite, cle limit \(size)
            """
        ).map { StoredState(name: try $0.decode(0), key: try $0.decode(1), bytes: try $0.decode(2)) }
    }
}
