internal import Postgres

/// The SQL of incidents, findings and responses in schema `detection`.
struct DetectionStore: Sendable {
    let database: any SQLExecutor

    /// - Parameter incident: as `IncidentRecord` tells it.
    func record(_ incident: String, source: String) async throws -> (id: String, isNew: Bool) {
        let rows = try await database.run(
            "select incident::text, is_new from detection.record(\(incident)::jsonb, \(source))")
        guard let row = rows.first else {
            throw PostgresError(kind: .decoding, message: "an incident was recorded without a name")
        }
        return (try row.decode(0), try row.decode(1))
    }

    /// Whom an incident concerns, with what it touched besides what is known.
    func touch(_ id: String, _ objects: String) async throws -> PersonsTouched? {
        let row = try await database.run(
            """
            select persons, of_read, of_changed, of_tampered from detection.touch(\(id)::uuid, \(objects)::jsonb)
            """
        ).first
        return try row.map {
            PersonsTouched(
                count: try $0.decode(0), read: try $0.decode(1), changed: try $0.decode(2), tampered: try $0.decode(3))
        }
    }

    private static let columns: Statement = """
        i.id, i.reference, i.source, i.opened_at, i.updated_at, i.first_at as from, i.last_at as to, i.severity, i.status,
            i.title_fr, i.title_en, i.stages, i.addresses, i.accounts, i.restore_before, i.merged_into, i.handled_by,
            i.handled_at, i.reason, (select count(*) from detection.findings f where f.incident_id = i.id) as findings
        """

    func incidents(status: String?, limit: Int) async throws -> String {
        try await database.one(
            """
            select coalesce(json_agg(x), '[]')::text from (
                select \(fragment: Self.columns) from detection.incidents i
                where i.merged_into is null and (\(status)::text is null or i.status = \(status))
                order by i.status = 'closed', detection.rank(i.severity) desc, i.last_at desc, i.id limit \(limit)) x
            """, as: String.self)
    }

    func incident(_ id: String) async throws -> String? {
        try await database.run(
            """
            select (to_jsonb(x) || jsonb_build_object(
                'document', (select i.document from detection.incidents i where i.id = x.id),
                'timeline', (select coalesce(jsonb_agg(f.document order by f.at, f.id), '[]') from (
                    select f.at, f.id, f.document from detection.findings f where f.incident_id = x.id
                    order by f.at, f.id limit 5000) f),
                'persons', (select coalesce(jsonb_agg(to_jsonb(p) - 'incident_id' order by p.first_at, p.client_id), '[]')
                    from (select * from detection.persons p where p.incident_id = x.id
                        order by p.first_at, p.client_id limit 1000) p),
                'tampered', (select coalesce(jsonb_agg(t.detail order by t.kind, t.key), '[]')
                    from (select * from detection.touched t where t.incident_id = x.id and t.source = 'recovery'
                        order by t.kind, t.key limit 1000) t),
                'responses', (select coalesce(jsonb_agg(to_jsonb(r) - 'before' order by r.id), '[]')
                    from detection.responses r where r.incident_id = x.id)))::text
            from (select \(fragment: Self.columns) from detection.incidents i where i.id = \(id)::uuid) x
            """
        ).first?.decode(0)
    }

    /// What an incident was before; nil when there is none.
    func hold(_ id: String) async throws -> (status: String, reference: String)? {
        try await database.run(
            "select status, reference from detection.incidents where id = \(id)::uuid and merged_into is null for update"
        ).first.map { (try $0.decode(0), try $0.decode(1)) }
    }

    func handle(_ id: String, status: String, reason: String?, by author: String) async throws {
        try await database.run(
            """
            update detection.incidents set status = \(status), reason = \(reason), handled_by = \(author),
                handled_at = clock_timestamp(), updated_at = clock_timestamp() where id = \(id)::uuid
            """)
    }

    func respond(_ order: ResponseOrder, by author: String, isAutomatic: Bool) async throws -> (id: Int64, isNew: Bool)
    {
        let rows = try await database.run(
            """
            select response, is_new from detection.respond(\(order.action.rawValue), \(order.target), \(order.reason),
                \(author), clock_timestamp() + \(order.seconds)::bigint * interval '1 second', \(order.incident)::uuid,
                \(order.isDryRun), \(isAutomatic))
            """)
        guard let row = rows.first else {
            throw PostgresError(kind: .decoding, message: "a response was made without a number")
        }
        return (try row.decode(0), try row.decode(1))
    }

    func takeBack(_ id: Int64, by author: String) async throws -> Bool {
        try await database.one("select detection.take_back(\(id), \(author))", as: Bool.self)
    }

    /// The number of the response in force.
    func active(_ action: String, _ target: String) async throws -> Int64? {
        try await database.first(
            """
            select id from detection.responses
            where action = \(action) and target = \(target) and ended_at is null and not dry_run
            """, as: Int64.self)
    }

    func responses(onlyActive: Bool, limit: Int) async throws -> String {
        try await database.one(
            """
            select coalesce(json_agg(x), '[]')::text from (
                select id, incident_id, action, target, reason, decided_by, dry_run, decided_at, until, touched, ended_at,
                    ended_by
                from detection.responses where not \(onlyActive) or (ended_at is null and not dry_run)
                order by id desc limit \(limit)) x
            """, as: String.self)
    }

    /// Numbers of responses whose time is over.
    func past() async throws -> [Int64] {
        try await database.all(
            """
            select id from detection.responses
            where ended_at is null and (until <= clock_timestamp() or dry_run) order by id limit 500
            """, as: Int64.self)
    }

    /// What the server has to know of each request and each payment.
    func inForce() async throws -> [(action: String, target: String)] {
        try await database.run(
            """
            select action, target from detection.responses
            where ended_at is null and not dry_run and action in ('ban_address', 'require_step_up')
            """
        ).map { (try $0.decode(0), try $0.decode(1)) }
    }
}
