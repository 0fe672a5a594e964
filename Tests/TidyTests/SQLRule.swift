/// SQL stands in stores and in `.sql` files, so that a reader knows where a table is touched.
extension Rules {
    /// Targets whose work is SQL itself, and why.
    static let sqlAllowedTargets: [String: String] = [
        "Postgres": "the client's own begin, commit and set",
        "PostgresServer": "creates and drops databases",
        "Migrations": "runs scripts and keeps meta.migrations",
    ]

    /// Files outside stores that may hold SQL, and why.
    static let sqlAllowedFiles: [String: String] = [:]

    private static let objects =
        "table|index|schema|role|view|function|procedure|trigger|extension|database|policy|type|sequence|domain|user|rule"

    private static let statements = [
        #"^\s*select\s+(\*|\d|'|[\w.]+\s*\(|[\s\S]+\sfrom\s)"#,
        #"\binsert\s+into\s"#,
        #"\bupdate\s+\S+\s+set\s+("?\w+"?\s*=|\()"#,
        #"\bdelete\s+from\s"#,
        #"\btruncate\s+(table\s|\w+$)"#,
        #"^\s*(create|alter|drop)\s+(or\s+replace\s+)?(unlogged\s+|temporary\s+|temp\s+|unique\s+|materialized\s+|event\s+|global\s+)*("#
            + objects + #")\b"#,
        #"^\s*(grant|revoke)\s+[\s\S]+\s(to|from|on)\s"#,
        #"^\s*copy\s+[\s\S]+\s(from|to)\s+(stdin|stdout)"#,
        #"^\s*with\s+(recursive\s+)?\w+\s+(\([^)]*\)\s+)?as\s+(materialized\s+|not\s+materialized\s+)?\("#,
        #"^\s*do\s+\$"#,
        #"^\s*(begin|commit|rollback)\s*;?\s*$"#,
    ].map { Pattern("(?i)" + $0) }

    /// A file that does not import Postgres cannot run a statement: it may read and judge SQL text.
    static func sqlOutsideStores(_ file: TextFile) -> [Violation] {
        guard file.isSwift, file.path.hasPrefix("Sources/"), !file.name.hasSuffix("Store.swift"),
            let target = file.target, sqlAllowedTargets[target] == nil, sqlAllowedFiles[file.path] == nil,
            Layers.imports(in: file.swift).contains(where: { $0.module == "Postgres" })
        else { return [] }
        return file.swift.literals.filter { literal in statements.contains { $0.matches(literal.text) } }
            .map {
                Violation(path: file.path, line: $0.line, words: "SQL outside a store: move it to a …Store.swift file")
            }
    }
}
