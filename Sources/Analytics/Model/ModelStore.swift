public import Postgres

/// Reads the star schema from the catalogue: only what `bi_reader` may see.
public struct ModelStore: Sendable {
    private let database: any SQLExecutor

    public init(_ database: any SQLExecutor) { self.database = database }

    public func read() async throws -> Model {
        let columns = try await database.all(Self.columns, as: ColumnRow.self)
        let keys = try await database.all(Self.keys, as: KeyRow.self)
        var entities: [Entity] = []
        var seen: Set<String> = []
        for row in columns where seen.insert(row.table).inserted {
            let own = keys.filter { $0.table == row.table }
            entities.append(
                Entity(
                    name: row.table, comment: row.comment,
                    columns: columns.filter { $0.table == row.table }.map(\.column),
                    key: own.filter { $0.target == nil }.map(\.column),
                    links: own.compactMap { key in
                        guard let target = key.target, let column = key.targetColumn else { return nil }
                        return Link(column: key.column, target: target, targetColumn: column)
                    }))
        }
        return Model(entities.filter { !$0.key.isEmpty })
    }

    private struct ColumnRow: RowDecodable {
        let table: String
        let comment: String
        let column: Column

        init(row: Row) throws {
            table = try row.decode(0)
            comment = try row.decode(1)
            let name: String = try row.decode(2)
            let type: String = try row.decode(3)
            let modifier: Int = try row.decode(4)
            let isNullable: Bool = try row.decode(5)
            column = Column(name, try Self.type(type, modifier, name), isNullable: isNullable)
        }

        private static func type(_ name: String, _ modifier: Int, _ column: String) throws -> ColumnType {
            switch name {
            case "bool": return .bool
            case "int2", "int4": return .int32
            case "int8": return .int64
            case "float8": return .double
            case "text": return .text
            case "date": return .date
            case "timestamptz": return .timestamp
            case "numeric" where modifier > 4:
                return .decimal(precision: (modifier - 4) >> 16 & 0xFFFF, scale: (modifier - 4) & 0x7FF)
            default:
                throw AnalyticsError.measures(
                    "the column \(column) has the type \(name), which BI programs can not read")
            }
        }
    }

    private struct KeyRow: RowDecodable {
        let table: String
        let column: String
        let target: String?
        let targetColumn: String?

        init(row: Row) throws {
            table = try row.decode(0)
            column = try row.decode(1)
            target = try row.decodeIfPresent(2)
            targetColumn = try row.decodeIfPresent(3)
        }
    }

    private static let columns: Statement = """
        select c.relname::text, coalesce(obj_description(c.oid, 'pg_class'), ''), a.attname::text, t.typname::text,
            a.atttypmod::bigint, not a.attnotnull
        from pg_class c
        join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
        join pg_type t on t.oid = a.atttypid
        where c.relnamespace = 'bi'::regnamespace and c.relkind in ('r', 'v', 'm')
            and has_table_privilege('bi_reader', c.oid, 'select')
        order by c.relname, a.attnum
        """

    private static let keys: Statement = """
        select c.relname::text, a.attname::text, f.relname::text, b.attname::text
        from pg_constraint k
        join pg_class c on c.oid = k.conrelid
        cross join unnest(k.conkey) with ordinality u (number, place)
        join pg_attribute a on a.attrelid = c.oid and a.attnum = u.number
        left join pg_class f on f.oid = k.confrelid
        left join pg_attribute b on b.attrelid = f.oid and b.attnum = k.confkey[1]
        where c.relnamespace = 'bi'::regnamespace and (k.contype = 'p' or k.contype = 'f' and cardinality(k.conkey) = 1)
            and has_table_privilege('bi_reader', c.oid, 'select')
        order by c.relname, k.contype desc, u.place, a.attnum
        """
}
