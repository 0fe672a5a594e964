internal import Web

/// What an address asks of one set, before it meets the database.
struct ODataQuery: Sendable {
    var select: [String] = []
    var filter: ODataExpression?
    var order: [OrderItem] = []
    var expand: [ExpandItem] = []
    var grouping: Grouping?
    var top: Int64?
    var skip: Int64 = 0
    var isCounted = false
    var skipToken: String?
    var aliases: [String: ODataExpression] = [:]
    /// The options without the page token, in one order: a query's name.
    var text = ""

    static let skipMax: Int64 = 10_000_000

    private static let unsupported: Set<String> = [
        "$search", "$compute", "$deltatoken", "$index", "$schemaversion", "$levels",
    ]

    init() {}

    init(_ query: String, isOne: Bool = false) throws(ODataProblem) {
        guard let items = QueryItems.parse(query, itemsMax: 60) else {
            throw .invalid("the address has an escape that is cut or no UTF-8")
        }
        var seen: Set<String> = []
        var kept: [String] = []
        for item in items {
            let name = Self.name(item.name)
            guard seen.insert(name).inserted else { throw .invalid("\(item.name) is given twice") }
            if name != "$skiptoken" { kept.append(name + "=" + item.value) }
            try read(name, item.value, isOne: isOne)
        }
        text = kept.sorted().joined(separator: "&")
    }

    /// Since 4.01 an option may be written in capitals, and without its `$`; a parameter is as it was named.
    static func name(_ text: String) -> String {
        text.hasPrefix("@") ? text : (text.hasPrefix("$") ? text : "$" + text).lowercased()
    }

    private mutating func read(_ name: String, _ value: String, isOne: Bool) throws(ODataProblem) {
        if name.hasPrefix("@") {
            aliases[name] = try ExpressionParser.expression(value)
            return
        }
        if isOne, !["$select", "$expand", "$format"].contains(name) {
            throw .invalid("\(name) means nothing for a single row")
        }
        switch name {
        case "$select": select = try OptionParser.select(value)
        case "$filter" where value.first == " ": throw .invalid("a filter begins with a space", at: 0)
        case "$filter": filter = try ExpressionParser.expression(value)
        case "$orderby": order = try OptionParser.order(value)
        case "$expand": expand = try OptionParser.expand(value)
        case "$apply": grouping = try OptionParser.apply(value)
        case "$top": top = try Self.number(name, value)
        case "$skip":
            skip = try Self.number(name, value)
            guard skip <= Self.skipMax else {
                throw .invalid("$skip is at most \(Self.skipMax): follow @odata.nextLink")
            }
        case "$count":
            guard value == "true" || value == "false" else { throw .invalid("$count is true or false") }
            isCounted = value == "true"
        case "$skiptoken": skipToken = value
        case "$format":
            guard value.lowercased() == "json" || value.lowercased().hasPrefix("application/json") else {
                throw .unsupported("the format \(value)")
            }
        default:
            if Self.unsupported.contains(name) { throw .unsupported(name) }
            throw .invalid("\(name) is no option that is known here")
        }
    }

    private static func number(_ name: String, _ value: String) throws(ODataProblem) -> Int64 {
        guard value.utf8.allSatisfy({ (48...57).contains($0) }), let number = Int64(value) else {
            throw .invalid("\(name) is a whole number from 0 on")
        }
        return number
    }
}
