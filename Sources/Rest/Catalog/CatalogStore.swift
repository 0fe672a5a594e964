internal import Postgres

/// The SQL that reads the catalogue.
struct CatalogStore: Sendable {
    let database: any SQLExecutor

    /// All of it in one flight, so that it is of one moment.
    func rows(schemas: [String]) async throws -> [QueryResult] {
        let served = SQLArray(schemas.map(Optional.some))
        return try await database.pipeline([
            Self.relations(served), Self.columns(served), Self.primaryKeys, Self.foreignKeys, Self.uniqueKeys,
            Self.viewOrigins, Self.functions(served), Self.types, Self.timeZones,
            Self.roleSettings,
        ])
    }

    private static func relations(_ schemas: SQLArray) -> Statement {
        """
        select c.oid::bigint, n.nspname::text, c.relname::text, c.relkind::text,
            case when c.relkind in ('r', 'p') then c.relrowsecurity
                when c.relkind = 'v' then coalesce((select option_value::boolean from pg_options_to_table(c.reloptions)
                    where option_name = 'security_invoker'), false)
                else false end,
            pg_relation_is_updatable(c.oid, true) & 8 = 8, pg_relation_is_updatable(c.oid, true) & 4 = 4,
            pg_relation_is_updatable(c.oid, true) & 16 = 16, obj_description(c.oid, 'pg_class')
        from pg_class c join pg_namespace n on n.oid = c.relnamespace
        where n.nspname = any(\(schemas)::text[]) and c.relkind in ('r', 'p', 'v', 'm', 'f') and not c.relispartition
        order by n.nspname, c.relname
        """
    }

    private static func columns(_ schemas: SQLArray) -> Statement {
        """
        with recursive bases as (
            select oid as type, oid as base, typbasetype from pg_type
            union all
            select b.type, t.oid, t.typbasetype from bases b join pg_type t on t.oid = b.typbasetype
        )
        select a.attrelid::bigint, a.attname::text, format_type(a.atttypid, a.atttypmod),
            (select t.typname::text from pg_type t where t.oid = b.base), not a.attnotnull,
            case when a.attidentity = 'd' then (
                    select format('nextval(%L::regclass)', s.objid::regclass) from pg_depend s
                    where s.classid = 'pg_class'::regclass and s.refclassid = 'pg_class'::regclass
                        and s.refobjid = a.attrelid and s.refobjsubid = a.attnum and s.deptype = 'i')
                when a.attgenerated = '' then pg_get_expr(d.adbin, d.adrelid) end,
            a.attgenerated <> '' or a.attidentity = 'a',
            (select array_to_string(array_agg(e.enumlabel order by e.enumsortorder), e'\\x1f') from pg_enum e
                where e.enumtypid = b.base),
            case when b.base in (1042, 1043) and a.atttypmod > 4 then a.atttypmod - 4 end,
            col_description(a.attrelid, a.attnum), a.attnum::bigint
        from pg_attribute a join pg_class c on c.oid = a.attrelid join pg_namespace n on n.oid = c.relnamespace
            join bases b on b.type = a.atttypid and b.typbasetype = 0
            left join pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum
        where n.nspname = any(\(schemas)::text[]) and c.relkind in ('r', 'p', 'v', 'm', 'f') and not c.relispartition
            and a.attnum > 0 and not a.attisdropped
        order by a.attrelid, a.attnum
        """
    }

    private static let names = """
        array_to_string(array(select a.attname from unnest(%) with ordinality k(number, place)
            join pg_attribute a on a.attrelid = # and a.attnum = k.number order by k.place), e'\\x1f')
        """

    private static func names(_ keys: String, of relation: String) -> String {
        names.replacing("%", with: keys).replacing("#", with: relation)
    }

    private static let primaryKeys = Statement(
        unchecked: """
            select conrelid::bigint, \(names("conkey", of: "conrelid")) from pg_constraint where contype = 'p'
            """)

    private static let foreignKeys = Statement(
        unchecked: """
            select conname::text, conrelid::bigint, confrelid::bigint, \(names("conkey", of: "conrelid")),
                \(names("confkey", of: "confrelid"))
            from pg_constraint where contype = 'f' and conparentid = 0 order by conname, conrelid
            """)

    private static let uniqueKeys = Statement(
        unchecked: """
            select conrelid::bigint, \(names("conkey", of: "conrelid")) from pg_constraint where contype in ('p', 'u')
            """)

    /// Columns of views that are columns of other relations, as the stored query says in its target list.
    private static let viewOrigins: Statement = """
        select r.ev_class::bigint, a.attname::text, m.parts[3]::bigint,
            (select o.attname::text from pg_attribute o where o.attrelid = m.parts[3]::oid
                and o.attnum = m.parts[4]::smallint)
        from pg_rewrite r join pg_class c on c.oid = r.ev_class and c.relkind in ('v', 'm')
            join pg_namespace n on n.oid = c.relnamespace and n.nspname not in ('pg_catalog', 'information_schema')
            cross join lateral regexp_matches(
                r.ev_action,
                ':resno (\\d+) :resname (\\S+) :ressortgroupref \\d+ :resorigtbl (\\d+) :resorigcol (\\d+) :resjunk false',
                'g') as m(parts)
            join pg_attribute a on a.attrelid = r.ev_class and a.attnum = m.parts[1]::smallint
                and a.attname = m.parts[2]
        where r.rulename = '_RETURN' and m.parts[3] <> '0'
        """

    private static func functions(_ schemas: SQLArray) -> Statement {
        """
        select p.oid::bigint, n.nspname::text, p.proname::text, p.provolatile in ('i', 's'), p.proretset,
            p.prorettype::bigint, format_type(p.prorettype, null), t.typtype::text, t.typrelid::bigint,
            p.provariadic <> 0, p.pronargs::bigint, p.pronargdefaults::bigint, p.prorows::float8,
            obj_description(p.oid, 'pg_proc'),
            (select json_agg(json_build_array(coalesce(a.name, ''), format_type(a.type, null), coalesce(a.mode, 'i'))
                order by a.place)
                from unnest(p.proargnames, coalesce(p.proallargtypes, p.proargtypes::oid[]), p.proargmodes)
                    with ordinality a(name, type, mode, place)
                where a.type is not null)::text,
            case when p.pronargs = 1 then (select typrelid::bigint from pg_type where oid = p.proargtypes[0]) end
        from pg_proc p join pg_namespace n on n.oid = p.pronamespace join pg_type t on t.oid = p.prorettype
        where n.nspname = any(\(schemas)::text[]) and p.prokind = 'f'
            and p.prorettype not in ('trigger'::regtype, 'event_trigger'::regtype)
        order by n.nspname, p.proname, p.oid
        """
    }

    /// What the role of the flight may use in a schema: ids of relations and of functions.
    static func visible(in schema: String) -> Statement {
        """
        select coalesce((select json_agg(c.oid::bigint) from pg_class c join pg_namespace n on n.oid = c.relnamespace
                where n.nspname = \(schema) and c.relkind in ('r', 'p', 'v', 'm', 'f') and not c.relispartition
                    and (has_any_column_privilege(c.oid, 'select, insert, update')
                        or has_table_privilege(c.oid, 'delete'))), '[]')::text,
            coalesce((select json_agg(p.oid::bigint) from pg_proc p join pg_namespace n on n.oid = p.pronamespace
                where n.nspname = \(schema) and has_function_privilege(p.oid, 'execute')), '[]')::text
        """
    }

    private static let types: Statement = """
        select typname::text from pg_type where typtype in ('b', 'd', 'e', 'r', 'm') and typname !~ '^_'
            and pg_type_is_visible(oid)
        """

    /// What holds for a role in this database comes behind what holds everywhere.
    private static let roleSettings: Statement = """
        select r.rolname::text, split_part(c.setting, '=', 1), substr(c.setting, strpos(c.setting, '=') + 1)
        from pg_db_role_setting s join pg_roles r on r.oid = s.setrole, unnest(s.setconfig) c(setting)
        where s.setdatabase in (0, (select oid from pg_database where datname = current_database()))
        order by r.rolname, s.setdatabase
        """

    private static let timeZones: Statement = "select name from pg_timezone_names"
}
