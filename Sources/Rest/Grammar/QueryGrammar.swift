internal import Web

/// Reads a whole query string.
enum QueryGrammar {
    static let bytesMax = 64 << 10
    /// Filters of a query, those in trees included.
    static let filtersMax = 500

    /// - Parameter takesArguments: items without an operator are a function's arguments; otherwise they are refused.
    static func parse(_ text: String, takesArguments: Bool) throws(RestError) -> RestQuery {
        guard text.utf8.count <= bytesMax, let items = QueryItems.parse(text) else {
            throw RestError("PGRST100", 400, "the query string is longer than 64 KiB or holds a broken escape")
        }
        var query = RestQuery()
        for item in items { try read(item, into: &query, takesArguments: takesArguments) }
        guard query.parts.values.reduce(0, { $0 + count($1.conditions) }) <= filtersMax else {
            throw RestError(
                "DBR021", 400, "the query has more than \(filtersMax) filters",
                hint: "Ask for many values of one column with in.(…).")
        }
        return query
    }

    private static func count(_ conditions: [Condition]) -> Int {
        conditions.reduce(0) { sum, condition in
            if case .group(_, _, let inner) = condition { sum + count(inner) } else { sum + 1 }
        }
    }

    private static func read(
        _ item: QueryItem, into query: inout RestQuery, takesArguments: Bool
    ) throws(RestError) {
        switch item.name {
        case "select":
            query.select = try SelectGrammar.parse(item.value)
            query.hasSelect = true
            return
        case "columns":
            query.columns = item.value.isEmpty ? nil : try ColumnsGrammar.parse(item.value, "columns parameter")
            return
        case "on_conflict":
            query.onConflict = item.value.isEmpty ? nil : try ColumnsGrammar.parse(item.value, "on_conflict parameter")
            return
        case "apikey": return
        default: break
        }
        if try readReserved(item, into: &query) { return }
        guard let (path, field) = FilterGrammar.key(item.name) else {
            throw RestError.parse("filter", item.name, at: 0)
        }
        if let (isNegated, operation) = try FilterGrammar.operation(item.value) {
            query.parts[path, default: .init()].conditions.append(
                .filter(Filter(field: field, isNegated: isNegated, operation: operation)))
        } else if takesArguments {
            query.arguments.append(.init(name: item.name, value: item.value))
        } else {
            throw RestError.parse("filter", item.value, at: 0)
        }
    }

    /// `order`, `limit`, `offset`, `or`, `and`, alone or behind a relation's path.
    private static func readReserved(_ item: QueryItem, into query: inout RestQuery) throws(RestError) -> Bool {
        var names = item.name.split(separator: ".", omittingEmptySubsequences: false).map(String.init)
        guard let word = names.popLast() else { return false }
        switch word {
        case "order":
            query.parts[path(names), default: .init()].order = try OrderGrammar.parse(item.value)
        case "limit":
            guard let limit = Int64(item.value), limit >= 0 else { throw RestError.parse("limit", item.value, at: 0) }
            query.parts[path(names), default: .init()].range.limit = limit
        case "offset":
            guard let offset = Int64(item.value), offset >= 0 else {
                throw RestError.parse("offset", item.value, at: 0)
            }
            query.parts[path(names), default: .init()].range.offset = offset
        case "or", "and":
            var isNegated = false
            if names.last == "not" {
                isNegated = true
                names.removeLast()
            }
            let tree = try FilterGrammar.tree(item.value, isOr: word == "or", isNegated: isNegated)
            query.parts[path(names), default: .init()].conditions.append(tree)
        default: return false
        }
        return true
    }

    private static func path(_ names: [String]) -> [String] {
        names.map { $0.hasPrefix("\"") && $0.hasSuffix("\"") && $0.count > 1 ? String($0.dropFirst().dropLast()) : $0 }
    }
}
