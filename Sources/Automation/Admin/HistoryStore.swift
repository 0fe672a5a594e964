internal import Postgres

/// The SQL of what people look at and do by hand. Payloads are shown masked only.
struct HistoryStore: Sendable {
    let database: any SQLExecutor

    static let pageMax = 500

    /// Runs, the newest first, each with its deliveries, as one JSON array.
    func runs(scenario: String?, status: String?, before: Int64?, limit: Int) async throws -> String {
        try await database.one(
            """
            select coalesce(json_agg(x order by x.id desc), '[]')::text from (
                select r.id, r.scenario, r.version, r.dedupe as event, r.event_at, r.started_at, r.notes,
                    (select coalesce(json_agg(json_build_object('id', d.id, 'step', d.step,
                        'destination', d.destination, 'status', d.status, 'attempts', d.attempts, 'code', d.code,
                        'detail', d.detail, 'created_at', d.created_at, 'settled_at', d.settled_at) order by d.id), '[]')
                        from automation.deliveries d where d.run_id = r.id) as deliveries
                from automation.runs r
                where (\(scenario)::text is null or r.scenario = \(scenario))
                    and (\(before)::bigint is null or r.id < \(before))
                    and (\(status)::text is null or exists (
                        select from automation.deliveries d where d.run_id = r.id and d.status = \(status)))
                order by r.id desc limit \(min(max(limit, 1), Self.pageMax))) x
            """, as: String.self)
    }

    /// One delivery with its masked payload and every attempt.
    func delivery(_ id: Int64) async throws -> String? {
        try await database.run(
            """
            select json_build_object('id', d.id, 'run', d.run_id, 'scenario', d.scenario, 'step', d.step,
                'destination', d.destination, 'key', d.key, 'lane', d.lane, 'status', d.status, 'payload', d.shown,
                'created_at', d.created_at, 'expires_at', d.expires_at, 'settled_at', d.settled_at,
                'attempts', (select coalesce(json_agg(json_build_object('number', a.number, 'at', a.at,
                    'sent', a.sent, 'code', a.code, 'milliseconds', a.milliseconds, 'detail', a.detail)
                    order by a.number), '[]') from automation.attempts a where a.delivery_id = d.id))::text
            from automation.deliveries d where d.id = \(id)
            """
        ).first?.decode(0)
    }

    func dead(scenario: String?, destination: String?, limit: Int) async throws -> [Int64] {
        try await database.all(
            """
            select id from automation.deliveries
            where status = 'dead' and (\(scenario)::text is null or scenario = \(scenario))
                and (\(destination)::text is null or destination = \(destination))
            order by id limit \(limit)
            """, as: Int64.self)
    }

    func replay(_ ids: [Int64], patienceSeconds: Int) async throws -> Int64 {
        try await database.one(
            """
            select automation.replay(\(SQLArray(ids))::bigint[], make_interval(secs => \(patienceSeconds)))
            """, as: Int64.self)
    }

    /// A dead delivery that nobody wants any more.
    func drop(_ id: Int64) async throws -> Bool {
        try await database.execute(
            """
            update automation.deliveries set status = 'dropped', payload = null, settled_at = clock_timestamp()
            where id = \(id) and status = 'dead'
            """) > 0
    }

    // MARK: destinations

    func destinations() async throws -> String {
        try await database.one(
            """
            select coalesce(json_agg(x order by x.name), '[]')::text from (
                select d.name, d.kind, d.settings, d.secret is not null as has_secret, d.rate, d.burst, d.failures,
                    d.open_until, d.enabled, d.disabled_reason, d.changed_by, d.changed_at,
                    (select coalesce(sum(l.waiting), 0) from automation.lanes l where l.destination = d.name) as waiting,
                    (select count(*) from automation.deliveries q where q.destination = d.name and q.status = 'dead')
                        as dead
                from automation.destinations d) x
            """, as: String.self)
    }

    func keepDestination(
        _ name: String, kind: String, settings: String, secret: [UInt8]?, rate: Double?, burst: Int, by author: String
    ) async throws {
        try await database.execute(
            """
            insert into automation.destinations as d (name, kind, settings, secret, rate, burst, tokens, changed_by)
            values (\(name), \(kind), \(settings)::jsonb, \(secret), \(rate), \(burst)::integer, \(burst), \(author))
            on conflict (name) do update
            set kind = excluded.kind, settings = excluded.settings, secret = coalesce(excluded.secret, d.secret),
                rate = excluded.rate, burst = excluded.burst, enabled = true, disabled_reason = null, failures = 0,
                open_until = null, changed_by = excluded.changed_by, changed_at = clock_timestamp()
            """)
    }

    func removeDestination(_ name: String) async throws -> Bool {
        try await database.execute(
            "delete from automation.destinations where name = \(name) and kind <> 'bank'") > 0
    }

    func waitingWithout() async throws -> [String] {
        try await database.all(
            """
            select distinct l.destination from automation.lanes l
            where not exists (select from automation.destinations d where d.name = l.destination) order by 1
            """, as: String.self)
    }

    // MARK: age

    /// Removes what is older than the history is kept, at most so many rows of a kind; returns the most that went of one:
    /// with less than `most` nothing is left.
    func prune(days: Int, most: Int) async throws -> Int {
        let receipts = try await database.execute(
            """
            delete from automation.receipts where ctid = any (array(
                select r.ctid from automation.receipts r where r.until < clock_timestamp() limit \(most)))
            """)
        let firings = try await database.execute(
            """
            delete from automation.firings where ctid = any (array(
                select f.ctid from automation.firings f
                where f.due_at < clock_timestamp() - make_interval(days => \(days)::integer) limit \(most)))
            """)
        let runs = try await database.execute(
            """
            delete from automation.runs where id in (
                select r.id from automation.runs r
                where r.started_at < clock_timestamp() - make_interval(days => \(days)::integer)
                    and not exists (select from automation.deliveries d
                        where d.run_id = r.id and d.status = 'pending')
                order by r.id limit \(most))
            """)
        return max(receipts, firings, runs)
    }
}
