/// A SQL statement whose values are bound, never spliced.
///
/// `"select solde from comptes where id = \(id)"` becomes `… where id = $1` with one bound value; there is no way to
/// interpolate text as SQL except `\(identifier:)`, which quotes, and `\(fragment:)`, which takes another statement.
public struct Statement: Sendable, ExpressibleByStringInterpolation {
    public private(set) var sql: String
    public private(set) var values: [BoundValue]
    /// Keeps prepared plans apart: the same text under another scope is prepared on its own. A statement planned for
    /// one role and run under another is planned again each time under row level security, so an API sets this to the
    /// role and its schema generation.
    public var planScope = ""

    public init(stringLiteral value: String) {
        sql = value
        values = []
    }

    public init(stringInterpolation interpolation: StringInterpolation) {
        sql = interpolation.sql
        values = interpolation.values
    }

    /// A statement that is text already: a migration file, a generated query whose values are `values`.
    public init(unchecked sql: String, values: [BoundValue] = []) {
        self.sql = sql
        self.values = values
    }

    /// `other` with other values of the same types: one prepared statement serves both.
    public init(_ other: Statement, values: [BoundValue]) {
        sql = other.sql
        planScope = other.planScope
        self.values = values
    }

    public struct StringInterpolation: StringInterpolationProtocol {
        var sql = ""
        var values: [BoundValue] = []

        public init(literalCapacity: Int, interpolationCount: Int) {
            sql.reserveCapacity(literalCapacity + 4 * interpolationCount)
            values.reserveCapacity(interpolationCount)
        }

        public mutating func appendLiteral(_ literal: String) { sql += literal }

        public mutating func appendInterpolation(_ value: some Bindable) { append(value.boundValue) }

        public mutating func appendInterpolation<Value: Bindable>(_ value: Value?) {
            append(value?.boundValue ?? BoundValue(type: Value.boundType, bytes: nil))
        }

        /// A table, column, role or schema name, quoted by doubling its quotes.
        public mutating func appendInterpolation(identifier name: String) {
            sql += Statement.quoted(name)
        }

        /// Another statement, its parameters renumbered after ours.
        public mutating func appendInterpolation(fragment other: Statement) {
            sql += other.renumbered(from: values.count)
            values += other.values
        }

        private mutating func append(_ value: BoundValue) {
            values.append(value)
            sql += "$\(values.count)"
        }
    }

    /// `name` as a quoted SQL identifier.
    public static func quoted(_ name: String) -> String {
        // Names with a quote in them are rare, and this is asked for each name of each request.
        name.utf8.contains(UInt8(ascii: "\"")) ? "\"" + name.replacing("\"", with: "\"\"") + "\"" : "\"\(name)\""
    }

    /// `text` as a quoted SQL literal, for the few utility statements that take no parameters (`create role … password`).
    public static func literal(_ text: String) -> String {
        guard text.utf8.contains(where: { $0 == UInt8(ascii: "'") || $0 == UInt8(ascii: "\\") }) else {
            return "'\(text)'"
        }
        let doubled = text.replacing("'", with: "''").replacing("\\", with: "\\\\")
        return text.contains("\\") ? " E'\(doubled)'" : "'\(doubled)'"
    }

    private func renumbered(from offset: Int) -> String {
        guard offset > 0, !values.isEmpty else { return sql }
        var out = ""
        var rest = Substring(sql)
        while let dollar = rest.firstIndex(of: "$") {
            out += rest[..<dollar]
            let digits = rest[rest.index(after: dollar)...].prefix { $0.isASCII && $0.isNumber }
            if let number = Int(digits) { out += "$\(number + offset)" } else { out += "$" }
            rest = rest[digits.endIndex...]
        }
        return out + rest
    }
}
