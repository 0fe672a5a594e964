internal import Foundation
internal import Postgres
internal import Web

/// The SQL of incidents.
struct IncidentStore: Sendable {
    let database: any SQLExecutor

    func open(
        _ facts: IncidentFacts, titleFr: String, titleEn: String, source: String, sourceID: String?, isMajor: Bool,
        isBreach: Bool, classification: String, by name: String
    ) async throws -> String {
        try await database.one(
            """
            insert into privacy.incidents (reference, title_fr, title_en, source, source_id, occurred_at, detected_at, aware_at,
                classified_at, recovered_at, resolved_at, is_major, is_breach, facts, classification, opened_by)
            values ('INC-' || to_char(\(facts.detectedAt)::text::timestamptz at time zone 'UTC', 'YYYYMMDD') || '-'
                    || substr(gen_random_uuid()::text, 1, 6),
                \(titleFr), \(titleEn), \(source), \(sourceID), \(facts.occurredAt)::text::timestamptz,
                \(facts.detectedAt)::text::timestamptz, \(facts.awareAt)::text::timestamptz, clock_timestamp(),
                \(facts.recoveredAt)::text::timestamptz, \(facts.resolvedAt)::text::timestamptz, \(isMajor), \(isBreach),
                \(facts.json.text)::jsonb, \(classification)::jsonb, \(name))
            returning reference
            """, as: String.self)
    }

    struct Known: Sendable, RowDecodable {
        let id: UUID
        let facts: String
        let classifiedAt: String

        init(row: Row) throws {
            id = try row.decode(0)
            facts = try row.decode(1)
            classifiedAt = try row.decode(2)
        }
    }

    func find(_ reference: String) async throws -> Known? {
        try await database.first(
            """
            select id, facts::text, to_char(classified_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"')
            from privacy.incidents where reference = \(reference)
            """, as: Known.self)
    }

    func list() async throws -> String {
        try await database.one(
            """
            select coalesce(json_agg(json_build_object('reference', i.reference, 'title_fr', i.title_fr, 'title_en', i.title_en,
                'source', i.source, 'occurred_at', i.occurred_at, 'aware_at', i.aware_at, 'major', i.is_major,
                'breach', i.is_breach, 'resolved_at', i.resolved_at,
                'clocks', (select coalesce(json_agg(json_build_object('clock', c.clock, 'due_at', c.due_at, 'state', c.state,
                    'remaining_seconds', extract(epoch from c.remaining)::bigint)), '[]')
                    from privacy.clocks c where c.incident_id = i.id))
                order by i.opened_at desc), '[]')::text
            from privacy.incidents i
            """, as: String.self)
    }

    func breaches() async throws -> String {
        try await database.one(
            "select coalesce(json_agg(b order by b.aware_at desc), '[]')::text from privacy.breaches b", as: String.self
        )
    }

    func clocks(_ reference: String) async throws -> [(clock: String, state: String, dueAt: String)] {
        try await database.run(
            """
            select clock, state, to_char(due_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') from privacy.clocks
            where reference = \(reference) order by clock
            """
        ).map { (try $0.decode(0), try $0.decode(1), try $0.decode(2)) }
    }

    func addReport(_ incident: UUID, kind: String, document: String, by name: String) async throws -> Int64 {
        try await database.one(
            """
            insert into privacy.incident_reports (incident_id, kind, document, made_by)
            values (\(incident), \(kind), \(document)::jsonb, \(name)) returning id
            """, as: Int64.self)
    }

    func markSent(_ incident: UUID, kind: String) async throws -> Bool {
        try await database.execute(
            """
            update privacy.incident_reports set sent_at = clock_timestamp()
            where id = (select max(id) from privacy.incident_reports where incident_id = \(incident) and kind = \(kind))
                and sent_at is null
            """) == 1
    }

    func end(_ reference: String, at moment: String, facts: String) async throws -> Bool {
        try await database.execute(
            """
            update privacy.incidents set resolved_at = \(moment)::text::timestamptz, facts = \(facts)::jsonb
            where reference = \(reference)
            """) == 1
    }

    /// Moments of the six months before at which incidents of the same cause occurred that were no major ones by themselves
    /// (Delegated Regulation (EU) 2024/1772, article 8(2)).
    func recurring(before moment: String, isMalicious: Bool) async throws -> [String] {
        try await database.all(
            """
            select to_char(occurred_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') from privacy.incidents
            where occurred_at < \(moment)::text::timestamptz
                and occurred_at >= \(moment)::text::timestamptz - interval '6 months'
                and is_major is false and coalesce((facts ->> 'malicious')::boolean, false) = \(isMalicious)
            order by occurred_at limit 1000
            """, as: String.self)
    }

    struct Totals: Sendable, RowDecodable {
        let clients, counterparts, amountPerDay: Int64
        let operationsPerDay: Double

        init(row: Row) throws {
            clients = try row.decode(0)
            counterparts = try row.decode(1)
            operationsPerDay = try row.decode(2)
            amountPerDay = try row.decode(3)
        }
    }

    /// The bank's size in the thirty days before the incident.
    func totals(before moment: String) async throws -> Totals {
        try await database.one(
            """
            select (select count(*) from public.clients where statut <> 'efface'),
                (select count(distinct bic) from public.beneficiaires where bic is not null),
                count(*) / 30.0::double precision, (coalesce(sum(montant_minor), 0) / 30)::bigint
            from public.transactions
            where booked_at < \(moment)::text::timestamptz and booked_at >= \(moment)::text::timestamptz - interval '30 days'
            """, as: Totals.self)
    }

    /// Clients and amounts behind rows that were touched, by the accounts' and operations' numbers.
    func touched(accounts: [Int64], operations: [Int64]) async throws -> (
        clients: Int64, amount: Int64, operations: Int64
    ) {
        let row = try await database.run(
            """
            with t as (
                select compte_debit_id, compte_credit_id, montant_minor from public.transactions
                where id = any (\(SQLArray(operations))::bigint[])
            )
            select (select count(distinct k.client_id) from public.comptes k
                    where k.client_id is not null and (k.id = any (\(SQLArray(accounts))::bigint[])
                        or k.id in (select compte_debit_id from t) or k.id in (select compte_credit_id from t))),
                (select coalesce(sum(montant_minor), 0)::bigint from t), (select count(*) from t)
            """
        ).first
        guard let row else { return (0, 0, 0) }
        return (try row.decode(0), try row.decode(1), try row.decode(2))
    }
}
