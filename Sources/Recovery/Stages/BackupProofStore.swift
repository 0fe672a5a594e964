internal import Postgres

/// Digests of whole tables that do not depend on the order of rows.
enum BackupProofStore {
    /// The roles that policies of the restored bank name; in the clean room nobody logs in with them.
    static let makeRoles: [Statement] = ["anon", "authenticated", "service_role"].map { name in
        Statement(
            unchecked: """
                do $$ begin if not exists (select from pg_roles where rolname = '\(name)') then
                    create role \(name) nologin; end if; end $$
                """)
    }

    private struct TableName: RowDecodable {
        let schema: String
        let name: String

        init(row: Row) throws {
            schema = try row.decode(0)
            name = try row.decode(1)
        }
    }

    private struct Digest: RowDecodable {
        let rows: Int64
        let sum: String

        init(row: Row) throws {
            rows = try row.decode(0)
            sum = try row.decode(1)
        }
    }

    /// By table: the number of rows, and sum and exclusive or of a 64-bit hash of each.
    static func digests(of configuration: DatabaseConfiguration) async throws -> [String: String] {
        let database = Database(configuration)
        do {
            let tables = try await database.all(
                """
                select n.nspname, c.relname from pg_class c join pg_namespace n on n.oid = c.relnamespace
                where c.relkind = 'r' and n.nspname !~ '^pg_' and n.nspname <> 'information_schema'
                order by 1, 2
                """, as: TableName.self)
            var digests: [String: String] = [:]
            for table in tables {
                let digest = try await database.one(
                    """
                    select count(*), concat_ws('/', sum(h), bit_xor(h)) from (
                        select hash_record_extended(t, 1) as h
                        from \(identifier: table.schema).\(identifier: table.name) t) lignes
                    """, as: Digest.self)
                digests["\(table.schema).\(table.name)"] = "\(digest.rows) \(digest.sum)"
            }
            await database.close()
            return digests
        } catch {
            await database.close()
            throw error
        }
    }
}
