internal import Postgres

/// The SQL of the rebuild on the target's side.
enum RebuildStore {
    static func copy(_ table: String, _ columns: [String]) -> Statement {
        let schema = table.contains(".") ? "" : "public."
        let list = columns.map(Statement.quoted).joined(separator: ", ")
        return Statement(unchecked: "copy \(schema)\(table) (\(list)) from stdin")
    }

    /// Gives an empty table files that are new to the transaction: with the least WAL its rows need none. A table that
    /// rows, keys or triggers hold on to stays as it is.
    static func empty(_ table: String) -> Statement {
        Statement(
            unchecked: """
                do $$ begin if not exists (select from public.\(table))
                    and not exists (select from pg_constraint where confrelid = 'public.\(table)'::regclass)
                    and not exists (select from pg_trigger where tgrelid = 'public.\(table)'::regclass)
                then truncate public.\(table); end if; end $$
                """)
    }

    /// Tables and other relations of the user that stand in the database already.
    static let occupants: Statement = """
        select count(*) from pg_class c join pg_namespace n on n.oid = c.relnamespace
        where c.relkind in ('r', 'p', 'v', 'm', 'S') and n.nspname !~ '^pg_'
            and n.nspname not in ('information_schema', 'auth', 'storage', 'realtime', 'extensions', 'graphql',
                'graphql_public', 'supabase_functions', 'vault', 'pgbouncer', 'cron')
        """

    /// What this program made in an earlier, interrupted rebuild.
    static let wipe: [Statement] = [
        "drop schema if exists archive cascade", "drop schema if exists meta cascade",
        "drop schema if exists vault cascade", "drop schema if exists evidence cascade",
        "drop schema if exists pseudonymes cascade", "drop schema if exists public cascade", "create schema public",
        // Last: until then the database bears the mark that allows all this.
        "drop schema if exists recovery cascade",
    ]

    static let makeArchive: [Statement] = [
        "create schema if not exists archive",
        "comment on schema archive is 'Source tables that have no canonical place, as they were.'",
        "revoke all on schema archive from public",
    ]

    static func createArchived(_ table: String, columns: [(name: String, type: String)]) -> [Statement] {
        let relation: Statement = "archive.\(identifier: table)"
        return [
            CleanRoomStore.createTable(relation, columns: columns),
            "alter table \(fragment: relation) enable row level security",
        ]
    }

    static let makeClosedColumns: [Statement] = [
        """
        create table archive.colonnes_non_ouvertes (
            source text not null, colonne text not null, ligne text, motif text not null, chiffre bytea
        )
        """,
        "alter table archive.colonnes_non_ouvertes enable row level security",
        "comment on table archive.colonnes_non_ouvertes is 'Values under the old bank''s key that did not open.'",
    ]

    /// The log comes in behind its index of block ranges, which tells nothing of a range before it is asked to.
    static let summariseLog: Statement = "select brin_summarize_new_values('public.logs_horodatage')"

    static func currencies(_ query: Statement) -> Statement {
        "select distinct coalesce(devise, 'EUR') from (\(fragment: query)) lignes where devise is null or devise ~ '^[A-Z]{3}$'"
    }

    /// The days on which an operation of a living bank may have been booked. Bounded, because partitions are made for them.
    static let plausibleDays: Statement =
        "select (current_date - interval '60 years')::date::text, (current_date + 366)::text"

    static func periods(_ query: Statement, within days: PlausibleDays) -> Statement {
        """
        select min(booked_at)::date::text, max(booked_at)::date::text from (\(fragment: query)) periode
        where booked_at::date between \(days.first)::date and \(days.last)::date
        """
    }

    static func makePartitions(from first: String, to last: String) -> Statement {
        "select public.creer_partitions(least(\(first)::date, current_date), greatest(\(last)::date, current_date + 90))"
    }

    static func internalAccount(_ role: String, _ currency: String) -> Statement {
        "select public.compte_interne(\(role), \(currency))"
    }

    /// As `pg_amcheck --install-missing` would.
    static let installAmcheck: Statement = "create extension if not exists amcheck with schema pg_catalog"

    static let takeOverBalances: Statement = "select public.reprendre_les_soldes()"

    static let synchroniseSequences: [Statement] = [
        "clients.numero", "comptes.id", "cartes.id", "beneficiaires.id", "logs.id", "transactions.id",
    ]
    .map { name in
        let parts = name.split(separator: ".")
        return Statement(
            unchecked: """
                select setval(pg_get_serial_sequence('public.\(parts[0])', '\(parts[1])'), \
                greatest(coalesce(max(\(parts[1])), 0), 1)) from public.\(parts[0])
                """)
    }

    /// Without an open business day nothing can be booked.
    static let openDay: Statement = "select public.ouvrir_journee()"

    static let ledgerFaults: Statement = "select count(*) from public.verifier_le_grand_livre()"

    /// The operations take as long as all other tables together: two sessions share the work.
    static let analyzeOperations: Statement = "analyze public.transactions"

    static let tablesBesidesOperations: Statement = """
        select format('%I.%I', n.nspname, c.relname) from pg_class c join pg_namespace n on n.oid = c.relnamespace
        where c.relkind = 'r' and not c.relispartition and n.nspname !~ '^pg_' and n.nspname <> 'information_schema'
        order by 1
        """

    /// - Parameter tables: names as the server has quoted them.
    static func analyze(_ tables: [String]) -> Statement {
        Statement(unchecked: "analyze \(tables.joined(separator: ", "))")
    }

    static let trialBalance: Statement =
        "select coalesce(sum(abs(somme_ecritures) + abs(somme_soldes)), 0)::bigint from public.balance_generale()"

    static let invalidConstraints: Statement = "select count(*) from pg_constraint where not convalidated"

    static let invalidIndexes: Statement = "select count(*) from pg_index where not indisvalid or not indisready"

    static let tablesWithoutRowSecurity: Statement = """
        select count(*) from pg_class where relnamespace in ('public'::regnamespace, to_regnamespace('archive'))
            and relkind in ('r', 'p') and not relrowsecurity
        """

    static let foreignOwners: Statement = """
        select count(*) from pg_proc p join pg_namespace n on n.oid = p.pronamespace
        where n.nspname = 'public' and p.prosecdef and not coalesce(p.proconfig::text like '%search_path%', false)
            and not exists (select from pg_depend d where d.objid = p.oid and d.deptype = 'e')
        """

    static let eventTriggers: Statement =
        "select count(*) from pg_event_trigger where evtenabled <> 'D' and evtowner = (select oid from pg_roles where rolname = current_user)"

    static let balancesDiffer: Statement = """
        select count(*) from public.comptes k
        where k.solde_minor <> coalesce((select sum(montant_minor) from public.ecritures e where e.compte_id = k.id), 0)
        """

    static let serverVersion: Statement = "show server_version"
}
