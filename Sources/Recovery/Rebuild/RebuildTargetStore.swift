internal import Postgres

enum RebuildTargetStore {
    static func exists(_ name: String) -> Statement { "select 1 from pg_database where datname = \(name)" }
    /// For the time of a rebuild, which is begun anew when anything dies: nothing is flushed, little is logged.
    static let bulkSettings = [
        "fsync": "off", "full_page_writes": "off", "synchronous_commit": "off", "wal_level": "minimal",
        "max_wal_senders": "0", "wal_compression": "off", "autovacuum": "off", "max_wal_size": "16GB",
        "checkpoint_timeout": "1h",
    ]

    static func set(_ name: String, to value: String) -> Statement {
        "alter system set \(identifier: name) = \(fragment: Statement(unchecked: Statement.literal(value)))"
    }

    static func reset(_ name: String) -> Statement { "alter system reset \(identifier: name)" }

    /// The mark is the comment on a schema that a rebuild makes first.
    static let identity: Statement = """
        select (select system_identifier::text from pg_control_system()), d.oid::bigint, d.datname::text,
            (\(fragment: RebuildStore.occupants)), obj_description(to_regnamespace('recovery')::oid, 'pg_namespace')
        from pg_database d where d.datname = current_database()
        """

    static func mark(_ words: String) -> [Statement] {
        [
            "create schema if not exists recovery", "revoke all on schema recovery from public",
            Statement(unchecked: "comment on schema recovery is \(Statement.literal(words))"),
        ]
    }

    static let currentDatabase: Statement = "select current_database()::text"
}
