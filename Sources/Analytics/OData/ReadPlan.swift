internal import Postgres

/// A query over one set, with its SQL pieces: columns known, values bound.
struct ReadPlan: Sendable {
    /// A member of the JSON object of a row; with a group, inside an object of that name.
    struct Member: Sendable {
        let group: String?
        let name: String
        let piece: Piece
    }

    struct Key: Sendable {
        let piece: Piece
        let isDescending: Bool
    }

    let entity: Entity
    var links: [Link] = []
    var members: [Member] = []
    var conditions: [Statement] = []
    /// Gives each row one place.
    var keys: [Key] = []
    /// Of a grouping: the columns inside, by the names q.c0, q.c1, …
    var inner: [Piece] = []
    var groupCount = 0
    var isGrouped = false
    /// Conditions on the rows of a grouping.
    var outer: [Statement] = []

    init(_ query: ODataQuery, _ entity: Entity, _ model: Model, _ book: MeasureBook) throws(ODataProblem) {
        self.entity = entity
        var compiler = Compiler(.entity(entity, model), aliases: query.aliases)
        for filter in query.grouping?.before ?? [] { conditions.append(try compiler.condition(filter)) }
        if let grouping = query.grouping, !grouping.items.isEmpty || !grouping.paths.isEmpty {
            guard query.select.isEmpty, query.expand.isEmpty else {
                throw .unsupported("$select or $expand together with a grouping")
            }
            try group(grouping, &compiler, book)
            links = compiler.links
            try orderGroups(query)
            return
        }
        if let filter = query.filter { conditions.append(try compiler.condition(filter)) }
        let names = query.select.isEmpty ? entity.columns.map(\.name) : query.select
        for name in names {
            members.append(Member(group: nil, name: name, piece: try compiler.column([name])))
        }
        for item in query.expand {
            let target = try compiler.walk(item.link, entity, model)
            for name in item.select.isEmpty ? target.columns.map(\.name) : item.select {
                members.append(Member(group: item.link, name: name, piece: try compiler.column([item.link, name])))
            }
        }
        for item in query.order {
            let piece = try compiler.piece(item.expression)
            // What is the same in each row orders nothing, and would name no place between two pages.
            if item.expression.namesColumn { keys.append(Key(piece: piece, isDescending: item.isDescending)) }
        }
        for name in entity.key where !query.order.contains(where: { $0.expression == .path([name]) }) {
            keys.append(Key(piece: try compiler.column([name]), isDescending: false))
        }
        links = compiler.links
    }

    private mutating func group(
        _ grouping: Grouping, _ compiler: inout Compiler, _ book: MeasureBook
    ) throws(ODataProblem) {
        isGrouped = true
        for path in grouping.paths {
            let piece = try compiler.column(path)
            add(path.count == 2 ? path[0] : nil, path[path.count - 1], piece)
        }
        groupCount = inner.count
        for item in grouping.items {
            switch item {
            case .count(let alias): add(nil, alias, Piece("count(*)", .integer, isNullable: false))
            case .column(let path, let method, let alias):
                add(nil, alias, try Self.aggregate(try compiler.column(path), method))
            case .measure(let name, let alias):
                guard let measure = book.measure(name), measure.table == entity.name else {
                    throw .invalid("\(entity.name) has no measure \(name)")
                }
                // Checked word by word when the book was read against the model.
                add(nil, alias, Piece(Measure.number(measure), .decimal, isNullable: true))
            }
        }
    }

    private mutating func add(_ group: String?, _ name: String, _ piece: Piece) {
        let outside: Statement = "q.\(identifier: "c\(inner.count)")"
        inner.append(piece)
        members.append(
            Member(group: group, name: name, piece: Piece(outside, piece.kind, isNullable: piece.isNullable)))
    }

    private mutating func orderGroups(_ query: ODataQuery) throws(ODataProblem) {
        let columns = Dictionary(
            members.map { (($0.group.map { $0 + "/" } ?? "") + $0.name, $0.piece) },
            uniquingKeysWith: { first, _ in first })
        var compiler = Compiler(.grouped(columns), aliases: query.aliases)
        for filter in (query.grouping?.after ?? []) + (query.filter.map { [$0] } ?? []) {
            outer.append(try compiler.condition(filter))
        }
        for item in query.order {
            let piece = try compiler.piece(item.expression)
            // What is the same in each row orders nothing, and would name no place between two pages.
            if item.expression.namesColumn { keys.append(Key(piece: piece, isDescending: item.isDescending)) }
        }
        for member in members[..<groupCount] { keys.append(Key(piece: member.piece, isDescending: false)) }
    }

    private static func aggregate(_ piece: Piece, _ method: AggregateMethod) throws(ODataProblem) -> Piece {
        switch method {
        case .countdistinct: return Piece("count(distinct \(fragment: piece.sql))", .integer, isNullable: false)
        case .min where piece.kind != .bool: return Piece("min(\(fragment: piece.sql))", piece.kind, isNullable: true)
        case .max where piece.kind != .bool: return Piece("max(\(fragment: piece.sql))", piece.kind, isNullable: true)
        case .sum where piece.kind.isNumber:
            return Piece(
                "sum(\(fragment: piece.sql))", piece.kind == .double ? .double : .decimal, isNullable: true)
        case .average where piece.kind == .double:
            return Piece("avg(\(fragment: piece.sql))", .double, isNullable: true)
        case .average where piece.kind.isNumber:
            return Piece("round(avg(\(fragment: piece.sql)), 6)", .decimal, isNullable: true)
        default: throw .invalid("\(method) does not work on a \(piece.kind)")
        }
    }
}

extension Measure {
    /// Six decimals are the most: the same text wherever the figure is shown.
    static func number(_ measure: Measure) -> Statement {
        Statement(unchecked: "trim_scale(round((\(measure.sql))::numeric, 6))")
    }
}
