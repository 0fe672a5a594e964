internal import Foundation
internal import Postgres

/// The SQL of persons' rights.
struct RightsStore: Sendable {
    let database: any SQLExecutor

    static let sealedFields = ["nom", "prenom", "email", "telephone", "adresse", "date_naissance", "nir"]

    struct Identity: Sendable {
        let status: String
        let title: String?
        let fields: [(String, [UInt8])]
    }

    func client(number: Int64) async throws -> UUID? {
        try await database.run("select id from public.clients where numero = \(number)").first?.decode(0)
    }

    func client(user: UUID) async throws -> UUID? {
        try await database.run("select id from public.clients where utilisateur_id = \(user)").first?.decode(0)
    }

    func isKnown(_ client: UUID) async throws -> Bool {
        try await database.one("select exists (select from public.clients where id = \(client))", as: Bool.self)
    }

    func identity(of client: UUID) async throws -> Identity? {
        guard
            let row = try await database.run(
                """
                select statut, civilite, nom_chiffre, prenom_chiffre, email_chiffre, telephone_chiffre, adresse_chiffre,
                    date_naissance_chiffre, nir_chiffre
                from public.clients where id = \(client)
                """
            ).first
        else { return nil }
        var fields: [(String, [UInt8])] = []
        for (index, name) in Self.sealedFields.enumerated() {
            if let bytes: [UInt8] = try row.decodeIfPresent(index + 2) { fields.append((name, bytes)) }
        }
        return Identity(status: try row.decode(0), title: try row.decodeIfPresent(1), fields: fields)
    }

    func addRequest(
        _ client: UUID, kind: String, status: String, by requester: Requester, reason: String?, outcome: String
    ) async throws -> UUID {
        try await database.value(
            """
            insert into privacy.requests (client_id, kind, status, channel, requested_by, reason, ended_at, outcome)
            values (\(client), \(kind), \(status), \(requester.channel.rawValue), \(requester.name), \(reason),
                case when \(status) = 'received' then null else clock_timestamp() end, \(outcome)::jsonb)
            returning id
            """, as: UUID.self)
    }

    func endRequest(_ id: UUID, status: String, outcome: String) async throws -> Bool {
        try await database.execute(
            """
            update privacy.requests set status = \(status), ended_at = clock_timestamp(), outcome = \(outcome)::jsonb
            where id = \(id) and status = 'received'
            """) == 1
    }

    func extendRequest(_ id: UUID, because reason: String) async throws -> Bool {
        try await database.execute(
            """
            update privacy.requests set due_at = received_at + interval '3 months', extended_because = \(reason)
            where id = \(id) and status = 'received' and extended_because is null
            """) == 1
    }

    func requests(of client: UUID?) async throws -> String {
        try await database.one(
            """
            select coalesce(json_agg(json_build_object(
                'id', id, 'client', client_id, 'kind', kind, 'status', status, 'received_at', received_at,
                'due_at', due_at, 'ended_at', ended_at, 'overdue', status = 'received' and due_at < clock_timestamp(),
                'reason', reason, 'extended_because', extended_because, 'outcome', outcome) order by received_at desc), '[]')::text
            from (select * from privacy.requests where \(client)::uuid is null or client_id = \(client)
                order by received_at desc limit 1000) r
            """, as: String.self)
    }

    func requestLines(all: Bool) async throws -> [RequestLine] {
        try await database.all(
            """
            select r.id, r.kind, r.status, coalesce(c.numero, 0), r.channel, to_char(r.received_at, 'YYYY-MM-DD'),
                to_char(r.due_at, 'YYYY-MM-DD'), floor(extract(epoch from r.due_at - clock_timestamp()) / 86400)::integer,
                r.status = 'received' and r.due_at < clock_timestamp()
            from privacy.requests r left join public.clients c on c.id = r.client_id
            where \(all) or r.status = 'received'
            order by r.status <> 'received', case when r.status = 'received' then r.due_at end, r.received_at desc limit 1000
            """, as: RequestLine.self)
    }

    func seal(
        _ client: UUID, field: String, _ sealed: [UInt8]?, plain: String?, index: [UInt8]?
    ) async throws {
        switch field {
        case "civilite": try await database.run("update public.clients set civilite = \(plain) where id = \(client)")
        case "email":
            try await database.run(
                "update public.clients set email_chiffre = \(sealed), email_index = \(index) where id = \(client)")
        case "telephone":
            try await database.run(
                "update public.clients set telephone_chiffre = \(sealed), telephone_index = \(index) where id = \(client)"
            )
        default:
            let column = field + "_chiffre"
            try await database.run(
                "update public.clients set \(identifier: column) = \(sealed) where id = \(client)")
        }
    }

    func addRectification(
        _ client: UUID, field: String, old: [UInt8]?, new: [UInt8]?, reason: String, by name: String
    ) async throws {
        try await database.run(
            """
            insert into privacy.rectifications (client_id, field, old_sealed, new_sealed, reason, changed_by)
            values (\(client), \(field), \(old), \(new), \(reason), \(name))
            """)
    }

    func restrict(_ client: UUID, ground: String, reason: String, by name: String) async throws {
        try await database.run(
            """
            insert into privacy.restrictions (client_id, ground, reason, placed_by)
            values (\(client), \(ground), \(reason), \(name))
            on conflict (client_id) do update set ground = excluded.ground, reason = excluded.reason
            """)
    }

    func liftRestriction(_ client: UUID) async throws -> Bool {
        try await database.execute("delete from privacy.restrictions where client_id = \(client)") == 1
    }

    func object(_ client: UUID, purpose: String, reason: String?) async throws {
        try await database.run(
            """
            insert into privacy.objections (client_id, purpose, reason) values (\(client), \(purpose), \(reason))
            on conflict do nothing
            """)
    }

    func addConsent(
        _ client: UUID, purpose: String, isGiven: Bool, version: String, sha256: [UInt8], by requester: Requester,
        proof: String
    ) async throws {
        try await database.run(
            """
            insert into privacy.consents (client_id, purpose, is_given, text_version, text_sha256, channel, proof)
            values (\(client), \(purpose), \(isGiven), \(version), \(sha256), \(requester.channel.rawValue), \(proof)::jsonb)
            """)
    }

    func consents(of client: UUID) async throws -> String {
        try await database.one(
            """
            select coalesce(json_agg(c order by c.purpose), '[]')::text
            from (select distinct on (purpose) purpose, is_given as given, text_version, recorded_at
                from privacy.consents where client_id = \(client) order by purpose, id desc) c
            """, as: String.self)
    }

    /// Who looked at the client's data, the newest first.
    func readers(of client: UUID) async throws -> String {
        try await database.one(
            """
            select coalesce(json_agg(r), '[]')::text from (
                select 'bank employee' as reader, array_to_string(fields, ', ') as fields, reason, count, last_at as at
                from privacy.reads where client_id = \(client)
                union all
                select 'bank administrator', champ, motif, 1, accordee_le from public.revelations where client_id = \(client)
                order by at desc limit 500) r
            """, as: String.self)
    }

    func askGlass(_ purpose: String, reason: String, by name: String) async throws -> UUID {
        try await database.value(
            "insert into privacy.glass (purpose, reason, asked_by) values (\(purpose), \(reason), \(name)) returning id",
            as: UUID.self)
    }

    func glass(_ id: UUID) async throws -> (purpose: String, askedBy: String, isOpen: Bool, isApproved: Bool)? {
        guard
            let row = try await database.run(
                """
                select purpose, asked_by, coalesce(expires_at > clock_timestamp(), false), approved_by is not null
                from privacy.glass where id = \(id)
                """
            ).first
        else { return nil }
        return (try row.decode(0), try row.decode(1), try row.decode(2), try row.decode(3))
    }

    func approveGlass(_ id: UUID, by name: String) async throws {
        try await database.run(
            """
            update privacy.glass set approved_by = \(name), approved_at = statement_timestamp(),
                expires_at = statement_timestamp() + interval '15 minutes'
            where id = \(id) and approved_by is null
            """)
    }

    func sealedToken(_ token: String) async throws -> [UInt8]? {
        try await database.run("select sealed from privacy.log_identities where token = \(token)").first?.decode(0)
    }

    func addTokens(_ tokens: [String], _ sealed: [String]) async throws {
        try await database.run(
            """
            insert into privacy.log_identities (token, sealed)
            select t, decode(s, 'hex') from unnest(\(SQLArray(tokens))::text[], \(SQLArray(sealed))::text[]) n (t, s)
            on conflict (token) do update set last_seen = excluded.last_seen
            where log_identities.last_seen < excluded.last_seen - interval '1 day'
            """)
    }

    /// Microseconds since 1970 by the server's clock.
    func now() async throws -> Int64 {
        try await database.one("select (extract(epoch from clock_timestamp()) * 1000000)::bigint", as: Int64.self)
    }

    /// Adds what is not known; what is stays as it is. A token may come twice.
    func takeInTokens(_ tokens: [String], _ sealed: [String]) async throws -> Int {
        try await database.execute(
            """
            insert into privacy.log_identities (token, sealed)
            select distinct on (t) t, decode(s, 'hex')
            from unnest(\(SQLArray(tokens))::text[], \(SQLArray(sealed))::text[]) n (t, s)
            on conflict (token) do nothing
            """)
    }

    /// Dates what was added since then by the last line that shows it.
    func dateTokens(since moment: Int64) async throws {
        try await database.run(
            """
            update privacy.log_identities i set last_seen = s.at
            from (
                select t.token, max(l.horodatage) as at
                from public.logs l
                    cross join lateral (values (l.adresse_jeton), (l.acteur_jeton), (l.objet_jeton)) t (token)
                where t.token is not null group by t.token) s
            where i.token = s.token and i.first_seen >= to_timestamp(\(moment) / 1e6)
            """)
    }

    func addReads(_ batch: [ReadJournal.Entry]) async throws {
        try await database.run(
            """
            insert into privacy.reads (reader, client_id, fields, reason, count, first_at, last_at)
            select reader, client::uuid, string_to_array(fields, ','), reason, count, to_timestamp(first / 1e6),
                to_timestamp(last / 1e6)
            from unnest(\(SQLArray(batch.map(\.key.reader)))::text[], \(SQLArray(batch.map(\.key.client.uuidString)))::text[],
                \(SQLArray(batch.map(\.key.fields)))::text[], \(SQLArray(batch.map(\.key.reason)))::text[],
                \(SQLArray(batch.map { Int64($0.count) }))::bigint[], \(SQLArray(batch.map(\.first)))::bigint[],
                \(SQLArray(batch.map(\.last)))::bigint[]) n (reader, client, fields, reason, count, first, last)
            """)
    }
}
