internal import Postgres

/// The SQL that puts the bank's tables where Realtime reads them.
enum RealtimeStore {
    private static let tables = ["comptes", "cartes", "transactions", "virements", "beneficiaires", "reservations"]

    /// Idempotent. Partitions are told as their table.
    static func publish(_ database: Database) async throws {
        try await database.transaction { tx in
            try await tx.run("select pg_advisory_xact_lock(7231, 2)")
            try await tx.run("alter publication supabase_realtime set (publish_via_partition_root = true)")
            let missing = try await tx.run(
                """
                select c.relname::text from pg_class c
                where c.relnamespace = 'public'::regnamespace and c.relname = any (\(SQLArray(tables))::text[])
                    and not exists (
                        select from pg_publication_rel r join pg_publication p on p.oid = r.prpubid
                        where p.pubname = 'supabase_realtime' and r.prrelid = c.oid)
                """)
            for row in missing {
                try await tx.run(
                    "alter publication supabase_realtime add table public.\(identifier: try row.decode(0, as: String.self))"
                )
            }
            // Only beneficiaries are ever deleted; whose they were says the old row.
            try await tx.run("alter table public.beneficiaires replica identity full")
        }
    }
}
