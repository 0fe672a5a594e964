/// What a database offers, read from its catalogue at one moment. Never changes; a new one replaces it whole.
struct Snapshot: Sendable {
    /// Grows with each reload: part of the names that prepared statements go by.
    let generation: UInt64
    /// Served schemas, the first of which is the default.
    let schemas: [String]
    var relations: [QualifiedName: Relation] = [:]
    /// By the relation they start from.
    var relationships: [QualifiedName: [Relationship]] = [:]
    /// Overloads under one name.
    var functions: [QualifiedName: [Function]] = [:]
    /// Functions of one row of a relation that make a value: its computed columns.
    var computedColumns: [QualifiedName: Set<String>] = [:]
    /// Names that a cast may use.
    var typeNames: Set<String> = []
    var timeZones: Set<String> = []
    /// By the role's name, for roles that have any.
    var roles: [String: RoleSettings] = [:]

    /// A relation that may be served.
    func relation(_ name: QualifiedName, _ settings: RestSettings) throws(RestError) -> Relation {
        guard let relation = relations[name] else { throw missing(name, among: Array(relations.keys)) }
        guard settings.servesUnguarded || relation.isGuarded || settings.unguardedServed.contains(name.name) else {
            var error = missing(name, among: [])
            error.details = "the relation has no row level security that holds for the caller"
            error.serverHint =
                relation.kind == .view
                ? "Set security_invoker on the view, or name it in unguarded-tables."
                : "Enable row level security on it, or name it in unguarded-tables."
            throw error
        }
        return relation
    }

    private func missing(_ name: QualifiedName, among known: [QualifiedName]) -> RestError {
        let near = Nearest.name(name.name, among: known.filter { $0.schema == name.schema }.map(\.name))
        return RestError(
            "PGRST205", 404, "Could not find the table '\(name.schema).\(name.name)' in the schema cache",
            hint: near.map { "Perhaps you meant the table '\(name.schema).\($0)'" })
    }

    /// Whether `relation` has a column, or a function that makes one.
    func has(_ column: String, in relation: Relation) -> Bool {
        relation.column(column) != nil || computedColumns[relation.name]?.contains(column) == true
    }
}

/// Finds what somebody may have meant.
enum Nearest {
    /// The closest of `names`, when it is close: at most a third of its letters differ.
    static func name(_ wanted: String, among names: [String]) -> String? {
        let wanted = Array(wanted.lowercased().utf8.prefix(64))
        let best = names.map { (name: $0, distance: distance(wanted, Array($0.lowercased().utf8.prefix(64)))) }
            .min { ($0.distance, $0.name) < ($1.distance, $1.name) }
        guard let best, best.distance * 3 <= max(wanted.count, best.name.utf8.count) else { return nil }
        return best.name
    }

    private static func distance(_ a: [UInt8], _ b: [UInt8]) -> Int {
        var row = Array(0...b.count)
        for (i, x) in a.enumerated() {
            var diagonal = row[0]
            row[0] = i + 1
            for (j, y) in b.enumerated() {
                let cost = min(row[j + 1] + 1, row[j] + 1, diagonal + (x == y ? 0 : 1))
                diagonal = row[j + 1]
                row[j + 1] = cost
            }
        }
        return row[b.count]
    }
}
