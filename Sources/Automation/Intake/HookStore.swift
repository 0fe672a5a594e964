internal import Postgres

/// The SQL of webhooks that come in.
struct HookStore: Sendable {
    let database: any SQLExecutor

    /// Sealed; nil when none was given to the hook.
    func secret(of hook: String) async throws -> [UInt8]? {
        try await database.run("select secret from automation.hooks where name = \(hook)").first?.decode(0)
    }

    func keepSecret(_ sealed: [UInt8], of hook: String, by author: String) async throws {
        try await database.execute(
            """
            insert into automation.hooks (name, secret, changed_by) values (\(hook), \(sealed), \(author))
            on conflict (name) do update
            set secret = excluded.secret, changed_by = excluded.changed_by, changed_at = clock_timestamp()
            """)
    }

    /// Notes the message and puts it into the outbox, both or neither; false when it came before within `seconds`.
    func take(_ hook: String, message: String, forSeconds seconds: Int, payload: String) async throws -> Bool {
        try await database.execute(
            """
            with noted as (
                insert into automation.receipts as r (hook, message, until)
                values (\(hook), \(message), clock_timestamp() + make_interval(secs => \(seconds)))
                on conflict (hook, message) do update
                set until = excluded.until where r.until < clock_timestamp()
                returning 1
            ), heard as (
                -- Twice the same is heard twice.
                update automation.hooks set received_at = clock_timestamp() where name = \(hook)
            )
            insert into automation.outbox (source, operation, payload)
            select \("hook:" + hook), 'received', \(payload)::jsonb from noted
            """) > 0
    }
}
