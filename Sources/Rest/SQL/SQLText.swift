internal import Postgres

/// SQL as it is written, with the values that are bound to it. The only way from a request's words into SQL: a name is
/// quoted, a value is bound.
struct SQLText {
    private(set) var sql = ""
    private(set) var values: [BoundValue] = []
    /// How large its limits and offsets are, as powers of two: bound values that change what it costs.
    private(set) var sizes: [Int] = []

    init() { sql.reserveCapacity(512) }

    /// Our own words, or the catalogue's: never a client's.
    mutating func add(_ words: String) { sql += words }

    mutating func name(_ name: String) { sql += Self.quoted(name) }

    mutating func name(_ name: QualifiedName) {
        self.name(name.schema)
        sql += "."
        self.name(name.name)
    }

    mutating func column(_ column: String, of alias: String) {
        name(alias)
        sql += "."
        name(column)
    }

    /// Binds a text whose type the server infers from where it stands.
    mutating func bind(_ text: String) {
        values.append(text.boundValue)
        sql += "$\(values.count)"
    }

    mutating func bind(size: Int64) {
        sizes.append(Int64.bitWidth - size.leadingZeroBitCount)
        bind(String(size))
    }

    mutating func literal(_ text: String) { sql += Statement.literal(text) }

    mutating func list<Element>(
        _ elements: [Element], separator: String = ", ", _ write: (inout SQLText, Element) -> Void
    ) {
        for (index, element) in elements.enumerated() {
            if index > 0 { sql += separator }
            write(&self, element)
        }
    }

    static func quoted(_ name: String) -> String { Statement.quoted(name) }

    func statement(scope: String) -> Statement {
        var statement = Statement(unchecked: sql, values: values)
        statement.planScope = scope
        return statement
    }
}
