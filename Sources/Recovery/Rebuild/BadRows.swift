internal import Postgres

/// Takes the rows over which a mapping's expressions fail out of the clean room's tables, when one of them has made a
/// whole query fail: however many they are, the rest goes on.
///
/// The server looks for them itself, block by block of the table and then row by row; what it took out stays in the clean
/// room, so that a rebuild that begins anew finds it again.
struct BadRows {
    let source: Database
    let target: Mapping.TargetTable
    /// The canonical table.
    let table: String
    let columns: [String]

    /// Looks for them, because of `error`.
    func setAside(because error: PostgresError) async throws {
        guard let clause = SourceClause(target.from) else { throw error }
        try await source.run(BadRowsStore.makeTable)
        try await source.run(
            BadRowsStore.setAside(
                table, relation: clause.relation, alias: clause.alias,
                query: SourceQuery(target: target).statement(columns, with: clause.alias)))
    }

    /// The rows that were set aside for this table, as COPY text, and the server's words.
    func each(_ receive: @escaping @Sendable ([UInt8], String) throws -> Void) async throws {
        guard let clause = SourceClause(target.from),
            try await source.one(BadRowsStore.exists, as: Bool.self)
        else { return }
        for reason in try await source.all(BadRowsStore.reasons(table), as: String.self) {
            let rows = BadRowsStore.rows(table, relation: clause.relation, reason: reason)
            try await source.withConnection { connection in
                try await connection.copyOut(CleanRoomStore.copyOut(rows)) { try receive(Array($0), reason) }
            }
        }
    }
}

/// The beginning of a mapping's `from`: the relation whose rows are meant, and its name in the clause.
struct SourceClause {
    let relation: String
    let alias: String

    /// Nil when the clause does not begin with a table.
    init?(_ from: String) {
        let words = from.split(whereSeparator: \.isWhitespace).map(String.init)
        guard let first = words.first else { return nil }
        let name = first.hasPrefix("\"") && first.hasSuffix("\"") ? String(first.dropFirst().dropLast()) : first
        guard !name.isEmpty, name.allSatisfy({ $0.isLetter || $0.isNumber || $0 == "_" }) else { return nil }
        relation = name
        let next = words.dropFirst().first ?? ""
        let keywords: Set<String> = ["left", "right", "inner", "full", "cross", "join", "natural", "where", "as", ""]
        alias = keywords.contains(next.lowercased()) ? first : next
    }
}
