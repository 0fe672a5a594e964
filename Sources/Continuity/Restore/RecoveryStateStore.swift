internal import Postgres

/// How far a restored cluster has come.
enum RecoveryStateStore {
    struct State: RowDecodable {
        let isInRecovery: Bool
        let replayed: String
        let moment: String?

        init(row: Row) throws {
            isInRecovery = try row.decode(0)
            replayed = try row.decode(1)
            moment = try row.decodeIfPresent(2)
        }
    }

    /// The two replay functions keep their last value after promotion.
    static func state(_ executor: any SQLExecutor) async throws -> State {
        try await executor.one(
            """
            select pg_is_in_recovery(), coalesce(pg_last_wal_replay_lsn(), pg_current_wal_insert_lsn())::text,
                to_char(pg_last_xact_replay_timestamp() at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')
            """, as: State.self)
    }
}
