/// The keys that a dump declares for its tables: which columns can not hold the same values twice.
struct TableKeys: Sendable {
    /// By table, the columns of each primary key, unique constraint and unique index.
    private var declared: [String: [[String]]] = [:]

    /// `statements` that declare no key are passed over.
    init(statements: some Sequence<String>) {
        for statement in statements {
            guard let (table, columns) = Self.key(of: statement) else { continue }
            declared[table, default: []].append(columns)
        }
    }

    /// Whether `column` may be a key of the table by itself. A column that is only part of a key, as an account is of an
    /// entry's, comes again in rows that are as they were written; a time beside it is a partition's and changes nothing.
    /// A table of which no key is known may have any.
    func mayBeKey(_ column: ColumnShape?, of shape: TableShape) -> Bool {
        guard let column, let keys = declared[shape.name] else { return true }
        let times = Set(shape.columns.filter { $0.type.isTime }.map(\.name))
        return keys.contains { key in
            key.contains(column.name) && key.allSatisfy { $0 == column.name || times.contains($0) }
        }
    }

    private static func key(of statement: String) -> (table: String, columns: [String])? {
        guard let verb = statement.first(where: { !$0.isWhitespace })?.lowercased(), verb == "a" || verb == "c" else {
            return nil
        }
        let words = statement.prefix(4096).lowercased()
        guard words.contains("primary") || words.contains("unique") else { return nil }
        var tokens = SQLTokenizer.tokens(of: statement)[...]
        switch (tokens.popFirst(), tokens.popFirst()) {
        case (.word("alter"), .word("table")): return constraint(&tokens)
        case (.word("create"), .word("unique")): return index(&tokens)
        default: return nil
        }
    }

    /// `[ONLY] schema.table ADD CONSTRAINT name PRIMARY KEY (a, b);`
    private static func constraint(_ tokens: inout ArraySlice<SQLToken>) -> (table: String, columns: [String])? {
        if tokens.first == .word("only") { tokens.removeFirst() }
        guard let table = CreateTableParser.qualifiedName(&tokens),
            tokens.popFirst() == .word("add"), tokens.popFirst() == .word("constraint"), tokens.popFirst() != nil
        else { return nil }
        switch tokens.popFirst() {
        case .word("primary"): guard tokens.popFirst() == .word("key") else { return nil }
        case .word("unique"): break
        default: return nil
        }
        return columns(&tokens).map { (table, $0) }
    }

    /// `INDEX name ON [ONLY] schema.table USING btree (a, b);` of the whole table and of columns alone.
    private static func index(_ tokens: inout ArraySlice<SQLToken>) -> (table: String, columns: [String])? {
        guard tokens.popFirst() == .word("index"), tokens.popFirst() != nil, tokens.popFirst() == .word("on") else {
            return nil
        }
        if tokens.first == .word("only") { tokens.removeFirst() }
        guard let table = CreateTableParser.qualifiedName(&tokens) else { return nil }
        if tokens.first == .word("using") { tokens = tokens.dropFirst(2) }
        guard let columns = columns(&tokens), !tokens.contains(.word("where")) else { return nil }
        return (table, columns)
    }

    private static func columns(_ tokens: inout ArraySlice<SQLToken>) -> [String]? {
        guard tokens.popFirst() == .symbol("(") else { return nil }
        var columns: [String] = []
        while let token = tokens.popFirst() {
            guard let name = token.name else { return nil }
            columns.append(name)
            switch tokens.popFirst() {
            case .symbol(","): continue
            case .symbol(")"): return columns
            default: return nil
            }
        }
        return nil
    }
}

extension ColumnType {
    var isTime: Bool {
        switch self {
        case .date, .timestamp, .timestamptz: true
        default: false
        }
    }
}
