/// PostgreSQL's own text of a stored expression (`pg_node_tree`), read as far as a policy's rules need it:
/// `{OPEXPR :opno 96 :args ({VAR …} {CONST …})}`.
indirect enum NodeTree: Hashable, Sendable {
    case node(String, [Field])
    case list([NodeTree])
    case atom(String)

    struct Field: Hashable, Sendable {
        let name: String
        let values: [NodeTree]
    }

    static let depthMax = 400

    /// Nil when the text is no such tree.
    static func read(_ text: String) -> NodeTree? {
        var reader = Reader(bytes: Array(text.utf8))
        guard let tree = reader.value(depth: 0) else { return nil }
        return tree
    }

    /// The value of a field: the first one.
    subscript(field: String) -> NodeTree? {
        guard case .node(_, let fields) = self else { return nil }
        return fields.first { $0.name == field }?.values.first
    }

    var kind: String? { if case .node(let name, _) = self { name } else { nil } }
    var number: Int64? { if case .atom(let text) = self { Int64(text) } else { nil } }
    var elements: [NodeTree] { if case .list(let elements) = self { elements } else { [] } }

    /// `<>` is how PostgreSQL writes nothing.
    var isEmpty: Bool { self == .atom("<>") }

    var children: [NodeTree] {
        switch self {
        case .node(_, let fields): fields.flatMap(\.values)
        case .list(let elements): elements
        case .atom: []
        }
    }

    private struct Reader {
        let bytes: [UInt8]
        var position = 0

        private mutating func skipSpaces() {
            while position < bytes.count, bytes[position] <= 0x20 { position += 1 }
        }

        mutating func value(depth: Int) -> NodeTree? {
            skipSpaces()
            guard position < bytes.count, depth < NodeTree.depthMax else { return nil }
            switch bytes[position] {
            case UInt8(ascii: "{"): return node(depth: depth)
            case UInt8(ascii: "("), UInt8(ascii: "["): return list(depth: depth)
            case UInt8(ascii: "}"), UInt8(ascii: ")"), UInt8(ascii: "]"): return nil
            default: return .atom(word())
            }
        }

        private mutating func word() -> String {
            var out: [UInt8] = []
            while position < bytes.count {
                let byte = bytes[position]
                if byte == UInt8(ascii: "\\"), position + 1 < bytes.count {
                    out.append(bytes[position + 1])
                    position += 2
                    continue
                }
                guard byte > 0x20, !"{}()[]".utf8.contains(byte) else { break }
                out.append(byte)
                position += 1
            }
            return String(decoding: out, as: UTF8.self)
        }

        private mutating func list(depth: Int) -> NodeTree? {
            let end = bytes[position] == UInt8(ascii: "(") ? UInt8(ascii: ")") : UInt8(ascii: "]")
            position += 1
            var elements: [NodeTree] = []
            while true {
                skipSpaces()
                guard position < bytes.count else { return nil }
                if bytes[position] == end {
                    position += 1
                    return .list(elements)
                }
                guard let element = value(depth: depth + 1) else { return nil }
                elements.append(element)
            }
        }

        private mutating func node(depth: Int) -> NodeTree? {
            position += 1
            skipSpaces()
            let name = word()
            var fields: [Field] = []
            var field: (name: String, values: [NodeTree])?
            while true {
                skipSpaces()
                guard position < bytes.count else { return nil }
                if bytes[position] == UInt8(ascii: "}") {
                    position += 1
                    if let field { fields.append(Field(name: field.name, values: field.values)) }
                    return .node(name, fields)
                }
                if bytes[position] == UInt8(ascii: ":") {
                    if let field { fields.append(Field(name: field.name, values: field.values)) }
                    position += 1
                    field = (word(), [])
                } else {
                    guard let value = value(depth: depth + 1) else { return nil }
                    field?.values.append(value)
                }
            }
        }
    }
}

/// What a policy's expression does with each row.
struct PolicyExpression: Sendable {
    /// Functions that are called for each row although they do not look at it.
    private(set) var bareFunctions: Set<Int64> = []
    /// Functions that are called with something of the row.
    private(set) var rowFunctions: Set<Int64> = []
    /// Numbers of the columns that are compared with something that depends on the caller.
    private(set) var comparedColumns: Set<Int64> = []

    init(_ tree: NodeTree) { walk(tree, isInSubselect: false, isOnce: false) }

    /// - Parameters:
    ///   - isInSubselect: the columns seen belong to other tables.
    ///   - isOnce: inside of a subselect without a table, which runs once for the statement.
    private mutating func walk(_ tree: NodeTree, isInSubselect: Bool, isOnce: Bool) {
        switch tree.kind {
        case "QUERY":
            let isOnce = tree["rtable"]?.isEmpty ?? true
            for child in tree.children { walk(child, isInSubselect: true, isOnce: isOnce) }
            return
        case "FUNCEXPR":
            if !isOnce, let id = tree["funcid"]?.number {
                if Self.seesRow(tree) { rowFunctions.insert(id) } else { bareFunctions.insert(id) }
            }
        case "OPEXPR", "SCALARARRAYOPEXPR", "DISTINCTEXPR":
            if !isInSubselect { compare(tree["args"]?.elements ?? []) }
        case "SUBLINK":
            // `column in (select …)`: the test stands beside the query.
            if !isInSubselect, let test = tree["testexpr"] { compareAll(test) }
        default: break
        }
        for child in tree.children { walk(child, isInSubselect: isInSubselect, isOnce: isOnce) }
    }

    private mutating func compareAll(_ tree: NodeTree) {
        if tree.kind == "OPEXPR" { compare(tree["args"]?.elements ?? []) }
        for child in tree.children { compareAll(child) }
    }

    private mutating func compare(_ sides: [NodeTree]) {
        guard sides.count == 2 else { return }
        for (side, other) in [(sides[0], sides[1]), (sides[1], sides[0])] {
            guard let column = Self.column(side), Self.column(other) == nil, !Self.isConstant(other) else { continue }
            comparedColumns.insert(column)
        }
    }

    private static func column(_ tree: NodeTree) -> Int64? {
        switch tree.kind {
        case "VAR": tree["varlevelsup"]?.number == 0 ? tree["varattno"]?.number : nil
        case "RELABELTYPE": tree["arg"].flatMap(column)
        default: nil
        }
    }

    private static func isConstant(_ tree: NodeTree) -> Bool {
        switch tree.kind {
        case "CONST": true
        case "RELABELTYPE": tree["arg"].map(isConstant) ?? false
        case "ARRAYEXPR": (tree["elements"]?.elements ?? []).allSatisfy(isConstant)
        default: false
        }
    }

    private static func seesRow(_ tree: NodeTree) -> Bool {
        tree.kind == "VAR" || tree.children.contains(where: seesRow)
    }
}
