/// Reads the lists: `$select`, `$orderby`, `$expand`, `$apply`.
enum OptionParser {
    static let itemsMax = 60

    /// Empty: all columns.
    static func select(_ text: String) throws(ODataProblem) -> [String] {
        var lexer = try Lexer(text)
        if try lexer.take("*") {
            // Names beside it add nothing.
            if try lexer.take(",") { _ = try names(&lexer) }
            guard lexer.token == .end else { throw .invalid("a comma is missing", at: lexer.start) }
            return []
        }
        let names = try names(&lexer)
        guard lexer.token == .end else { throw .invalid("a comma is missing", at: lexer.start) }
        return names
    }

    private static func names(_ lexer: inout Lexer) throws(ODataProblem) -> [String] {
        var names: [String] = []
        repeat {
            let name = try lexer.anyWord("a name")
            if !names.contains(name) { names.append(name) }
            guard names.count <= itemsMax else { throw .invalid("a list has at most \(itemsMax) names") }
        } while try lexer.take(",")
        return names
    }

    static func order(_ text: String) throws(ODataProblem) -> [OrderItem] {
        var parser = try ExpressionParser(text)
        var items: [OrderItem] = []
        repeat {
            let expression = try parser.expression()
            let isDescending = try parser.lexer.takeWord("desc")
            if !isDescending { _ = try parser.lexer.takeWord("asc") }
            items.append(OrderItem(expression: expression, isDescending: isDescending))
            guard items.count <= 8 else { throw .invalid("an order has at most 8 parts") }
        } while try parser.lexer.take(",")
        try parser.expectEnd()
        return items
    }

    /// `client($select=segment,departement),date`
    static func expand(_ text: String) throws(ODataProblem) -> [ExpandItem] {
        var lexer = try Lexer(text)
        var items: [ExpandItem] = []
        repeat {
            let link = try lexer.anyWord("the name of a link")
            guard !items.contains(where: { $0.link == link }) else { throw .invalid("\(link) is expanded twice") }
            var select: [String] = []
            if try lexer.take("(") {
                let place = lexer.start
                let option = ODataQuery.name(try lexer.anyWord("an option"))
                guard option == "$select" else {
                    if option == "$expand" || option == "$levels" {
                        throw .unsupported("more than one level of $expand")
                    }
                    throw .unsupported("\(option) inside $expand (at character \(place))")
                }
                try lexer.expect("=")
                if try !lexer.take("*") { select = try names(&lexer) }
                try lexer.expect(")")
            }
            items.append(ExpandItem(link: link, select: select))
            guard items.count <= itemsMax else { throw .invalid("a list has at most \(itemsMax) names") }
        } while try lexer.take(",")
        guard lexer.token == .end else { throw .invalid("a comma is missing", at: lexer.start) }
        return items
    }

    static func apply(_ text: String) throws(ODataProblem) -> Grouping {
        var parser = try ExpressionParser(text)
        var grouping = Grouping()
        var isGrouped = false
        repeat {
            let place = parser.lexer.start
            let word = try parser.lexer.anyWord("a transformation")
            try parser.lexer.expect("(")
            switch word {
            case "filter":
                let expression = try parser.expression()
                if isGrouped { grouping.after.append(expression) } else { grouping.before.append(expression) }
            case "aggregate", "groupby":
                guard !isGrouped else { throw .unsupported("a second grouping") }
                isGrouped = true
                if word == "groupby" {
                    grouping.paths = try paths(&parser)
                    if try parser.lexer.take(",") {
                        guard try parser.lexer.takeWord("aggregate") else {
                            throw .unsupported("another transformation than aggregate inside groupby")
                        }
                        try parser.lexer.expect("(")
                        grouping.items = try aggregates(&parser)
                        try parser.lexer.expect(")")
                    }
                } else {
                    grouping.items = try aggregates(&parser)
                }
            default: throw .unsupported("the transformation \(word) (at character \(place))")
            }
            try parser.lexer.expect(")")
        } while try parser.lexer.take("/")
        try parser.expectEnd()
        guard isGrouped || !grouping.before.isEmpty else { throw .invalid("$apply is empty") }
        let names = grouping.paths.map { $0.joined(separator: "/") } + grouping.items.map(\.alias)
        guard Set(names).count == names.count else { throw .invalid("two columns of $apply have one name") }
        guard names.count <= itemsMax else { throw .invalid("$apply gives at most \(itemsMax) columns") }
        return grouping
    }

    private static func paths(_ parser: inout ExpressionParser) throws(ODataProblem) -> [[String]] {
        try parser.lexer.expect("(")
        var paths: [[String]] = []
        repeat {
            if parser.lexer.token == .word("rollup") { throw .unsupported("rollup") }
            let first = try parser.lexer.anyWord("a column")
            paths.append(try parser.path(from: first))
        } while try parser.lexer.take(",")
        try parser.lexer.expect(")")
        return paths
    }

    private static func aggregates(_ parser: inout ExpressionParser) throws(ODataProblem) -> [AggregateItem] {
        var items: [AggregateItem] = []
        repeat {
            let first = try parser.lexer.anyWord("a column")
            if first == "$count" {
                guard try parser.lexer.takeWord("as") else { throw .invalid("$count needs a name: $count as n") }
                items.append(.count(alias: try parser.lexer.anyWord("a name")))
                continue
            }
            let path = try parser.path(from: first)
            guard try parser.lexer.takeWord("with") else {
                guard path.count == 1 else { throw .invalid("a measure has no path") }
                let alias = try parser.lexer.takeWord("as") ? parser.lexer.anyWord("a name") : first
                items.append(.measure(first, alias: alias))
                continue
            }
            let place = parser.lexer.start
            let word = try parser.lexer.anyWord("a method")
            guard let method = AggregateMethod(rawValue: word) else {
                throw .unsupported("the method \(word) (at character \(place))")
            }
            guard try parser.lexer.takeWord("as") else {
                throw .invalid("an aggregate needs a name: with \(word) as x")
            }
            items.append(.column(path, method, alias: try parser.lexer.anyWord("a name")))
        } while try parser.lexer.take(",")
        return items
    }
}
