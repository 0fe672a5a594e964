internal import Postgres
internal import Web

/// What pages read beside the API: always as the caller, under row level security, reading only.
struct ConsoleStore: Sendable {
    let database: Database

    func run(_ statement: Statement, as actor: Actor, isReadOnly: Bool = true) async throws -> QueryResult {
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

    /// SQL's null and no row at all are JSON's null.
    func json(_ statement: Statement, as actor: Actor, isReadOnly: Bool = true) async throws -> JSON {
        guard let row = try await run(statement, as: actor, isReadOnly: isReadOnly).first,
            let text = try row.decodeIfPresent(0, as: String.self)
        else {
            return .null
        }
        return try JSONReader.read(text)
    }

    // MARK: Clients

    /// Behind which operation a page begins.
    struct Cursor: Sendable, Hashable {
        /// Since 1970.
        let microseconds: Int64
        let operation: Int64

        var text: String { "\(microseconds).\(operation)" }

        init?(_ text: String) {
            let parts = text.split(separator: ".").map { Int64($0) }
            // Within what PostgreSQL's timestamps hold.
            guard parts.count == 2, let time = parts[0], let operation = parts[1], abs(time) < 1 << 57 else {
                return nil
            }
            microseconds = time
            self.operation = operation
        }
    }

    struct Filter: Sendable {
        var words: String?
        var from: String?
        var to: String?
        /// `in`, `out`
        var direction: String?
        var before: Cursor?
        var size: Int64 = 25
    }

    /// What moved on accounts: postings, and below them the operations from before the restore, which have none. The balance
    /// beside those is not known: it would be our guess.
    static let moves: Statement = """
        select e.compte_id, e.transaction_id as operation, e.booked_at, e.montant_minor, e.solde_apres_minor,
            coalesce(t.type, 'reprise') as type, t.libelle, t.reference, t.carte_id, t.date_comptable
        from public.ecritures e
            left join public.transactions t on t.id = e.transaction_id and t.booked_at = e.booked_at
        union all
        select t.compte_debit_id, t.id, t.booked_at, -t.montant_minor, null, t.type, t.libelle, t.reference, t.carte_id,
            t.date_comptable
        from public.transactions t where t.historique
        union all
        select t.compte_credit_id, t.id, t.booked_at, t.montant_minor, null, t.type, t.libelle, t.reference, t.carte_id,
            t.date_comptable
        from public.transactions t where t.historique
        """

    /// What moved on the caller's account, the newest first; one more than a page when there are more.
    func statement(_ account: Int64, _ filter: Filter, as actor: Actor) async throws -> [JSON] {
        let pattern = filter.words.map { "%" + Self.literal($0) + "%" }
        let (time, operation) = (filter.before?.microseconds, filter.before?.operation)
        return try await json(
            """
            select coalesce(json_agg(r), '[]')::text from (
                select (extract(epoch from m.booked_at) * 1000000)::bigint || '.' || m.operation as position,
                    m.montant_minor::text as minor, m.solde_apres_minor::text as after_minor, m.type as kind,
                    m.libelle as label, m.reference, m.carte_id is not null as by_card,
                    coalesce(m.date_comptable, (m.booked_at at time zone 'Europe/Paris')::date) as day,
                    k.devise as currency
                from (\(fragment: Self.moves)) m join public.comptes k on k.id = m.compte_id
                where m.compte_id = \(account) and m.compte_id in (select public.mes_comptes())
                    and (\(time)::bigint is null or (m.booked_at, m.operation)
                        < ('epoch'::timestamptz + \(time)::bigint * interval '1 microsecond', \(operation)::bigint))
                    and (\(filter.from)::date is null
                        or m.booked_at >= \(filter.from)::date::timestamp at time zone 'Europe/Paris')
                    and (\(filter.to)::date is null
                        or m.booked_at < (\(filter.to)::date + 1)::timestamp at time zone 'Europe/Paris')
                    and (\(filter.direction)::text is null or (m.montant_minor > 0) = (\(filter.direction) = 'in'))
                    and (\(pattern)::text is null or m.libelle ilike \(pattern) or m.reference ilike \(pattern)
                        or abs(m.montant_minor)::text like replace(replace(\(pattern), ',', ''), '.', ''))
                order by m.booked_at desc, m.operation desc limit \(filter.size + 1)) r
            """, as: actor
        ).array ?? []
    }

    /// What came in and went out of the caller's accounts of one currency by month, the oldest first. What a balance began
    /// with is neither.
    func months(_ count: Int64, _ currency: String, as actor: Actor) async throws -> [JSON] {
        try await json(
            """
            select coalesce(json_agg(r order by r.month), '[]')::text from (
                select to_char(date_trunc('month', m.booked_at at time zone 'Europe/Paris'), 'YYYY-MM') as month,
                    coalesce(sum(m.montant_minor) filter (where m.montant_minor > 0), 0)::text as in_minor,
                    coalesce(-sum(m.montant_minor) filter (where m.montant_minor < 0), 0)::text as out_minor
                from (\(fragment: Self.moves)) m join public.comptes k on k.id = m.compte_id
                where m.compte_id in (select public.mes_comptes()) and k.devise = \(currency) and m.type <> 'reprise'
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
                select case when m.carte_id is not null then 'carte' else m.type end as kind,
                    sum(-m.montant_minor)::bigint as minor, count(*) as operations
                from (\(fragment: Self.moves)) m join public.comptes k on k.id = m.compte_id
                where m.compte_id in (select public.mes_comptes()) and m.montant_minor < 0 and k.devise = \(currency)
                    and m.type <> 'reprise'
                    and m.booked_at >= (\(month) || '-01')::date::timestamp at time zone 'Europe/Paris'
                    and m.booked_at
                        < ((\(month) || '-01')::date + interval '1 month')::timestamp at time zone 'Europe/Paris'
                group by 1) r
            """, as: actor
        ).array ?? []
    }

    /// `%`, `_` and the backslash stand for themselves.
    static func literal(_ text: String) -> String {
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

    func board(days: Int64, span: DaySpan?, channel: String?, as actor: Actor) async throws -> JSON {
        if let span {
            return try await json(
                "select console.tableau_entre(\(span.from)::date, \(span.to)::date, \(channel))::text", as: actor)
        }
        return try await json("select console.tableau(\(days)::integer, \(channel))::text", as: actor)
    }

    func fraudHistory(days: Int64, as actor: Actor) async throws -> JSON {
        try await json("select console.fraude(\(days)::integer)::text", as: actor)
    }

    func incidents(as actor: Actor) async throws -> JSON {
        try await json("select console.incidents()::text", as: actor)
    }

    func state(as actor: Actor) async throws -> JSON { try await json("select console.etat()::text", as: actor) }

    func users(_ search: String?, most: Int, as actor: Actor) async throws -> JSON {
        try await json(
            "select console.utilisateurs(\(search.map(Self.literal)), \(Int64(most))::integer)::text", as: actor)
    }

    func journal(before: Int64?, kind: String?, most: Int, as actor: Actor) async throws -> JSON {
        try await json(
            "select console.journal(\(before), \(kind.map(Self.literal)), \(Int64(most))::integer)::text", as: actor)
    }

    /// The clocks of the law for an incident of the detection.
    func clocks(incident: String, as actor: Actor) async throws -> JSON {
        try await json("select console.horloges(\(incident))::text", as: actor)
    }

    /// A case of the fraud desk seen from its account, under pseudonyms.
    func fraudCase(_ id: Int64, as actor: Actor) async throws -> JSON {
        try await json("select console.dossier(\(id))::text", as: actor)
    }

    func clients(_ number: Int64, as actor: Actor) async throws -> JSON {
        try await json(
            """
            select coalesce(json_agg(json_build_object('id', id, 'number', numero, 'status', statut, 'since', cree_le)), '[]')::text
            from public.clients where numero = \(number)
            """, as: actor)
    }

    func reveals(most: Int = 50, as actor: Actor) async throws -> [JSON] {
        try await json("select console.revelations(\(Int64(most))::integer)::text", as: actor).array ?? []
    }
}
