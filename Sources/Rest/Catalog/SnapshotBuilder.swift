internal import Postgres
internal import Web

/// Makes a snapshot of the catalogue's rows.
struct SnapshotBuilder {
    private var snapshot: Snapshot
    private var names: [Int64: QualifiedName] = [:]
    private var foreignKeys: [ForeignKey] = []
    /// Primary keys and unique constraints of every relation, also of those that are not served.
    private var primaryKeys: [Int64: [String]] = [:]
    private var uniqueKeys: [Int64: [Set<String>]] = [:]
    private var origins: [Int64: [String: Origin]] = [:]

    private struct ForeignKey {
        let name: String
        let from: Int64
        let to: Int64
        let pairs: [ColumnPair]
    }

    private struct Origin {
        let relation: Int64
        let column: String
    }

    static func read(_ database: any SQLExecutor, schemas: [String], generation: UInt64) async throws -> Snapshot {
        let rows = try await CatalogStore(database: database).rows(schemas: schemas)
        var builder = SnapshotBuilder(snapshot: Snapshot(generation: generation, schemas: schemas))
        try builder.readRelations(rows[0])
        try builder.readColumns(rows[1])
        try builder.readKeys(primary: rows[2], foreign: rows[3], unique: rows[4])
        try builder.readOrigins(rows[5])
        builder.nameViewKeys()
        builder.relate()
        try builder.readFunctions(rows[6])
        for row in rows[7] { builder.snapshot.typeNames.insert(try row.decode(0)) }
        builder.snapshot.typeNames.formUnion(Self.spelledTypes)
        for row in rows[8] { builder.snapshot.timeZones.insert(try row.decode(0)) }
        for row in rows[9] {
            builder.snapshot.roles[try row.decode(0), default: RoleSettings()].set(
                try row.decode(1), try row.decode(2))
        }
        return builder.snapshot
    }

    private init(snapshot: Snapshot) { self.snapshot = snapshot }

    /// What SQL calls types whose names in the catalogue are others.
    private static let spelledTypes: Set<String> = [
        "int", "integer", "bigint", "smallint", "boolean", "real", "double precision", "decimal", "char", "character",
        "character varying", "timestamp with time zone", "timestamp without time zone", "time with time zone",
        "time without time zone", "bit varying",
    ]

    static func list(_ text: String) -> [String] {
        text.isEmpty ? [] : text.split(separator: "\u{1F}", omittingEmptySubsequences: false).map(String.init)
    }

    private mutating func readRelations(_ rows: QueryResult) throws {
        for row in rows {
            guard let kind = Relation.Kind(rawValue: try row.decode(3)) else { continue }
            let name = QualifiedName(schema: try row.decode(1), name: try row.decode(2))
            let id: Int64 = try row.decode(0)
            names[id] = name
            snapshot.relations[name] = Relation(
                id: id, name: name, kind: kind, isGuarded: try row.decode(4), isInsertable: try row.decode(5),
                isUpdatable: try row.decode(6), isDeletable: try row.decode(7), comment: try row.decodeIfPresent(8))
        }
    }

    private mutating func readColumns(_ rows: QueryResult) throws {
        for row in rows {
            guard let name = names[try row.decode(0)] else { continue }
            snapshot.relations[name]?.add(
                Column(
                    name: try row.decode(1), type: try row.decode(2), baseType: try row.decode(3),
                    isNullable: try row.decode(4), defaultSQL: try row.decodeIfPresent(5),
                    isGenerated: try row.decode(6),
                    enumLabels: Self.list(try row.decodeIfPresent(7) ?? ""), lengthMax: try row.decodeIfPresent(8),
                    comment: try row.decodeIfPresent(9)))
        }
    }

    private mutating func readKeys(primary: QueryResult, foreign: QueryResult, unique: QueryResult) throws {
        for row in primary { primaryKeys[try row.decode(0)] = Self.list(try row.decode(1)) }
        for (id, key) in primaryKeys {
            guard let name = names[id] else { continue }
            snapshot.relations[name]?.primaryKey = key
        }
        for row in unique { uniqueKeys[try row.decode(0), default: []].append(Set(Self.list(try row.decode(1)))) }
        for row in foreign {
            let pairs = zip(Self.list(try row.decode(3)), Self.list(try row.decode(4))).map {
                ColumnPair(ours: $0, theirs: $1)
            }
            foreignKeys.append(
                ForeignKey(name: try row.decode(0), from: try row.decode(1), to: try row.decode(2), pairs: pairs))
        }
    }

    /// Views may stand on views: each column is followed down to a table's.
    private mutating func readOrigins(_ rows: QueryResult) throws {
        for row in rows {
            guard let column: String = try row.decodeIfPresent(3) else { continue }
            origins[try row.decode(0), default: [:]][try row.decode(1)] = Origin(
                relation: try row.decode(2), column: column)
        }
        for _ in 0..<8 {
            var isSettled = true
            for (view, columns) in origins {
                for (name, origin) in columns {
                    guard let deeper = origins[origin.relation]?[origin.column] else { continue }
                    origins[view]?[name] = deeper
                    isSettled = false
                }
            }
            if isSettled { break }
        }
    }

    /// A view that shows its table's whole primary key has it too.
    private mutating func nameViewKeys() {
        for (view, columns) in origins {
            guard let name = names[view], snapshot.relations[name]?.primaryKey.isEmpty == true else { continue }
            for table in Set(columns.values.map(\.relation)).sorted() {
                guard let key = primaryKeys[table] else { continue }
                let shown = key.compactMap { column in
                    columns.filter { $0.value.relation == table && $0.value.column == column }.keys.min()
                }
                if shown.count == key.count {
                    snapshot.relations[name]?.primaryKey = shown
                    break
                }
            }
        }
    }

    // MARK: Relationships

    /// A relation that stands for a table's columns: the table itself, or a view of it.
    private struct Face {
        let name: QualifiedName
        /// The table's column and what this face calls it.
        let columns: [String: String]?

        func renamed(_ column: String) -> String? { columns == nil ? column : columns?[column] }
    }

    private func faces() -> [Int64: [Face]] {
        var faces: [Int64: [Face]] = [:]
        for (id, name) in names where origins[id] == nil {
            faces[id, default: []].append(Face(name: name, columns: nil))
        }
        for (view, columns) in origins.sorted(by: { $0.key < $1.key }) {
            guard let name = names[view] else { continue }
            for table in Set(columns.values.map(\.relation)) {
                var renamed: [String: String] = [:]
                for (shown, origin) in columns.sorted(by: { $0.key > $1.key }) where origin.relation == table {
                    renamed[origin.column] = shown
                }
                faces[table, default: []].append(Face(name: name, columns: renamed))
            }
        }
        return faces
    }

    private mutating func relate() {
        let faces = faces()
        for key in foreignKeys {
            let isUnique = uniqueKeys[key.from]?.contains(Set(key.pairs.map(\.ours))) == true
            for from in faces[key.from] ?? [] {
                for to in faces[key.to] ?? [] {
                    let pairs = key.pairs.compactMap { pair -> ColumnPair? in
                        guard let ours = from.renamed(pair.ours), let theirs = to.renamed(pair.theirs) else {
                            return nil
                        }
                        return ColumnPair(ours: ours, theirs: theirs)
                    }
                    guard pairs.count == key.pairs.count else { continue }
                    let back = pairs.map { ColumnPair(ours: $0.theirs, theirs: $0.ours) }
                    add(from.name, to.name, isUnique ? .oneToOne(isOurs: true) : .manyToOne, key.name, pairs)
                    add(to.name, from.name, isUnique ? .oneToOne(isOurs: false) : .oneToMany, key.name, back)
                }
            }
        }
        relateThroughJunctions(faces)
    }

    /// A junction's primary key holds the columns of both foreign keys.
    private mutating func relateThroughJunctions(_ faces: [Int64: [Face]]) {
        for (junction, keys) in Dictionary(grouping: foreignKeys, by: \.from).sorted(by: { $0.key < $1.key }) {
            guard let table = names[junction], let primary = primaryKeys[junction].map(Set.init) else { continue }
            let inside = keys.filter { primary.isSuperset(of: $0.pairs.map(\.ours)) }
            for (index, first) in inside.enumerated() {
                for (other, second) in inside.enumerated() where other != index {
                    for from in faces[first.to] ?? [] {
                        for to in faces[second.to] ?? [] {
                            let ours = first.pairs.compactMap { pair in
                                from.renamed(pair.theirs).map { ColumnPair(ours: $0, theirs: pair.ours) }
                            }
                            let theirs = second.pairs.compactMap { pair in
                                to.renamed(pair.theirs).map { ColumnPair(ours: pair.ours, theirs: $0) }
                            }
                            guard ours.count == first.pairs.count, theirs.count == second.pairs.count else { continue }
                            let junction = Relationship.Junction(
                                table: table, ourConstraint: first.name, theirConstraint: second.name, ours: ours,
                                theirs: theirs)
                            add(from.name, to.name, .manyToMany(junction), "", [])
                        }
                    }
                }
            }
        }
    }

    private mutating func add(
        _ from: QualifiedName, _ to: QualifiedName, _ cardinality: Relationship.Cardinality, _ constraint: String,
        _ pairs: [ColumnPair]
    ) {
        snapshot.relationships[from, default: []].append(
            Relationship(from: from, to: to, cardinality: cardinality, constraint: constraint, pairs: pairs))
    }

    // MARK: Functions

    private mutating func readFunctions(_ rows: QueryResult) throws {
        for row in rows {
            let function = try function(row)
            snapshot.functions[function.name, default: []].append(function)
            guard let id: Int64 = try row.decodeIfPresent(15), let relation = names[id] else { continue }
            switch function.result {
            case .relation(let target):
                let rowCount: Double = try row.decode(12)
                let isToOne = !function.returnsSet || rowCount == 1
                add(relation, target, .computed(function: function.name, isToOne: isToOne), "", [])
            case .scalar where !function.returnsSet:
                snapshot.computedColumns[relation, default: []].insert(function.name.name)
            default: break
            }
        }
    }

    private func function(_ row: Row) throws -> Function {
        let words: String = try row.decodeIfPresent(14) ?? "[]"
        let arguments = (try? JSONReader.read(words))?.array ?? []
        let inputCount: Int = try row.decode(10)
        let defaultCount: Int = try row.decode(11)
        var parameters: [Function.Parameter] = []
        var outputs: [String] = []
        for argument in arguments {
            guard let parts = argument.array, parts.count == 3, let name = parts[0].string, let type = parts[1].string,
                let mode = parts[2].string
            else { continue }
            if mode == "o" || mode == "t" || mode == "b" { outputs.append(name) }
            guard mode == "i" || mode == "b" || mode == "v" else { continue }
            parameters.append(
                Function.Parameter(
                    name: name, type: type, isRequired: parameters.count < inputCount - defaultCount && mode != "v",
                    isVariadic: mode == "v"))
        }
        let typeID: Int64 = try row.decode(5)
        let result: Function.Result
        if typeID == 2278 {
            result = .void
        } else if typeID == 2249 {
            result = .columns(outputs)
        } else if try row.decode(7, as: String.self) == "c" {
            result = names[try row.decode(8)].map { .relation($0) } ?? .columns([])
        } else {
            result = .scalar(type: try row.decode(6))
        }
        return Function(
            id: try row.decode(0), name: QualifiedName(schema: try row.decode(1), name: try row.decode(2)),
            parameters: parameters, result: result, returnsSet: try row.decode(4), isReadOnly: try row.decode(3),
            comment: try row.decodeIfPresent(13))
    }
}
