internal import Postgres
internal import Web

/// The SQL of attempts, of the audit log and of what is thrown away.
struct ServiceStore: Sendable {
    let database: any SQLExecutor

    /// Seconds to wait before the next attempt; 0 when there is room.
    func countAttempt(_ scope: String, subject: [UInt8], window: AttemptWindow) async throws -> Int {
        try await database.one(
            """
            select auth.count_attempt(\(scope), \(subject), \(Int64(window.seconds)) * interval '1 second',
                \(Int32(clamping: window.count)))
            """, as: Int.self)
    }

    /// What `countAttempt` would say, without counting.
    func peekAttempt(_ scope: String, subject: [UInt8], window: AttemptWindow) async throws -> Int {
        try await database.one(
            """
            select auth.peek_attempt(\(scope), \(subject), \(Int64(window.seconds)) * interval '1 second',
                \(Int32(clamping: window.count)))
            """, as: Int.self)
    }

    func refundAttempt(_ scope: String, subject: [UInt8], window: AttemptWindow) async throws {
        try await database.run(
            """
            select auth.refund_attempt(\(scope), \(subject), \(Int64(window.seconds)) * interval '1 second')
            """)
    }

    /// Whether a turn that was claimed still lasts.
    func holdsTurn(_ scope: String, subject: [UInt8]) async throws -> Bool {
        try await database.one(
            """
            select exists (select from auth.attempts where scope = \(scope) and subject = \(subject)
                and window_start = '-infinity' and expires_at > clock_timestamp())
            """, as: Bool.self)
    }

    func claimTurn(_ scope: String, subject: [UInt8], seconds: Int) async throws -> Int {
        try await database.one(
            "select auth.claim_turn(\(scope), \(subject), \(Int64(seconds)) * interval '1 second')", as: Int.self)
    }

    func forgetAttempts(_ scope: String, subject: [UInt8]) async throws {
        try await database.run("delete from auth.attempts where scope = \(scope) and subject = \(subject)")
    }

    func record(_ payload: JSON, ip: String) async throws {
        try await database.run(
            "insert into auth.audit_log_entries (payload, ip_address) values (\(payload.text)::jsonb, \(ip))")
    }

    /// One page of the audit log, newest first.
    func audit(author: String?, action: String?, offset: Int, limit: Int) async throws -> [String] {
        try await database.all(
            """
            select jsonb_build_object('id', id, 'payload', payload, 'created_at', auth.instant(created_at),
                'ip_address', ip_address)::text
            from auth.audit_log_entries
            where (\(author)::text is null or payload ->> 'actor_id' = \(author))
                and (\(action)::text is null or payload ->> 'action' = \(action))
            order by created_at desc, id limit \(limit) offset \(offset)
            """, as: String.self)
    }

    /// What has ended. Returns how many rows went.
    @discardableResult
    func removeExpired(sessionSecondsMax: Int64?, idleSecondsMax: Int64?) async throws -> Int {
        var count = 0
        for statement: Statement in [
            "delete from auth.attempts where expires_at < now() - interval '1 minute'",
            "delete from auth.revoked_sessions where valid_until < now()",
            "delete from auth.one_time_tokens where expires_at < now() - interval '1 day'",
            "delete from auth.flow_state where expires_at < now() - interval '1 day'",
            "delete from auth.mfa_challenges where created_at < now() - interval '1 day'",
            "delete from auth.refresh_tokens where used_at < now() - interval '90 days'",
            """
            delete from auth.sessions
            where created_at < now() - \(sessionSecondsMax)::bigint * interval '1 second'
                or refreshed_at < now() - \(idleSecondsMax)::bigint * interval '1 second'
            """,
        ] { count += try await database.execute(statement) }
        return count
    }
}
