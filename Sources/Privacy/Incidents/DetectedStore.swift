internal import Postgres
internal import Web

/// The SQL of incidents of the detection. Its schema may not be there.
struct DetectedStore: Sendable {
    let database: any SQLExecutor

    struct Detected: Sendable {
        let id: String
        let titleFr: String
        let titleEn: String
        let facts: IncidentFacts
    }

    func isThere() async throws -> Bool {
        try await database.one("select to_regclass('detection.incidents') is not null", as: Bool.self)
    }

    func waiting(_ gravities: [String]) async throws -> [Detected] {
        try await detected(
            """
            i.severity = any (\(SQLArray(gravities))::text[]) and i.status <> 'closed' and i.merged_into is null
                and not exists (select from privacy.incidents p where p.source = 'detection' and p.source_id = i.id::text)
            """)
    }

    /// Incidents of the register that the detection may know more of: reference, number of the detection's incident that goes on
    /// for it, and what was taken in last.
    func linked() async throws -> [(reference: String, id: String, detected: String?)] {
        try await database.run(
            """
            select p.reference, coalesce(i.merged_into, i.id)::text, p.detected::text
            from privacy.incidents p join detection.incidents i on i.id::text = p.source_id
            where p.source = 'detection' and p.closed_at is null order by p.opened_at limit 500
            """
        ).map { (try $0.decode(0), try $0.decode(1), try $0.decodeIfPresent(2)) }
    }

    func detected(_ id: String) async throws -> Detected? {
        try await detected("i.id::text = \(id)").first
    }

    private func detected(_ condition: Statement) async throws -> [Detected] {
        try await database.run(
            """
            select i.id::text, i.title_fr, i.title_en, to_json(i.stages)::text, to_json(i.addresses)::text,
                to_json(i.accounts)::text,
                to_char(least(i.first_at, i.opened_at) at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'),
                to_char(i.opened_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'),
                coalesce((select json_agg(distinct f.technique) from detection.findings f
                    where f.incident_id = i.id and f.technique is not null), '[]')::text
            from detection.incidents i
            where \(fragment: condition)
            order by i.opened_at limit 50
            """
        ).map { row in
            let stages = texts(try row.decode(3))
            let moment: String = try row.decode(7)
            var facts = IncidentFacts(occurredAt: try row.decode(6), detectedAt: moment, awareAt: moment)
            facts.isMalicious = true
            facts.stages = stages
            facts.addresses = Array(texts(try row.decode(4)).prefix(200))
            facts.techniques = texts(try row.decode(8))
            facts.clientsAffected = Set(texts(try row.decode(5))).count
            let deep = ["initial_access", "persistence", "collection", "exfiltration", "impact", "credential_access"]
            facts.hasAccess = stages.contains { stage in deep.contains { Self.isSame($0, stage) } }
            if stages.contains(where: { Self.isSame("exfiltration", $0) || Self.isSame("collection", $0) }) {
                facts.dataLost.insert(.confidentiality)
                facts.readCategories = ["person", "contact", "financial"]
            }
            if stages.contains(where: { Self.isSame("impact", $0) }) { facts.dataLost.insert(.integrity) }
            // Counted from the log as it comes; the measurement behind it says what it came to.
            facts.certainty = .estimate
            return Detected(id: try row.decode(0), titleFr: try row.decode(1), titleEn: try row.decode(2), facts: facts)
        }
    }

    /// What is known by now of the persons and the money behind an incident; nil where the detection keeps none.
    struct Persons: Sendable {
        let clients, operations, amountMinor, reads: Int64
        let isChanged: Bool
    }

    /// The number of the detection's incident behind one of the register's.
    func source(of reference: String) async throws -> String? {
        try await database.first(
            "select source_id from privacy.incidents where reference = \(reference) and source = 'detection'",
            as: String.self)
    }

    func persons(_ incident: String) async throws -> Persons? {
        guard try await database.one("select to_regclass('detection.persons') is not null", as: Bool.self) else {
            return nil
        }
        let row = try await database.run(
            """
            with kept as (
                select coalesce(i.merged_into, i.id) as id from detection.incidents i where i.id::text = \(incident)
            ), operations as (
                select distinct x.id, x.montant_minor
                from detection.touched t
                    join public.transactions x on x.id = case when t.key ~ '^[0-9]{1,18}$' then t.key::bigint end
                where t.incident_id = (select id from kept) and t.kind = 'operation' and t.is_changed
            )
            select (select count(*) from detection.persons p where p.incident_id = (select id from kept)),
                (select count(*) from operations), (select coalesce(sum(montant_minor), 0)::bigint from operations),
                (select coalesce(sum(t.acts), 0)::bigint from detection.touched t
                    where t.incident_id = (select id from kept) and t.is_read),
                coalesce((select bool_or(p.is_changed) from detection.persons p
                    where p.incident_id = (select id from kept)), false)
            """
        ).first
        guard let row else { return nil }
        return Persons(
            clients: try row.decode(0), operations: try row.decode(1), amountMinor: try row.decode(2),
            reads: try row.decode(3), isChanged: try row.decode(4))
    }

    private func texts(_ json: String) -> [String] {
        ((try? JSONReader.read(json))?.array ?? []).compactMap(\.string)
    }

    private static func isSame(_ code: String, _ stage: String) -> Bool {
        stage.lowercased().replacing("-", with: "_").replacing(" ", with: "_") == code
    }
}
