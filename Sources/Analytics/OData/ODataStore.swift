internal import Postgres

/// Reads rows and figures as `bi_reader`, without the right to change anything.
struct ODataStore: Sendable {
    static let role = "bi_reader"
    static let timeMaxSeconds = 60

    let database: Database

    /// Rows as JSON texts, and the place of the last one when there are more.
    struct Page: Sendable {
        var body: [UInt8] = []
        var count = 0
        var total: Int64?
        var next: [String?]?
    }

    /// - Parameter size: rows of this page.
    func page(
        _ plan: ReadPlan, after: [String?]?, size: Int64, skip: Int64, isCounted: Bool, asText: Bool
    ) async throws -> Page {
        var statements = [Self.settings, try Self.rows(plan, after: after, size: size + 1, skip: skip, asText: asText)]
        if isCounted { statements.append(Self.count(plan)) }
        let results = try await database.pipeline(statements)
        var page = Page()
        let rows = results[1]
        page.count = min(rows.count, Int(size))
        page.body.reserveCapacity(page.count * 320)
        for (index, row) in rows.enumerated() where index < page.count {
            if index > 0 { page.body.append(UInt8(ascii: ",")) }
            row.withBytes(0) { bytes in if let bytes { page.body.append(contentsOf: bytes) } }
        }
        if rows.count > page.count, page.count > 0 {
            let last = rows[page.count - 1]
            page.next = try plan.keys.indices.map { try last.decodeIfPresent($0 + 1, as: String.self) }
        }
        if isCounted { page.total = try results[2].first?.decode(0, as: Int64.self) }
        return page
    }

    func count(_ plan: ReadPlan) async throws -> Int64 {
        let results = try await database.pipeline([Self.settings, Self.count(plan)])
        return try results[1].first?.decode(0, as: Int64.self) ?? 0
    }

    /// The values of a grouping's columns, as text.
    func values(_ plan: ReadPlan, most: Int64) async throws -> [[String?]] {
        var list = Statement(unchecked: "")
        for (index, member) in plan.members.enumerated() {
            list =
                index == 0
                ? "\(fragment: member.piece.sql)::text"
                : "\(fragment: list), \(fragment: member.piece.sql)::text"
        }
        let statement: Statement =
            "select \(fragment: list) from \(fragment: Self.from(plan)) \(fragment: Self.order(plan)) limit \(most)"
        let results = try await database.pipeline([Self.settings, Self.scoped(statement)])
        return try results[1].map { row in
            try (0..<row.columnCount).map { try row.decodeIfPresent($0, as: String.self) }
        }
    }

    func secret() async throws -> [UInt8] {
        try await database.one("select encode(octets, 'hex') from bi.secret", as: String.self).utf8.map { $0 }
    }

    // MARK: SQL

    private static let settings: Statement = """
        select set_config('role', 'bi_reader', true), set_config('transaction_read_only', 'on', true),
            set_config('TimeZone', 'UTC', true), set_config('statement_timeout', '60s', true)
        """

    private static func scoped(_ statement: Statement) -> Statement {
        var statement = statement
        statement.planScope = role
        return statement
    }

    private static func rows(
        _ plan: ReadPlan, after: [String?]?, size: Int64, skip: Int64, asText: Bool
    ) throws(ODataProblem) -> Statement {
        var list = object(plan, asText: asText)
        for key in plan.keys { list = "\(fragment: list), \(fragment: key.piece.sql)::text" }
        var source = from(plan)
        if let after {
            guard after.count == plan.keys.count else { throw .expired }
            let word: Statement = (plan.isGrouped ? plan.outer : plan.conditions).isEmpty ? "where" : "and"
            source = "\(fragment: source) \(fragment: word) \(fragment: behind(plan.keys, after))"
        }
        return scoped(
            "select \(fragment: list) from \(fragment: source) \(fragment: order(plan)) limit \(size) offset \(skip)")
    }

    private static func count(_ plan: ReadPlan) -> Statement {
        scoped("select count(*) from \(fragment: from(plan))")
    }

    private static func from(_ plan: ReadPlan) -> Statement {
        var table: Statement = "bi.\(identifier: plan.entity.name) f"
        for link in plan.links {
            let alias = Compiler.alias(link.name)
            table = """
                \(fragment: table) join bi.\(identifier: link.target) \(identifier: alias) \
                on \(identifier: alias).\(identifier: link.targetColumn) = f.\(identifier: link.column)
                """
        }
        table = "\(fragment: table)\(fragment: all(plan.conditions))"
        guard plan.isGrouped else { return table }
        var list = Statement(unchecked: "")
        var numbers: [String] = []
        for (index, piece) in plan.inner.enumerated() {
            let column: Statement = "\(fragment: piece.sql) as \(identifier: "c\(index)")"
            list = index == 0 ? column : "\(fragment: list), \(fragment: column)"
            if index < plan.groupCount { numbers.append(String(index + 1)) }
        }
        let by = Statement(unchecked: numbers.isEmpty ? "" : " group by " + numbers.joined(separator: ", "))
        return "(select \(fragment: list) from \(fragment: table)\(fragment: by)) q\(fragment: all(plan.outer))"
    }

    private static func all(_ conditions: [Statement]) -> Statement {
        var sql = Statement(unchecked: "")
        for (index, condition) in conditions.enumerated() {
            let word: Statement = index == 0 ? " where" : " and"
            sql = "\(fragment: sql)\(fragment: word) \(fragment: condition)"
        }
        return sql
    }

    private static func order(_ plan: ReadPlan) -> Statement {
        var sql = Statement(unchecked: "")
        for (index, key) in plan.keys.enumerated() {
            let word: Statement = index == 0 ? "order by " : ", "
            // Null comes before everything; saying so of what is never null would cost the index.
            let way: Statement =
                !key.piece.isNullable
                ? (key.isDescending ? " desc" : "")
                : key.isDescending ? " desc nulls last" : " nulls first"
            sql = "\(fragment: sql)\(fragment: word)\(fragment: key.piece.sql)\(fragment: way)"
        }
        return sql
    }

    /// Rows whose place is behind `values`.
    private static func behind(_ keys: [ReadPlan.Key], _ values: [String?]) -> Statement {
        // Keys that all rise and are never null are compared as one row, which an index finds at once.
        if keys.allSatisfy({ !$0.isDescending && !$0.piece.isNullable }), values.allSatisfy({ $0 != nil }) {
            let columns = joined(keys.map(\.piece.sql))
            let bounds = joined(zip(keys, values).map { "\($1)::\(fragment: $0.piece.kind.cast)" })
            return "(\(fragment: columns)) > (\(fragment: bounds))"
        }
        var sql: Statement = "false"
        for (index, pair) in zip(keys, values).enumerated().reversed() {
            let (key, value) = pair
            let column = key.piece.sql
            let bound: Statement = "\(value)::\(fragment: key.piece.kind.cast)"
            let further: Statement
            if value == nil {
                further = key.isDescending ? "false" : "\(fragment: column) is not null"
            } else if key.isDescending {
                further =
                    key.piece.isNullable
                    ? "(\(fragment: column) < \(fragment: bound) or \(fragment: column) is null)"
                    : "\(fragment: column) < \(fragment: bound)"
            } else {
                further = "\(fragment: column) > \(fragment: bound)"
            }
            let same: Statement =
                value == nil ? "\(fragment: column) is null" : "\(fragment: column) = \(fragment: bound)"
            sql =
                index == keys.count - 1
                ? "(\(fragment: further))" : "(\(fragment: further) or (\(fragment: same) and \(fragment: sql)))"
        }
        return sql
    }

    private static func object(_ plan: ReadPlan, asText: Bool) -> Statement {
        var groups: [(name: String, members: [ReadPlan.Member])] = []
        for member in plan.members {
            let name = member.group ?? ""
            if let place = groups.firstIndex(where: { $0.name == name && member.group != nil }) {
                groups[place].members.append(member)
            } else if member.group == nil, let place = groups.firstIndex(where: { $0.name.isEmpty }) {
                groups[place].members.append(member)
            } else {
                groups.append((name, [member]))
            }
        }
        var parts: [Statement] = []
        for group in groups {
            if group.name.isEmpty {
                parts += group.members.map { pair($0, asText: asText) }
            } else {
                let inner = joined(group.members.map { pair($0, asText: asText) })
                parts.append("\(fragment: name(group.name)), json_build_object(\(fragment: inner))")
            }
        }
        return "json_build_object(\(fragment: joined(parts)))::text"
    }

    private static func name(_ name: String) -> Statement { Statement(unchecked: Statement.literal(name)) }

    private static func pair(_ member: ReadPlan.Member, asText: Bool) -> Statement {
        let isLong = member.piece.kind == .integer || member.piece.kind == .decimal
        let value: Statement = asText && isLong ? "\(fragment: member.piece.sql)::text" : member.piece.sql
        return "\(fragment: name(member.name)), \(fragment: value)"
    }

    private static func joined(_ parts: [Statement]) -> Statement {
        var sql = Statement(unchecked: "")
        for (index, part) in parts.enumerated() {
            sql = index == 0 ? part : "\(fragment: sql), \(fragment: part)"
        }
        return sql
    }
}
