/// Puts what a dump says of its tables beside what is known of them: a flipped bit in a definition must neither change a
/// value's type nor take a column away.
enum ShapeSettler {
    /// The dump's own tables, settled by the known ones, and the known ones that it does not define.
    static func settle(own: [TableShape], known: [TableShape]) -> (shapes: [TableShape], differences: [Damage]) {
        let byName = Dictionary(known.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
        var differences: [Damage] = []
        let settled = own.map { shape -> TableShape in
            guard let model = byName[shape.name] else { return shape }
            return settle(shape, by: model, &differences)
        }
        let names = Set(own.map(\.name))
        return (settled + known.filter { !names.contains($0.name) }, differences)
    }

    private static func settle(
        _ shape: TableShape, by model: TableShape, _ differences: inout [Damage]
    ) -> TableShape {
        let known = Dictionary(model.columns.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
        let names = Set(shape.columns.map(\.name))
        let columns = shape.columns.map { column -> ColumnShape in
            var column = column
            if known[column.name] == nil,
                let meant = near(column.name, among: known.keys.filter { !names.contains($0) })
            {
                differences.append(renamed(column.name, meant, in: shape.name))
                column = ColumnShape(name: meant, type: column.type, isNullable: column.isNullable)
            }
            guard let expected = known[column.name] else { return column }
            let type = column.type.settled(by: expected.type)
            if column.type.family != type.family, !column.type.isUnknown || !expected.type.takesAnything {
                differences.append(retyped(column, as: type, in: shape.name))
            }
            return ColumnShape(
                name: column.name, type: type, isNullable: column.isNullable || expected.isNullable)
        }
        return TableShape(name: shape.name, columns: columns)
    }

    /// The table and the columns of a COPY statement as they were before a letter of them broke.
    ///
    /// - Parameter copied: the tables that the dump has data of; a name is never settled to one of these.
    static func settle(
        _ table: String, _ listed: [String], among shapes: [TableShape], copied: Set<String>
    ) -> (table: String, columns: [String], differences: [Damage]) {
        var differences: [Damage] = []
        var table = table
        var shape = shapes.first { $0.name == table }
        if shape == nil {
            let columns = Set(listed)
            let candidates = shapes.filter {
                !copied.contains($0.name) && !listed.isEmpty && columns == Set($0.columns.map(\.name))
            }
            if let meant = near(table, among: candidates.map(\.name)) {
                differences.append(renamed(table, meant, in: meant))
                table = meant
                shape = candidates.first { $0.name == meant }
            }
        }
        guard let shape else { return (table, listed, differences) }
        let names = Set(shape.columns.map(\.name))
        let given = Set(listed)
        let columns = listed.map { name -> String in
            guard !names.contains(name), let meant = near(name, among: names.filter { !given.contains($0) }) else {
                return name
            }
            differences.append(renamed(name, meant, in: table))
            return meant
        }
        return (table, columns, differences)
    }

    /// The one name that differs from `name` in a single character.
    private static func near(_ name: String, among names: some Sequence<String>) -> String? {
        let scalars = Array(name.unicodeScalars)
        let found = names.filter { other in
            let others = Array(other.unicodeScalars)
            return others.count == scalars.count && zip(scalars, others).count { $0 != $1 } == 1
        }
        return found.count == 1 ? found[0] : nil
    }

    private static func renamed(_ name: String, _ meant: String, in table: String) -> Damage {
        Damage(
            kind: .tableOfContents, range: 0..<0, table: table,
            explanation: .init(
                fr: "une définition dit « \(name) » pour \(meant) : une lettre en est abîmée",
                en: "a definition says \"\(name)\" for \(meant): a letter of it is damaged"))
    }

    private static func retyped(_ column: ColumnShape, as type: ColumnType, in table: String) -> Damage {
        Damage(
            kind: .tableOfContents, range: 0..<0, table: table,
            explanation: .init(
                fr:
                    "la définition de \(column.name) (\(column.type.words)) n’est pas celle attendue : lue comme \(type.words)",
                en:
                    "the definition of \(column.name) (\(column.type.words)) is not the expected one: read as \(type.words)"
            ))
    }
}

extension ColumnType {
    /// Types whose values are written alike, whatever their length or scale.
    enum Family {
        case integer, numeric, real, boolean, date, time, timestamp, timestamptz, interval, uuid, bytea, inet, json
        case text, unknown
    }

    var family: Family {
        switch self {
        case .smallint, .integer, .bigint: .integer
        case .numeric: .numeric
        case .real: .real
        case .boolean: .boolean
        case .date: .date
        case .time: .time
        case .timestamp: .timestamp
        case .timestamptz: .timestamptz
        case .interval: .interval
        case .uuid: .uuid
        case .bytea: .bytea
        case .inet: .inet
        case .json: .json
        case .text, .character: .text
        case .other: .unknown
        }
    }

    var isUnknown: Bool { family == .unknown }

    /// A column of such a type takes every value as it is.
    var takesAnything: Bool { family == .text || family == .unknown }

    /// What the reader's messages call it.
    var words: String { if case .other(let word) = self { word } else { safeSQL } }

    /// The type to read a column as that the dump calls `self` and the mapping `expected`: the expected one, in which the
    /// mapping's expressions are written. Lengths and scales that contradict each other say nothing; a time's zone is
    /// never given up.
    func settled(by expected: ColumnType) -> ColumnType {
        if self == expected { return self }
        switch (family, expected.family) {
        case (.integer, .integer): return .bigint
        case (.numeric, .numeric): return .numeric(precision: nil, scale: 0)
        case (.text, .text):
            if case .character = self { return .character(length: Int.max) }
            return .text(limit: nil)
        case (.timestamptz, .timestamp): return self
        default: return expected
        }
    }
}
