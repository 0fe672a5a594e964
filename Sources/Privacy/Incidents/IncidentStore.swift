internal import Foundation
internal import Postgres
internal import Web

/// The SQL of incidents.
struct IncidentStore: Sendable {
    let database: any SQLExecutor

    func open(
        _ facts: IncidentFacts, titleFr: String, titleEn: String, source: String, sourceID: String?, isMajor: Bool,
        isBreach: Bool, classification: String, detected: String?, by name: String
    ) async throws -> String {
        try await database.one(
            """
            insert into privacy.incidents (reference, title_fr, title_en, source, source_id, occurred_at, detected_at, aware_at,
                classified_at, recovered_at, resolved_at, is_major, is_breach, facts, classification, opened_by, major_since,
                breach_since, detected)
            values ('INC-' || to_char(\(facts.detectedAt)::text::timestamptz at time zone 'UTC', 'YYYYMMDD') || '-'
                    || substr(gen_random_uuid()::text, 1, 6),
                \(titleFr), \(titleEn), \(source), \(sourceID), \(facts.occurredAt)::text::timestamptz,
                \(facts.detectedAt)::text::timestamptz, \(facts.awareAt)::text::timestamptz, clock_timestamp(),
                \(facts.recoveredAt)::text::timestamptz, \(facts.resolvedAt)::text::timestamptz, \(isMajor), \(isBreach),
                \(facts.json.text)::jsonb, \(classification)::jsonb, \(name),
                case when \(isMajor) then clock_timestamp() end,
                case when \(isBreach) then \(facts.awareAt)::text::timestamptz end, \(detected)::jsonb)
            returning reference
            """, as: String.self)
    }

    struct Known: Sendable, RowDecodable {
        let id: UUID
        let facts: String
        let classifiedAt: String
        let isClosed, isFalseAlarm: Bool
        let detected: String?

        init(row: Row) throws {
            id = try row.decode(0)
            facts = try row.decode(1)
            classifiedAt = try row.decode(2)
            isClosed = try row.decode(3)
            isFalseAlarm = try row.decode(4)
            detected = try row.decodeIfPresent(5)
        }
    }

    /// - Parameter holds: nobody else changes it until the transaction ends.
    func find(_ reference: String, holds: Bool = false) async throws -> Known? {
        let lock: Statement = holds ? "for update" : ""
        return try await database.first(
            """
            select id, facts::text, to_char(coalesce(major_since, classified_at) at time zone 'UTC',
                    'YYYY-MM-DD"T"HH24:MI:SS"Z"'), closed_at is not null, is_false_alarm, detected::text
            from privacy.incidents where reference = \(reference) \(fragment: lock)
            """, as: Known.self)
    }

    /// Writes what is known now, and beside it what was. A clock that did not run starts now.
    func change(
        _ known: Known, to facts: IncidentFacts, isMajor: Bool, isBreach: Bool, classification: String,
        detected: String?, by name: String
    ) async throws {
        try await database.run(
            """
            insert into privacy.incident_changes
                (incident_id, facts_before, facts_after, was_major, is_major, was_breach, is_breach, changed_by)
            select id, facts, \(facts.json.text)::jsonb, is_major, \(isMajor), is_breach, \(isBreach), \(name)
            from privacy.incidents where id = \(known.id)
            """)
        try await database.run(
            """
            update privacy.incidents set facts = \(facts.json.text)::jsonb, classification = \(classification)::jsonb,
                occurred_at = \(facts.occurredAt)::text::timestamptz, detected_at = \(facts.detectedAt)::text::timestamptz,
                aware_at = \(facts.awareAt)::text::timestamptz, recovered_at = \(facts.recoveredAt)::text::timestamptz,
                resolved_at = \(facts.resolvedAt)::text::timestamptz, is_major = \(isMajor), is_breach = \(isBreach),
                major_since = case when not \(isMajor) then null when is_major then major_since else clock_timestamp() end,
                breach_since = case when not \(isBreach) then null when is_breach then breach_since
                    else clock_timestamp() end,
                detected = coalesce(\(detected)::jsonb, detected)
            where id = \(known.id)
            """)
    }

    func close(_ known: Known, note: String, isFalseAlarm: Bool, by name: String) async throws {
        try await database.run(
            """
            update privacy.incidents set closed_at = clock_timestamp(), closed_by = \(name), closure = \(note),
                is_false_alarm = \(isFalseAlarm), is_major = is_major and not \(isFalseAlarm),
                is_breach = is_breach and not \(isFalseAlarm)
            where id = \(known.id)
            """)
    }

    func changes(_ reference: String) async throws -> String {
        try await database.one(
            """
            select coalesce(json_agg(json_build_object('at', c.changed_at, 'by', c.changed_by, 'was_major', c.was_major,
                'major', c.is_major, 'was_breach', c.was_breach, 'breach', c.is_breach,
                'changed', (select coalesce(json_object_agg(a.key, a.value), '{}') from jsonb_each(c.facts_after) a
                    where c.facts_before -> a.key is distinct from a.value)) order by c.id), '[]')::text
            from privacy.incident_changes c join privacy.incidents i on i.id = c.incident_id
            where i.reference = \(reference)
            """, as: String.self)
    }

    func list() async throws -> String {
        try await database.one(
            """
            select coalesce(json_agg(json_build_object('reference', i.reference, 'title_fr', i.title_fr, 'title_en', i.title_en,
                'source', i.source, 'occurred_at', i.occurred_at, 'aware_at', i.aware_at, 'major', i.is_major,
                'breach', i.is_breach, 'resolved_at', i.resolved_at, 'closed_at', i.closed_at, 'closure', i.closure,
                'false_alarm', i.is_false_alarm,
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
