internal import Postgres

/// What is done to a played bank, and asked of it.
enum DrillActStore {
    /// A table with pages of rows, an index, and values that lie beside it.
    static func exerciseTable(rows: Int) -> [Statement] {
        [
            "create table public.exercice (id int primary key, texte text, long text)",
            "alter table public.exercice enable row level security",
            "alter table public.exercice alter column long set storage external",
            """
            insert into public.exercice
            select g, repeat('x', 3000), case when g <= 20 then repeat(md5(g::text), 600) end
            from generate_series(1, \(rows)) g
            """,
        ]
    }

    static let checkpoint: Statement = "checkpoint"
    static let position: Statement = "select pg_current_wal_insert_lsn()::text"
    static let switchLog: Statement = "select pg_walfile_name(pg_switch_wal())"

    /// The files of the exercise's table, its index and its toast table, below the data directory.
    static let exerciseFiles: Statement = """
        select unnest(array[pg_relation_filepath('public.exercice'), pg_relation_filepath('public.exercice_pkey'),
            pg_relation_filepath((select reltoastrelid from pg_class where oid = 'public.exercice'::regclass))])
        """

    static let exerciseRows: Statement = "select count(*) from public.exercice"

    /// Rows on the odd pages: what is left when each even one is noise.
    static let rowsOnOddPages: Statement =
        "select count(*) from public.exercice where (split_part(trim(ctid::text, '()'), ',', 1)::bigint) % 2 = 1"

    /// Reads on past pages that can not be read, in this session only.
    static let pastBadPages: [Statement] = ["set zero_damaged_pages = on", "set enable_indexonlyscan = off"]

    static let databaseFolder: Statement = "select 'base/' || oid from pg_database where datname = current_database()"

    /// What a mistaken factor in a migration does: every balance, and a column that goes.
    static let badMigration: [Statement] = [
        "begin", "set local session_replication_role = 'replica'",
        "update public.comptes set solde_minor = solde_minor * 100 where type = 'courant'",
        "alter table public.exercice drop column texte", "commit",
    ]

    /// Somebody with every right removes their traces and the newest postings.
    static let insider: [Statement] = [
        "begin", "set local session_replication_role = 'replica'", "delete from evidence.entries",
        "delete from public.ecritures where id in (select id from public.ecritures order by id desc limit 3)",
        "commit",
    ]

    static let postings: Statement = """
        select count(*)::text || ' ' || coalesce(sum(e.montant_minor), 0)::text || ' '
            || coalesce(bit_xor(hash_record_extended(e, 1)), 0)::text
        from public.ecritures e
        """
    static let balances: Statement = """
        select count(*)::text || ' ' || coalesce(sum(c.solde_minor), 0)::text from public.comptes c
        """
    static let entries: Statement = "select count(*)::text from evidence.entries"
}
