internal import Postgres
internal import Web

/// The SQL of channels: rights by the policies of `realtime.messages`, and what was stored there.
struct ChannelStore: Sendable {
    let database: Database

    private struct Undone: Error {}

    /// Asks the policies by doing: rows are put in and looked for as the role, then everything is rolled back.
    func rights(on topic: String, role: String, claims: String) async throws -> ChannelRights {
        let result = Result()
        do {
            try await database.transaction { tx in
                try await probe(topic, role, claims, tx, result)
                throw Undone()
            }
        } catch is Undone {}
        return result.rights
    }

    private final class Result: @unchecked Sendable {
        // SAFETY: written by the one transaction body, read when that has ended.
        var rights = ChannelRights()
    }

    private func probe(
        _ topic: String, _ role: String, _ claims: String, _ tx: Transaction, _ result: Result
    ) async throws {
        let ids = try await tx.all(
            """
            insert into realtime.messages (topic, extension, private, event)
            values (\(topic), 'broadcast', true, null), (\(topic), 'presence', true, null) returning id::text
            """, as: String.self)
        try await tx.run(Self.context(topic, role, claims))
        let readable = try await attempt(tx) { tx in
            try await tx.all(
                """
                select extension from realtime.messages
                where id = any (\(SQLArray(ids))::uuid[]) and inserted_at = now()
                """, as: String.self)
        }
        result.rights.readsBroadcast = readable?.contains("broadcast") ?? false
        result.rights.readsPresence = readable?.contains("presence") ?? false
        result.rights.writesBroadcast = try await mayInsert("broadcast", topic, tx)
        result.rights.writesPresence = try await mayInsert("presence", topic, tx)
    }

    private func mayInsert(_ name: String, _ topic: String, _ tx: Transaction) async throws -> Bool {
        try await attempt(tx) { tx in
            try await tx.run(
                "insert into realtime.messages (topic, extension, private) values (\(topic), \(name), true)"
            ).affectedRowCount == 1
        } ?? false
    }

    /// Nil when the server refuses: a policy that fails gives no right.
    private func attempt<Value: Sendable>(
        _ tx: Transaction, _ body: @Sendable (Transaction) async throws -> Value
    ) async throws -> Value? {
        do {
            return try await tx.savepoint(body)
        } catch let error as PostgresError where error.kind == .server || error.kind == .statementTimeout {
            return nil
        }
    }

    private static func context(_ topic: String, _ role: String, _ claims: String) -> Statement {
        """
        select set_config('statement_timeout', '5000', true), set_config('realtime.topic', \(topic), true),
            set_config('request.jwt.claims', \(claims), true), set_config('role', \(role), true)
        """
    }

    struct Stored: Sendable {
        let id: String
        let event: String
        let payload: JSON
    }

    /// The last messages of a private channel that the role may read, oldest first.
    func stored(
        on topic: String, _ replay: JoinRequest.Replay, role: String, claims: String
    ) async throws -> [Stored] {
        let answers = try await database.pipeline([
            Self.context(topic, role, claims),
            """
            select id::text, coalesce(event, ''), coalesce(payload, '{}')::text from realtime.messages
            where topic = \(topic) and private and extension = 'broadcast'
                and inserted_at > to_timestamp(\(replay.sinceMilliseconds) / 1000.0)
            order by inserted_at desc, id limit \(replay.limit)
            """,
        ])
        return try answers[1].map { row in
            Stored(
                id: try row.decode(0), event: try row.decode(1),
                payload: (try? JSONReader.read(try row.decode(2, as: String.self))) ?? .null)
        }.reversed()
    }
}
