/// Reads the columns of a `CREATE TABLE` statement, and the table and columns of a `COPY` statement.
enum CreateTableParser {
    /// Nil when the statement is no CREATE TABLE with columns.
    static func shape(of statement: String) -> TableShape? {
        var tokens = SQLTokenizer.tokens(of: statement)[...]
        guard let name = name(&tokens), tokens.popFirst() == .symbol("(") else { return nil }
        var columns: [ColumnShape] = []
        for definition in items(&tokens) {
            if let column = column(definition) { columns.append(column) }
        }
        return columns.isEmpty ? nil : TableShape(name: name, columns: columns)
    }

    /// The table's name; nil when the statement is no CREATE TABLE.
    static func name(of statement: String) -> String? {
        var tokens = SQLTokenizer.tokens(of: statement)[...]
        return name(&tokens)
    }

    private static func name(_ tokens: inout ArraySlice<SQLToken>) -> String? {
        guard tokens.popFirst() == .word("create") else { return nil }
        while let word = tokens.first,
            ["unlogged", "temporary", "temp", "global", "local", "foreign"].contains(word.name)
        {
            tokens.removeFirst()
        }
        guard tokens.popFirst() == .word("table") else { return nil }
        if tokens.first == .word("if") { tokens = tokens.dropFirst(3) }
        return qualifiedName(&tokens)
    }

    /// The table and the columns of `COPY schema.table (a, b) FROM stdin;`; nil when it is anything else.
    static func copy(_ statement: String) -> (table: String, columns: [String])? {
        var tokens = SQLTokenizer.tokens(of: statement)[...]
        guard tokens.popFirst() == .word("copy"), let table = qualifiedName(&tokens) else { return nil }
        var columns: [String] = []
        if tokens.first == .symbol("(") {
            tokens.removeFirst()
            for item in items(&tokens) {
                guard item.count == 1, let name = item.first?.name else { return nil }
                columns.append(name)
            }
        }
        guard Array(tokens) == [.word("from"), .word("stdin"), .symbol(";")] else { return nil }
        return (table, columns)
    }

    /// `schema.name`; a bare name is of `public`.
    static func qualifiedName(_ tokens: inout ArraySlice<SQLToken>) -> String? {
        guard let first = tokens.popFirst()?.name else { return nil }
        guard tokens.first == .symbol(".") else { return TableName.joined("public", first) }
        tokens.removeFirst()
        guard let second = tokens.popFirst()?.name else { return nil }
        return TableName.joined(first, second)
    }

    /// The comma-separated items up to the closing parenthesis, which is consumed.
    private static func items(_ tokens: inout ArraySlice<SQLToken>) -> [ArraySlice<SQLToken>] {
        var items: [ArraySlice<SQLToken>] = []
        var current: [SQLToken] = []
        var depth = 0
        while let token = tokens.popFirst() {
            switch token {
            case .symbol("("), .symbol("["): depth += 1
            case .symbol("]"): depth -= 1
            case .symbol(")") where depth == 0:
                items.append(current[...])
                return items.filter { !$0.isEmpty }
            case .symbol(")"): depth -= 1
            case .symbol(",") where depth == 0:
                items.append(current[...])
                current = []
                continue
            default: break
            }
            current.append(token)
        }
        return items
    }

    private static let constraintWords: Set<String> = [
        "constraint", "primary", "unique", "check", "foreign", "exclude", "like",
    ]

    private static func column(_ definition: ArraySlice<SQLToken>) -> ColumnShape? {
        var rest = definition
        guard let first = rest.popFirst(), let name = first.name else { return nil }
        if case .word(let word) = first, constraintWords.contains(word) { return nil }
        let type = Self.type(&rest)
        let words = rest.map(\.name)
        let isNotNull = zip(words, words.dropFirst()).contains { $0 == "not" && $1 == "null" }
        if words.contains("generated"), words.contains("stored") { return nil }
        return ColumnShape(name: name, type: type, isNullable: !isNotNull)
    }

    private static func type(_ tokens: inout ArraySlice<SQLToken>) -> ColumnType {
        guard let token = tokens.popFirst(), var word = token.name else { return .other("") }
        if word == "pg_catalog", tokens.first == .symbol(".") {
            tokens.removeFirst()
            word = tokens.popFirst()?.name ?? ""
        } else if tokens.first == .symbol(".") {
            tokens.removeFirst()
            return .other(word + "." + (tokens.popFirst()?.name ?? ""))
        }
        let second = tokens.first?.name
        if ["double", "character", "bit"].contains(word), second == "precision" || second == "varying" {
            tokens.removeFirst()
            word += " " + (second ?? "")
        }
        let arguments = parenthesised(&tokens)
        if word == "timestamp" || word == "time", tokens.first?.name == "with" || tokens.first?.name == "without" {
            if tokens.first?.name == "with", word == "timestamp" { word = "timestamptz" }
            if tokens.first?.name == "with", word == "time" { word = "timetz" }
            tokens = tokens.dropFirst(3)
        }
        if tokens.first == .symbol("[") { return .other(word + "[]") }
        // A word that nothing of a column begins with belongs to a type that is not known, or broken.
        if let next = tokens.first?.name, !columnWords.contains(next) { return .other(word + " " + next) }
        return Self.type(word, arguments)
    }

    private static let columnWords: Set<String> = [
        "not", "null", "default", "constraint", "collate", "primary", "unique", "check", "references", "generated",
        "deferrable", "initially", "storage", "compression", "options",
    ]

    private static func parenthesised(_ tokens: inout ArraySlice<SQLToken>) -> [Int] {
        guard tokens.first == .symbol("(") else { return [] }
        tokens.removeFirst()
        var numbers: [Int] = []
        while let token = tokens.popFirst(), token != .symbol(")") {
            if case .number(let digits) = token, let number = Int(digits), number < 100_000_000 {
                numbers.append(number)
            }
        }
        return numbers
    }

    private static func type(_ word: String, _ arguments: [Int]) -> ColumnType {
        switch word {
        case "smallint", "int2", "smallserial": .smallint
        case "integer", "int", "int4", "serial": .integer
        case "bigint", "int8", "bigserial": .bigint
        case "numeric", "decimal":
            .numeric(precision: arguments.first.flatMap(positive), scale: arguments.count > 1 ? arguments[1] : 0)
        case "real", "float4", "float8", "double precision", "float": .real
        case "boolean", "bool": .boolean
        case "date": .date
        case "time": .time
        case "timestamp": .timestamp
        case "timestamptz": .timestamptz
        case "interval": .interval
        case "uuid": .uuid
        case "bytea": .bytea
        case "inet", "cidr": .inet
        case "json", "jsonb": .json
        case "text", "citext", "name": .text(limit: nil)
        case "character varying", "varchar": .text(limit: arguments.first.flatMap(positive))
        case "character", "char", "bpchar": .character(length: arguments.first.flatMap(positive) ?? 1)
        default: .other(word)
        }
    }

    private static func positive(_ number: Int) -> Int? { number > 0 ? number : nil }
}
