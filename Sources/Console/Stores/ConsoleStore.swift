internal import Postgres
internal import Web

/// What pages read beside the API: always as the caller, under row level security, reading only.
struct ConsoleStore: Sendable {
    let database: Database

    private func run(_ statement: Statement, as actor: Actor, isReadOnly: Bool = true) async throws -> QueryResult {
        var statement = statement
        statement.planScope = "authenticated"
        let settings: Statement = """
            select set_config('role', 'authenticated', true), set_config('request.jwt.claims', \(actor.claims), true),
                set_config('transaction_read_only', \(isReadOnly ? "on" : "off"), true)
            """
        guard actor.role == "authenticated", let result = try await database.pipeline([settings, statement]).last
        else {
            throw Refused.notYours
        }
        return result
    }

    private func json(_ statement: Statement, as actor: Actor, isReadOnly: Bool = true) async throws -> JSON {
        guard let text = try await run(statement, as: actor, isReadOnly: isReadOnly).first?.decode(0, as: String.self)
        else {
            return .null
        }
        return try JSONReader.read(text)
    }

    // MARK: Clients

    struct Filter: Sendable {
        var words: String?
        var from: String?
        var to: String?
        /// `in`, `out`
        var direction: String?
        var before: Int64?
        var size: Int64 = 25
    }

    /// Postings of the caller's account, the newest first; one more than a page when there are more.
    func statement(_ account: Int64, _ filter: Filter, as actor: Actor) async throws -> [JSON] {
        let pattern = filter.words.map { "%" + Self.literal($0) + "%" }
        return try await json(
            """
            select coalesce(json_agg(r), '[]')::text from (
                select e.numero as number, e.booked_at, e.montant_minor::text as minor,
                    e.solde_apres_minor::text as after_minor, t.type as kind, t.libelle as label,
                    t.reference, t.carte_id is not null as by_card,
                    coalesce(t.date_comptable, (e.booked_at at time zone 'Europe/Paris')::date) as day, k.devise as currency
                from public.ecritures e
                    join public.comptes k on k.id = e.compte_id
                    left join public.transactions t on t.id = e.transaction_id and t.booked_at = e.booked_at
                where e.compte_id = \(account) and e.compte_id in (select public.mes_comptes())
                    and (\(filter.before)::bigint is null or e.numero < \(filter.before))
                    and (\(filter.from)::date is null or e.booked_at >= \(filter.from)::date::timestamp at time zone 'Europe/Paris')
                    and (\(filter.to)::date is null
                        or e.booked_at < (\(filter.to)::date + 1)::timestamp at time zone 'Europe/Paris')
                    and (\(filter.direction)::text is null or (e.montant_minor > 0) = (\(filter.direction) = 'in'))
                    and (\(pattern)::text is null or t.libelle ilike \(pattern) or t.reference ilike \(pattern)
                        or abs(e.montant_minor)::text like replace(replace(\(pattern), ',', ''), '.', ''))
                order by e.numero desc limit \(filter.size + 1)) r
            """, as: actor
        ).array ?? []
    }

    /// What came in and went out of the caller's accounts of one currency by month, the oldest first.
    func months(_ count: Int64, _ currency: String, as actor: Actor) async throws -> [JSON] {
        try await json(
            """
            select coalesce(json_agg(r order by r.month), '[]')::text from (
                select to_char(date_trunc('month', e.booked_at at time zone 'Europe/Paris'), 'YYYY-MM') as month,
                    coalesce(sum(e.montant_minor) filter (where e.montant_minor > 0), 0)::text as in_minor,
                    coalesce(-sum(e.montant_minor) filter (where e.montant_minor < 0), 0)::text as out_minor
                from public.ecritures e join public.comptes k on k.id = e.compte_id
                where e.compte_id in (select public.mes_comptes()) and k.devise = \(currency)
                    and e.booked_at >= (
                        select date_trunc('month', max(x.booked_at)) - \(count - 1) * interval '1 month'
                        from public.ecritures x where x.compte_id in (select public.mes_comptes()))
                group by 1 order by 1 desc limit \(count)) r
            """, as: actor
        ).array ?? []
    }

    /// The last balances of the caller's accounts, the oldest first.
    func balances(as actor: Actor) async throws -> JSON {
        try await json(
            """
            select coalesce(json_object_agg(a.id, a.line), '{}')::text from (
                select k.id, (
                    select json_agg(b.solde_apres_minor order by b.numero) from (
                        select e.numero, e.solde_apres_minor from public.ecritures e
                        where e.compte_id = k.id order by e.numero desc limit 60) b) as line
                from public.comptes k where k.id in (select public.mes_comptes())) a
            """, as: actor)
    }

    /// Where the caller's money went in a month, by kind of operation.
    func spending(_ month: String, _ currency: String, as actor: Actor) async throws -> [JSON] {
        try await json(
            """
            select coalesce(json_agg(r order by r.minor desc), '[]')::text from (
                select case when t.carte_id is not null then 'carte' else t.type end as kind,
                    sum(-e.montant_minor)::bigint as minor, count(*) as operations
                from public.ecritures e join public.comptes k on k.id = e.compte_id
                    join public.transactions t on t.id = e.transaction_id and t.booked_at = e.booked_at
                where e.compte_id in (select public.mes_comptes()) and e.montant_minor < 0 and k.devise = \(currency)
                    and e.booked_at >= (\(month) || '-01')::date::timestamp at time zone 'Europe/Paris'
                    and e.booked_at < ((\(month) || '-01')::date + interval '1 month')::timestamp at time zone 'Europe/Paris'
                group by 1) r
            """, as: actor
        ).array ?? []
    }

    /// `%`, `_` and the backslash stand for themselves.
    private static func literal(_ text: String) -> String {
        var out = ""
        for character in text {
            if "%_\\".contains(character) { out += "\\" }
            out.append(character)
        }
        return out
    }

    // MARK: Everybody

    func sessions(as actor: Actor) async throws -> [JSON] {
        try await json(
            "select coalesce(json_agg(s order by s.refreshed_at desc), '[]')::text from console.mes_sessions() s",
            as: actor
        ).array ?? []
    }

    func end(session: String, as actor: Actor) async throws -> Bool {
        try await json("select to_json(console.fermer_session(\(session)::uuid))::text", as: actor, isReadOnly: false)
            .bool ?? false
    }

    // MARK: Analysts and admins

    func board(days: Int64, channel: String?, as actor: Actor) async throws -> JSON {
        try await json("select console.tableau(\(days)::integer, \(channel))::text", as: actor)
    }

    func fraudHistory(days: Int64, as actor: Actor) async throws -> JSON {
        try await json("select console.fraude(\(days)::integer)::text", as: actor)
    }

    func incidents(as actor: Actor) async throws -> JSON {
        try await json("select console.incidents()::text", as: actor)
    }

    func state(as actor: Actor) async throws -> JSON { try await json("select console.etat()::text", as: actor) }

    func users(_ search: String?, as actor: Actor) async throws -> JSON {
        try await json("select console.utilisateurs(\(search.map(Self.literal)))::text", as: actor)
    }

    func journal(before: Int64?, kind: String?, as actor: Actor) async throws -> JSON {
        try await json("select console.journal(\(before), \(kind.map(Self.literal)))::text", as: actor)
    }

    func clients(_ number: Int64, as actor: Actor) async throws -> JSON {
        try await json(
            """
            select coalesce(json_agg(json_build_object('id', id, 'number', numero, 'status', statut, 'since', cree_le)), '[]')::text
            from public.clients where numero = \(number)
            """, as: actor)
    }

    func reveals(as actor: Actor) async throws -> [JSON] {
        try await json("select console.revelations()::text", as: actor).array ?? []
    }
}
