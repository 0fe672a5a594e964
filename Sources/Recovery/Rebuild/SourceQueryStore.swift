internal import Postgres

/// The SELECT over the raw tables that gives a canonical table's values, in the order the rebuild wants them.
struct SourceQuery {
    let target: Mapping.TargetTable

    /// Each wanted column as the mapping has it, or NULL when it does not; ordered by the first.
    func statement(_ columns: [String]) -> Statement {
        let list = columns.map { name -> String in
            switch target.columns[name] {
            case .expression(let sql): "(\(sql)) as \(Statement.quoted(name))"
            case .legacyEncrypted(let column): "\(Statement.quoted(column)) as \(Statement.quoted(name))"
            case nil: "null as \(Statement.quoted(name))"
            }
        }
        return Statement(unchecked: "select \(list.joined(separator: ", ")) from \(target.from)")
    }

    /// The same with the place of each row of the first relation.
    func statement(_ columns: [String], with alias: String) -> Statement {
        let plain = statement(columns).sql
        return Statement(unchecked: "select \(alias).ctid as \"~ligne\", " + plain.dropFirst("select ".count))
    }

    func has(_ column: String) -> Bool { target.columns[column] != nil }
}
