internal import Foundation
internal import Salvage

/// Definitions that are known to be clean: of an older dump or of a schema file.
struct Baseline: Sendable {
    private let definitions: Set<String>
    /// Kind and name of every definition, for those that changed under a known name.
    private let names: Set<String>
    private let tables: Set<String>

    static func read(_ path: String) throws -> Baseline {
        guard FileManager.default.fileExists(atPath: path) else {
            throw RecoveryError(
                code: "baseline_not_found", message: "there is no baseline at \(path)",
                hint: "Give a schema file or an older dump that is known to be clean.", exitStatus: .badInput)
        }
        return Baseline(objects: try DumpReader(path: path).inspection.objects)
    }

    init(objects: [DumpObject]) {
        definitions = Set(objects.map(\.sql).map(Self.normalised))
        names = Set(objects.compactMap { Self.name($0.sql) })
        tables = Set(objects.compactMap { Self.table($0.sql) })
    }

    func holds(_ object: DumpObject) -> Bool { definitions.contains(Self.normalised(object.sql)) }

    /// Whether an object of this kind and name is known, so that this one is a changed one.
    func knowsName(of object: DumpObject) -> Bool { Self.name(object.sql).map(names.contains) ?? false }

    func knowsTable(_ object: DumpObject) -> Bool { Self.table(object.sql).map(tables.contains) ?? false }

    private static let kinds: Set<String> = [
        "function", "procedure", "view", "trigger", "rule", "policy", "aggregate", "domain", "type", "operator",
    ]

    /// `view public.v_comptes` of `CREATE VIEW public.v_comptes AS …`.
    private static func name(_ sql: String) -> String? {
        let words = SQLTokens(String(sql.prefix(4000))).words
        guard words.first == "create", let index = words.prefix(4).firstIndex(where: kinds.contains),
            index + 1 < words.count
        else { return nil }
        return words[index] + " " + words[index + 1]
    }

    private static func table(_ sql: String) -> String? {
        let tokens = SQLTokens(sql).tokens
        guard tokens.begins(with: "create table") || tokens.begins(with: "create unlogged table"),
            let place = tokens.firstIndex(of: .word("table")), place + 1 < tokens.count,
            case .word(let name) = tokens[place + 1]
        else { return nil }
        return name
    }

    /// Comments, white space and letter case outside quotes make no difference; nor does how a body is wrapped, but the
    /// end of a line that ends a comment stays an end.
    static func normalised(_ sql: String) -> String {
        let scanned = SQLTokens(sql)
        guard !scanned.isUnclear else { return sql }
        var out = ""
        for token in scanned.tokens {
            switch token {
            case .word(let word): out += "\u{1}" + word
            case .symbol(let symbol): out += "\u{2}" + String(symbol)
            case .string(let text): out += "\u{3}" + (isBody(text) ? normalisedBody(text) : text)
            }
        }
        while out.hasSuffix("\u{2};") { out.removeLast(2) }
        return out
    }

    private static func isBody(_ text: String) -> Bool { text.contains(where: \.isWhitespace) && text.count > 20 }

    /// Line by line, trimmed: spaces inside a line stay, because they may stand in a string.
    private static func normalisedBody(_ text: String) -> String {
        text.split(whereSeparator: \.isNewline).map { $0.trimmingCharacters(in: .whitespaces) }
            .filter { !$0.isEmpty }.joined(separator: "\n")
    }
}
