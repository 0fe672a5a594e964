public import Postgres
internal import Web

/// The SQL that reads who may see what.
public struct LintStore: Sendable {
    let database: any SQLExecutor
    static let roles = ["anon", "authenticated", "service_role"]

    public init(database: any SQLExecutor) { self.database = database }

    /// What is wrong with the row level security of these schemas, which are served.
    public func findings(schemas: [String]) async throws -> [LintFinding] {
        RowSecurityRules(try await facts(schemas: schemas)).findings
    }

    func facts(schemas: [String]) async throws -> RowSecurityFacts {
        let served = SQLArray(schemas.map(Optional.some))
        let roles = SQLArray(Self.roles.map(Optional.some))
        let results = try await database.pipeline([
            Self.tables(served, roles), Self.policies(served), Self.routines(roles),
        ])
        var facts = RowSecurityFacts()
        for row in results[0] { if let table = try Self.table(row) { facts.tables.append(table) } }
        for row in results[1] { facts.policies.append(try Self.policy(row)) }
        for row in results[2] { facts.routines.append(try Self.routine(row)) }
        return facts
    }

    private static func list(_ text: String?) -> [String] {
        ((text.flatMap { try? JSONReader.read($0) })?.array ?? []).compactMap(\.string)
    }

    private static func table(_ row: Row) throws -> RowSecurityFacts.Table? {
        guard let kind = Relation.Kind(rawValue: try row.decode(3)) else { return nil }
        var columns: [Int64: String] = [:]
        for pair in (try? JSONReader.read(row.decode(7, as: String.self)))?.array ?? [] {
            guard let number = pair.array?.first?.integer, let name = pair.array?.last?.string else { continue }
            columns[number] = name
        }
        let indexed = (try? JSONReader.read(row.decode(8, as: String.self)))?.array ?? []
        return RowSecurityFacts.Table(
            id: try row.decode(0), schema: try row.decode(1), name: try row.decode(2), kind: kind,
            isPartition: try row.decode(4), isGuarded: try row.decode(5), roles: list(try row.decodeIfPresent(6)),
            columns: columns, indexed: Set(indexed.compactMap(\.integer)))
    }

    private static func policy(_ row: Row) throws -> RowSecurityFacts.Policy {
        let texts: [String?] = [try row.decodeIfPresent(7), try row.decodeIfPresent(8)]
        return RowSecurityFacts.Policy(
            name: try row.decode(0), table: try row.decode(1), verb: try row.decode(2),
            isPermissive: try row.decode(3), roles: list(try row.decodeIfPresent(4)),
            using: try row.decodeIfPresent(5), check: try row.decodeIfPresent(6),
            trees: texts.compactMap { $0.flatMap(NodeTree.read) })
    }

    private static func routine(_ row: Row) throws -> RowSecurityFacts.Routine {
        RowSecurityFacts.Routine(
            id: try row.decode(0), signature: try row.decode(1), schema: try row.decode(2), name: try row.decode(3),
            volatility: try row.decode(4), isDefiner: try row.decode(5), pinsPath: try row.decode(6),
            roles: list(try row.decodeIfPresent(7)))
    }

    private static func tables(_ schemas: SQLArray, _ roles: SQLArray) -> Statement {
        """
        select c.oid::bigint, n.nspname::text, c.relname::text, c.relkind::text, c.relispartition,
            case when c.relkind in ('r', 'p') then c.relrowsecurity
                when c.relkind = 'v' then coalesce((select option_value::boolean from pg_options_to_table(c.reloptions)
                    where option_name = 'security_invoker'), false)
                else false end,
            (select json_agg(r.rolname order by r.rolname) from pg_roles r
                where r.rolname = any(\(roles)::text[])
                    and (has_any_column_privilege(r.oid, c.oid, 'select, insert, update')
                        or has_table_privilege(r.oid, c.oid, 'delete, truncate')))::text,
            coalesce((select json_agg(json_build_array(a.attnum, a.attname)) from pg_attribute a
                where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped), '[]')::text,
            coalesce((select json_agg(i.indkey[0]) from pg_index i
                where i.indrelid = c.oid and i.indisvalid and i.indpred is null), '[]')::text
        from pg_class c join pg_namespace n on n.oid = c.relnamespace
        where n.nspname = any(\(schemas)::text[]) and c.relkind in ('r', 'p', 'v', 'm', 'f')
            and not exists (select from pg_depend d where d.classid = 'pg_class'::regclass and d.objid = c.oid
                and d.deptype = 'e')
        order by n.nspname, c.relname
        """
    }

    private static func policies(_ schemas: SQLArray) -> Statement {
        """
        select p.polname::text, p.polrelid::bigint, p.polcmd::text, p.polpermissive,
            (select json_agg(pg_get_userbyid(r.role) order by r.role) from unnest(p.polroles) r(role)
                where r.role <> 0)::text,
            pg_get_expr(p.polqual, p.polrelid), pg_get_expr(p.polwithcheck, p.polrelid),
            p.polqual::text, p.polwithcheck::text
        from pg_policy p join pg_class c on c.oid = p.polrelid join pg_namespace n on n.oid = c.relnamespace
        where n.nspname = any(\(schemas)::text[])
        order by n.nspname, c.relname, p.polname
        """
    }

    /// All functions: policies may call those of any schema.
    private static func routines(_ roles: SQLArray) -> Statement {
        """
        select p.oid::bigint, p.oid::regprocedure::text, n.nspname::text, p.proname::text, p.provolatile::text,
            p.prosecdef,
            coalesce((select bool_or(setting like 'search_path=%') from unnest(p.proconfig) c(setting)), false),
            case when p.prosecdef then (select json_agg(r.rolname order by r.rolname) from pg_roles r
                where r.rolname = any(\(roles)::text[]) and has_function_privilege(r.oid, p.oid, 'execute')
                    and has_schema_privilege(r.oid, n.oid, 'usage'))::text end
        from pg_proc p join pg_namespace n on n.oid = p.pronamespace
        where p.prokind in ('f', 'p') and (p.provolatile <> 'i' or p.prosecdef)
            and (n.nspname <> 'information_schema')
            and not exists (select from pg_depend d where d.classid = 'pg_proc'::regclass and d.objid = p.oid
                and d.deptype = 'e' and not p.prosecdef)
        """
    }
}
