/// Reads a script for its definitions; data lines are passed over.
final class PlainOutline {
    private let known: [TableShape]
    private(set) var objects: [DumpObject] = []
    private(set) var damage: [Damage] = []
    private(set) var sawTrailer = false
    private var facts: [String] = []
    private var statement: [UInt8] = []
    private var statementLine = 0
    private var lineNumber = 0
    private var isInData = false
    private var comment: [String: String] = [:]
    private lazy var lines = ScriptLines { [unowned self] line, offset in self.take(line: line, at: offset) }
    private var quotes = StatementScanner()
    /// Where the COPY statements stand that are no part of a text or a function's body.
    private(set) var copies: Set<Int> = []
    /// The tables that they name, with their columns.
    private var copied: [(table: String, columns: [String])] = []
    private var statementOffset = 0

    private static let factsMax = 1000
    private static let statementBytesMax = 64 << 20

    init(shapes: [TableShape]) { known = shapes }

    func take(_ bytes: UnsafeBufferPointer<UInt8>) throws { try lines.take(bytes) }

    func finish() throws {
        let rest = try lines.finish()
        rest.withUnsafeBufferPointer { take(line: $0, at: lines.offset) }
        if !statement.isEmpty { endStatement() }
    }

    var catalog: StreamCatalog {
        let own = objects.compactMap { CreateTableParser.shape(of: $0.sql) }
        let keys = TableKeys(statements: objects.lazy.map(\.sql))
        return StreamCatalog(own: own, known: known, keys: keys, copied: copied)
    }

    func fact(_ prefix: String) -> String? {
        facts.first { $0.hasPrefix(prefix) }.map { String($0.dropFirst(prefix.count)) }
    }

    private func take(line: UnsafeBufferPointer<UInt8>, at offset: Int) {
        lineNumber += 1
        if isInData {
            let isEnd = line.count == 2 && line[0] == UInt8(ascii: "\\") && line[1] == UInt8(ascii: ".")
            guard isEnd || ScriptWords.begin(line) else { return }
            isInData = false
            if isEnd { return }
        }
        if statement.isEmpty {
            guard let first = line.first(where: { $0 != 32 && $0 != 9 }) else { return }
            if line.starts(with: "--".utf8) { return take(comment: String(decoding: line, as: UTF8.self)) }
            if first == UInt8(ascii: "\\") {
                let text = String(decoding: line, as: UTF8.self)
                objects.append(
                    DumpObject(
                        kind: "META-COMMAND", name: String(text.prefix(40)), sql: text, location: "line \(lineNumber)"))
                return
            }
            statementLine = lineNumber
            statementOffset = offset
        }
        guard statement.count < Self.statementBytesMax else { return endStatement() }
        statement.append(contentsOf: line)
        statement.append(10)
        let isWhole = quotes.take(line)
        if isWhole { endStatement() }
    }

    private func take(comment text: String) {
        if text.hasPrefix("-- PostgreSQL database dump complete") { sawTrailer = true }
        if facts.count < Self.factsMax, text.hasPrefix("-- Dumped") { facts.append(text) }
        guard text.hasPrefix("-- Name: ") || text.hasPrefix("-- Data for Name: ") else { return }
        comment = [:]
        for part in text.dropFirst(3).split(separator: ";") {
            let pair = part.split(separator: ":", maxSplits: 1).map { $0.trimmed }
            if pair.count == 2 { comment[pair[0]] = pair[1] }
        }
    }

    private func endStatement() {
        let text = String(decoding: statement, as: UTF8.self).trimmed
        statement = []
        quotes = StatementScanner()
        guard !text.isEmpty else { return }
        if text.hasPrefix("COPY") || text.hasPrefix("copy"), let copy = CreateTableParser.copy(text) {
            isInData = true
            if copies.count < Self.factsMax * 100 { copies.insert(statementOffset) }
            if copied.count < Self.factsMax * 10 { copied.append(copy) }
            return
        }
        objects.append(
            DumpObject(
                kind: StatementKind.of(text, said: comment["Type"]),
                schema: comment["Schema"].map { $0 == "-" ? "" : $0 } ?? "", name: comment["Name"] ?? "",
                owner: comment["Owner"].map { $0 == "-" ? "" : $0 } ?? "", sql: text, location: "line \(statementLine)")
        )
    }
}

/// What a statement makes, by its own words: the comment above it may lie.
enum StatementKind {
    static func of(_ text: String, said: String?) -> String {
        var words = SQLTokenizer.tokens(of: String(text.prefix(400))).prefix(12).compactMap(\.name)[...]
        guard let verb = words.popFirst()?.uppercased() else { return "UNKNOWN" }
        switch verb {
        case "CREATE":
            let skipped: Set<String> = [
                "or", "replace", "unlogged", "temporary", "temp", "unique", "global", "local", "trusted", "procedural",
                "constraint", "recursive",
            ]
            words = words.drop { skipped.contains($0) }
            let two = words.prefix(2).joined(separator: " ").uppercased()
            let doubles: Set<String> = [
                "EVENT TRIGGER", "MATERIALIZED VIEW", "FOREIGN TABLE", "USER MAPPING", "ACCESS METHOD",
                "DEFAULT CONVERSION", "OPERATOR CLASS", "OPERATOR FAMILY",
            ]
            if doubles.contains(two) { return two }
            if two.hasPrefix("FOREIGN DATA") { return "FOREIGN DATA WRAPPER" }
            if two.hasPrefix("TEXT SEARCH") { return "TEXT SEARCH" }
            return words.first?.uppercased() ?? "UNKNOWN"
        case "ALTER": return said ?? "ALTER"
        case "GRANT", "REVOKE": return "ACL"
        case "SELECT" where text.contains("setval"): return "SEQUENCE SET"
        case "SELECT" where text.contains("set_config"): return "SET"
        default: return verb
        }
    }
}

extension StringProtocol {
    /// Without white space at both ends.
    var trimmed: String {
        var rest = Substring(self)
        while let last = rest.last, last.isWhitespace { rest.removeLast() }
        return String(rest.drop { $0.isWhitespace })
    }
}
