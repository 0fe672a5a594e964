/// Names of tables with their schema, as everything behind the reader bears them.
package enum TableName {
    /// `schema.name`. A part that holds a dot or a quote stands in quotes: `public."audit.t"` is not `audit.t`.
    package static func joined(_ schema: String, _ name: String) -> String {
        part(schema) + "." + part(name)
    }

    /// The table that a `CREATE TABLE` statement makes; nil when the statement is another.
    package static func created(by sql: String) -> String? { CreateTableParser.name(of: sql) }

    private static func part(_ name: String) -> String {
        guard name.utf8.contains(where: { $0 == UInt8(ascii: ".") || $0 == UInt8(ascii: "\"") }) else { return name }
        return "\"" + name.replacing("\"", with: "\"\"") + "\""
    }
}
