internal import Postgres

/// The SQL of cases and lists.
struct CaseStore: Sendable {
    let database: any SQLExecutor

    /// Open cases, the greatest expected loss first, as one JSON array.
    func queue(limit: Int) async throws -> String {
        try await database.one(
            """
            select coalesce(json_agg(c), '[]')::text from (
                select id, client, statut as status, priorite as expected_loss, alertes as alerts,
                    montant_max_minor as largest_minor, confie_a as assigned_to, propose_par as proposed_by,
                    propose_fraude as proposed_fraud, ouvert_le as opened_at,
                    extract(epoch from clock_timestamp() - ouvert_le)::bigint as age_seconds
                from fraud.dossiers where statut <> 'clos' order by priorite desc, id limit \(limit)) c
            """, as: String.self)
    }

    func show(_ id: Int64) async throws -> String? {
        try await database.run(
            """
            select json_build_object('id', d.id, 'client', d.client, 'status', d.statut, 'expected_loss', d.priorite,
                'alerts', d.alertes, 'assigned_to', d.confie_a, 'proposed_by', d.propose_par,
                'decided_by', d.tranche_par, 'fraud', d.fraude, 'reason', d.motif, 'opened_at', d.ouvert_le,
                'payments', (select json_agg(json_build_object('payment', x.paiement, 'amount_minor', x.montant_minor,
                    'probability', x.probabilite, 'verdict', x.verdict, 'rules', x.regles, 'reasons', x.raisons::json)
                    order by x.rang)
                    from fraud.dossiers_paiements p join fraud.decisions x on x.paiement = p.paiement
                    where p.dossier_id = d.id),
                'notes', (select coalesce(json_agg(json_build_object('author', n.auteur, 'note', n.note,
                    'written_at', n.ecrite_le) order by n.id), '[]') from fraud.dossiers_notes n
                    where n.dossier_id = d.id))::text
            from fraud.dossiers d where d.id = \(id)
            """
        ).first?.decode(0)
    }

    struct Hold: Sendable {
        var status: String
        var largestMinor: Int64
        var proposedBy: String?
        var proposedFraud: Bool?
        var payments: [Int64]
    }

    func hold(_ id: Int64) async throws -> Hold? {
        guard
            let row = try await database.run(
                """
                select statut, montant_max_minor, propose_par, propose_fraude from fraud.dossiers where id = \(id)
                for update
                """
            ).first
        else { return nil }
        let payments = try await database.all(
            "select paiement from fraud.dossiers_paiements where dossier_id = \(id) order by paiement", as: Int64.self)
        return Hold(
            status: try row.decode(0), largestMinor: try row.decode(1), proposedBy: try row.decodeIfPresent(2),
            proposedFraud: try row.decodeIfPresent(3), payments: payments)
    }

    enum Assignment: Sendable, Hashable {
        case done
        case unknown
        case taken(by: String)
    }

    /// An open case that is nobody's, or the analyst's own already; with `isForced` anybody's.
    func assign(_ id: Int64, to analyst: String, isForced: Bool) async throws -> Assignment {
        let row = try await database.run(
            """
            with avant as (
                select id, confie_a from fraud.dossiers where id = \(id) and statut <> 'clos' for update
            ), pris as (
                update fraud.dossiers d set confie_a = \(analyst) from avant a
                where d.id = a.id and (\(isForced) or coalesce(a.confie_a, \(analyst)) = \(analyst)) returning d.id
            )
            select a.confie_a, exists (select from pris) from avant a
            """
        ).first
        guard let row else { return .unknown }
        return try row.decode(1) ? .done : .taken(by: row.decodeIfPresent(0) ?? "")
    }

    /// What somebody proposes to say of a payment, until another says the same.
    func proposal(_ payment: Int64) async throws -> (author: String, isFraud: Bool)? {
        try await database.run(
            "select auteur, fraude from fraud.etiquettes_proposees where paiement = \(payment) for update"
        ).first.map { (try $0.decode(0), try $0.decode(1)) }
    }

    func propose(payment: Int64, isFraud: Bool, by analyst: String) async throws {
        try await database.run(
            """
            insert into fraud.etiquettes_proposees (paiement, fraude, auteur) values (\(payment), \(isFraud), \(analyst))
            on conflict (paiement) do update
            set fraude = excluded.fraude, auteur = excluded.auteur, dit_le = clock_timestamp()
            """)
    }

    func withdraw(payment: Int64) async throws {
        try await database.run("delete from fraud.etiquettes_proposees where paiement = \(payment)")
    }

    /// The amount of a payment that was decided on, held until the transaction ends.
    func amount(of payment: Int64) async throws -> Int64? {
        try await database.run(
            "select montant_minor from fraud.decisions where paiement = \(payment) for no key update"
        )
        .first?.decode(0)
    }

    func note(_ id: Int64, author: String, text: String) async throws {
        try await database.run(
            "insert into fraud.dossiers_notes (dossier_id, auteur, note) values (\(id), \(author), \(text))")
    }

    func propose(_ id: Int64, isFraud: Bool, by analyst: String) async throws {
        try await database.run(
            """
            update fraud.dossiers set statut = 'propose', propose_par = \(analyst), propose_fraude = \(isFraud)
            where id = \(id)
            """)
    }

    func close(_ id: Int64, isFraud: Bool, reason: String, by analyst: String) async throws {
        try await database.run(
            """
            update fraud.dossiers set statut = 'clos', tranche_par = \(analyst), fraude = \(isFraud), motif = \(reason),
                tranche_le = clock_timestamp()
            where id = \(id)
            """)
    }

    // MARK: lists

    func put(
        _ list: String, entity: String, key: Int64, reason: String, author: String, expiresInSeconds: Int64?
    ) async throws {
        try await database.run(
            """
            insert into fraud.listes (genre, entite, cle, motif, auteur, expire_le)
            values (\(list), \(entity), \(key), \(reason), \(author),
                clock_timestamp() + \(expiresInSeconds)::bigint * interval '1 second')
            on conflict (genre, entite, cle) do update
            set motif = excluded.motif, auteur = excluded.auteur, expire_le = excluded.expire_le
            """)
    }

    func remove(_ list: String, entity: String, key: Int64) async throws -> Bool {
        try await database.execute(
            "delete from fraud.listes where genre = \(list) and entite = \(entity) and cle = \(key)") == 1
    }

    func decision(_ payment: Int64) async throws -> (columns: [UInt8], model: Int64?)? {
        try await database.run("select colonnes, modele_id from fraud.decisions where paiement = \(payment)").first.map
        {
            (try $0.decode(0), try $0.decodeIfPresent(1))
        }
    }

    /// Columns of the last decisions, for drift.
    func recentColumns(limit: Int) async throws -> [[UInt8]] {
        try await database.run(
            "select colonnes from fraud.decisions where colonnes <> '' order by rang desc limit \(limit)"
        ).map { try $0.decode(0) }
    }

    /// Control payments with a known end, said by somebody or by the delay that passed in silence, and how many of them were
    /// genuine: those a client would have been held for.
    func controlGroup(labelDelaySeconds: Int64) async throws -> (judged: Int, genuine: Int) {
        let row = try await database.run(
            """
            select count(*), count(*) filter (where not coalesce(e.fraude, false)) from fraud.decisions d
            left join fraud.etiquettes e on e.paiement = d.paiement
            where d.temoin and (e.paiement is not null
                or d.decide_le < clock_timestamp() - make_interval(secs => \(Double(labelDelaySeconds))))
            """
        ).first
        return (try row?.decode(0) ?? 0, try row?.decode(1) ?? 0)
    }
}
