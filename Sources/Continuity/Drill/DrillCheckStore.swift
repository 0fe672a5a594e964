internal import Postgres

/// Questions that a restored bank must answer rightly.
enum DrillCheckStore {
    /// Every count is of what speaks against the bank.
    static let ledgerFaults: Statement = "select count(*) from public.verifier_le_grand_livre()"
    static let trialBalance: Statement =
        "select coalesce(sum(abs(somme_ecritures) + abs(somme_soldes)), 0)::bigint from public.balance_generale()"
    static let invalidConstraints: Statement = "select count(*) from pg_constraint where not convalidated"
    static let invalidIndexes: Statement = "select count(*) from pg_index where not (indisvalid and indisready)"
    /// Those of the API, which tell it of a changed schema, are ours; any other was left by somebody.
    static let eventTriggers: Statement = """
        select count(*) from pg_event_trigger t
        where not (t.evtname in ('api_schema_change', 'api_schema_suppression')
            and t.evtfoid = coalesce(to_regprocedure('api.annoncer_schema()')::oid, 0))
        """

    /// Tables of the bank and of its capabilities that show every row to whoever may read them.
    static let tablesWithoutRowSecurity: Statement = """
        select count(*) from pg_class c join pg_namespace n on n.oid = c.relnamespace
        where c.relkind in ('r', 'p') and not c.relrowsecurity and n.nspname in (
            'public', 'evidence', 'vault', 'continuity', 'fraud', 'detection', 'privacy', 'automation', 'auth')
            and n.nspname || '.' || c.relname <> 'auth.schema_migrations'
            and not exists (select from pg_depend d where d.objid = c.oid and d.deptype = 'e')
        """

    static func exists(_ relation: String) -> Statement { "select to_regclass(\(relation)) is not null" }
    static func existsFunction(_ signature: String) -> Statement {
        "select to_regprocedure(\(signature)) is not null"
    }

    /// What was booked before a moment never changes again: count, sum and a digest without order.
    static func digest(before moment: String) -> Statement {
        """
        select count(*)::text || ' ' || coalesce(sum(e.montant_minor), 0)::text || ' '
            || coalesce(bit_xor(hash_record_extended(e, 1)), 0)::text
        from public.ecritures e where e.booked_at < \(moment)::timestamptz
        """
    }

    static func journalDigest(before moment: String) -> Statement {
        """
        select count(*)::text || ' ' || coalesce(bit_xor(hash_record_extended(e, 1)), 0)::text
        from evidence.entries e where e.recorded_at < \(moment)::timestamptz
        """
    }

    static func before(_ moment: String, by seconds: Int) -> Statement {
        """
        select to_char((\(moment)::timestamptz - make_interval(secs => \(seconds))) at time zone 'UTC',
            'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')
        """
    }

    /// The newest thing that the restored bank remembers.
    static let newestBeat: Statement = """
        select coalesce(to_char(max(at) at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'), '') from continuity.beats
        """

    /// Seconds since the beat before now; many where there was none.
    static let beatAge: Statement =
        "select coalesce(extract(epoch from clock_timestamp() - max(at)), 1e9)::float8 from continuity.beats"

    static func secondsBetween(_ earlier: String, _ later: String) -> Statement {
        "select extract(epoch from \(later)::timestamptz - \(earlier)::timestamptz)::float8"
    }

    struct SealedName: RowDecodable {
        let client: String
        let value: String

        init(row: Row) throws {
            client = try row.decode(0)
            value = try row.decode(1)
        }
    }

    /// Sealed names of some clients whose keys were not destroyed, in hexadecimal.
    static func sealedNames(_ count: Int) -> Statement {
        """
        select c.id::text, encode(c.nom_chiffre, 'hex') from public.clients c
        where c.nom_chiffre is not null and exists (
            select from vault.data_keys k where k.client_id = c.id and octet_length(k.wrapped) > 0)
        order by hash_record_extended(row(c.id), 7) limit \(count)
        """
    }

    struct Person: RowDecodable {
        let user: String
        let accounts: Int64

        init(row: Row) throws {
            user = try row.decode(0)
            accounts = try row.decode(1)
        }
    }

    /// Clients who log in, with as many accounts as they have.
    static func people(_ count: Int) -> Statement {
        """
        select c.utilisateur_id::text, count(k.id) from public.clients c join public.comptes k on k.client_id = c.id
        where c.utilisateur_id is not null group by c.utilisateur_id
        order by hash_record_extended(row(c.utilisateur_id), 7) limit \(count)
        """
    }

    /// As that client's session would see it.
    static func sessionOf(_ user: String) -> [Statement] {
        [
            "select set_config('role', 'authenticated', true)",
            """
            select set_config('request.jwt.claims', json_build_object('sub', \(user)::text, 'role', 'authenticated',
                'app_metadata', json_build_object('role', 'client'))::text, true)
            """,
        ]
    }

    static let visibleAccounts: Statement = "select count(*) from public.comptes"
}
