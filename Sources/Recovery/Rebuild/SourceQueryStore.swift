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

    /// The same without the rows of some keys, values of the first column.
    func statement(_ columns: [String], excluding keys: [Int64]) -> Statement {
        guard !keys.isEmpty else { return statement(columns) }
        let list = Statement(unchecked: keys.map(String.init).joined(separator: ", "))
        return """
            select * from (\(fragment: statement(columns))) lignes
            where \(identifier: columns.first ?? "id") is null or \(identifier: columns.first ?? "id") not in (\(fragment: list))
            """
    }

    func keyRange(_ columns: [String]) -> Statement {
        """
        select min(\(identifier: columns.first ?? "id"))::bigint, max(\(identifier: columns.first ?? "id"))::bigint
        from (\(fragment: statement(columns))) lignes
        """
    }

    /// Computes every column of the rows in a range of keys, and returns one number.
    func evaluation(_ columns: [String], keys: ClosedRange<Int64>) -> Statement {
        """
        select coalesce(sum(length(lignes::text)), 0) from (\(fragment: statement(columns))) lignes
        where \(identifier: columns.first ?? "id") between \(keys.lowerBound) and \(keys.upperBound)
        """
    }

    func has(_ column: String) -> Bool { target.columns[column] != nil }
}
