public import Postgres

/// The SQL of the data map.
public struct DataMapStore: Sendable {
    private let database: any SQLExecutor

    public init(database: any SQLExecutor) { self.database = database }

    public struct Column: Sendable, RowDecodable {
        public let schema: String
        public let table: String
        public let name: String
        public let type: String
        public let kind: String
        public let hasRowSecurity: Bool
        public let category: String?
        public let activity: String?

        public init(row: Row) throws {
            schema = try row.decode(0)
            table = try row.decode(1)
            name = try row.decode(2)
            type = try row.decode(3)
            kind = try row.decode(4)
            hasRowSecurity = try row.decode(5)
            category = try row.decodeIfPresent(6)
            activity = try row.decodeIfPresent(7)
        }

        public var isSealed: Bool {
            type == "bytea" && (name.hasSuffix("_chiffre") || name == "wrapped" || name == "secret")
        }
    }

    public struct Missing: Sendable, RowDecodable {
        public let column: String
        /// The line that a migration of this target has to get.
        public let toAdd: String

        public init(row: Row) throws {
            column = try row.decode(0)
            toAdd = try row.decode(1)
        }
    }

    /// Marks what has a label and no mark. Returns how many columns that were.
    public func applyLabels() async throws -> Int {
        try await database.one("select privacy.apply_labels()", as: Int.self)
    }

    public func unlabelled() async throws -> [Missing] {
        try await database.all(
            """
            select schema_name || '.' || table_name || '.' || column_name, to_add from privacy.unlabelled order by 1
            """, as: Missing.self)
    }

    public func columns() async throws -> [Column] {
        try await database.all(
            """
            select schema_name, table_name, column_name, type_name, kind, has_row_security, category, activity
            from privacy.columns order by schema_name, table_name, position
            """, as: Column.self)
    }

    struct Activity: Sendable, RowDecodable {
        let code, french, english, purpose, subpurposes, basis, persons, retention, inside, outside, processors: String
        let rank: Int
        let needsDPIA: Bool

        init(row: Row) throws {
            code = try row.decode(0)
            french = try row.decode(1)
            english = try row.decode(2)
            purpose = try row.decode(3)
            subpurposes = try row.decode(4)
            basis = try row.decode(5)
            persons = try row.decode(6)
            retention = try row.decode(7)
            inside = try row.decode(8)
            outside = try row.decode(9)
            processors = try row.decode(10)
            rank = try row.decode(11)
            needsDPIA = try row.decode(12)
        }
    }

    func activities() async throws -> [Activity] {
        try await database.all(
            """
            select code, name_fr, name_en, purpose_fr, array_to_string(subpurposes_fr, ' ; '), legal_basis_fr, persons_fr,
                retention_fr, recipients_internal_fr, recipients_external_fr, processors_fr, rank, needs_dpia
            from privacy.activities order by rank
            """, as: Activity.self)
    }

    /// The controller's entries by name; what nobody has filled in is absent.
    func controller() async throws -> [String: String] {
        let rows = try await database.run(
            """
            select e.key, e.value from privacy.controller c, jsonb_each_text(to_jsonb(c)) e
            where e.value is not null and e.key <> 'id'
            """)
        return Dictionary(
            try rows.map { (try $0.decode(0, as: String.self), try $0.decode(1, as: String.self)) },
            uniquingKeysWith: { first, _ in first })
    }

    func setController(_ values: String) async throws {
        try await database.run(
            """
            update privacy.controller c
            set (name, address, lei, phone, email, representative, dpo_name, dpo_email, dpo_phone, dpo_organisation,
                contact_name, contact_email, contact_phone, second_contact_name, second_contact_email,
                second_contact_phone, parent_name, parent_lei, currency, created_on)
            = (select n.name, n.address, n.lei, n.phone, n.email, n.representative, n.dpo_name, n.dpo_email, n.dpo_phone,
                n.dpo_organisation, n.contact_name, n.contact_email, n.contact_phone, n.second_contact_name,
                n.second_contact_email, n.second_contact_phone, n.parent_name, n.parent_lei, n.currency, n.created_on
                from jsonb_populate_record(c, \(values)::jsonb) n)
            """)
    }

    /// What the register says of itself: measured, not declared.
    struct Measures: Sendable, RowDecodable {
        let clients, tables, tablesWithRowSecurity, journalEntries, liveKeys, policies, sealedColumns: Int64
        let since, changed: String
        let hasAutomatedDecisions: Bool

        init(row: Row) throws {
            clients = try row.decode(0)
            tables = try row.decode(1)
            tablesWithRowSecurity = try row.decode(2)
            journalEntries = try row.decode(3)
            liveKeys = try row.decode(4)
            policies = try row.decode(5)
            sealedColumns = try row.decode(6)
            since = try row.decode(7)
            changed = try row.decode(8)
            hasAutomatedDecisions = try row.decode(9)
        }
    }

    func measures() async throws -> Measures {
        try await database.one(
            """
            select (select count(*) from public.clients where statut <> 'efface'),
                count(*) filter (where c.relkind in ('r', 'p')),
                count(*) filter (where c.relkind in ('r', 'p') and c.relrowsecurity),
                (select count(*) from evidence.entries),
                (select count(*) from vault.data_keys where destroyed_at is null),
                (select count(*) from pg_policies),
                (select count(*) from privacy.columns k where k.kind in ('r', 'p') and k.column_name like '%\\_chiffre'),
                (select coalesce(to_char(min(applied_at), 'YYYY-MM-DD'), '') from meta.migrations),
                (select coalesce(to_char(max(applied_at), 'YYYY-MM-DD'), '') from meta.migrations),
                to_regclass('fraud.decisions') is not null
            from pg_class c join pg_namespace n on n.oid = c.relnamespace
            where not c.relispartition and n.nspname !~ '^pg_' and n.nspname <> 'information_schema'
            """, as: Measures.self)
    }

    struct Reader: Sendable, RowDecodable {
        let role, table: String

        init(row: Row) throws {
            role = try row.decode(0)
            table = try row.decode(1)
        }
    }

    /// Which of the API's roles may read which tables, from the grants themselves.
    func readers() async throws -> [Reader] {
        try await database.all(
            """
            select r.rolname::text, n.nspname || '.' || c.relname
            from pg_roles r, pg_class c join pg_namespace n on n.oid = c.relnamespace
            where r.rolname in ('anon', 'authenticated', 'service_role') and c.relkind in ('r', 'p', 'v')
                and not c.relispartition and n.nspname !~ '^pg_' and n.nspname <> 'information_schema'
                and has_schema_privilege(r.oid, n.oid, 'usage')
                and (has_table_privilege(r.oid, c.oid, 'select') or has_any_column_privilege(r.oid, c.oid, 'select'))
            order by 1, 2
            """, as: Reader.self)
    }

    struct Schedule: Sendable, RowDecodable {
        let code, relation, activity, law, keep: String

        init(row: Row) throws {
            code = try row.decode(0)
            relation = try row.decode(1)
            activity = try row.decode(2)
            law = try row.decode(3)
            keep = try row.decode(4)
        }
    }

    func schedules() async throws -> [Schedule] {
        try await database.all(
            "select code, relation, activity, law_fr, keep::text from privacy.schedules where is_on order by code",
            as: Schedule.self)
    }

    struct Provider: Sendable, RowDecodable {
        let code, name, service, country, contract, exit: String
        let lei: String?
        let isCritical, hasPersonalData: Bool

        init(row: Row) throws {
            code = try row.decode(0)
            name = try row.decode(1)
            service = try row.decode(2)
            country = try row.decode(3)
            contract = try row.decode(4)
            exit = try row.decode(5)
            lei = try row.decodeIfPresent(6)
            isCritical = try row.decode(7)
            hasPersonalData = try row.decode(8)
        }
    }

    func providers() async throws -> [Provider] {
        try await database.all(
            """
            select code, name, service_fr, country, coalesce(contract, ''), coalesce(exit_plan_fr, ''), lei, is_critical,
                has_personal_data
            from privacy.providers order by not is_critical, code
            """, as: Provider.self)
    }

    func serverVersion() async throws -> String {
        try await database.one("select current_setting('server_version')", as: String.self)
    }
}
