/// Arguments that name columns: `select=id,alias:comptes!inner(solde::text,contact->>email)`, `order=date.desc.nullslast`,
/// `colonnes=id;date`, `sort=-date`. A value that this grammar does not explain to its last byte is an argument like any
/// other, and is judged.
struct QueryStructure {
    private let text: Bytes
    private var at = 0

    private static let parameters: [StaticString] = [
        "select", "order", "columns", "on_conflict", "colonnes", "champs", "fields", "tri", "sort",
    ]
    private static let aggregates: [StaticString] = ["count", "sum", "avg", "min", "max"]
    /// No tables: what is called like these is a call.
    private static let functions: [StaticString] = [
        "sleep", "benchmark", "extractvalue", "updatexml", "version", "user", "database", "schema", "current_user",
        "session_user", "system_user", "load_file", "load_extension", "concat", "concat_ws", "group_concat", "char",
        "chr", "ascii", "ord", "substring", "substr", "mid", "md5", "if", "iif", "ifnull", "exp", "elt", "make_set",
        "randomblob", "hex", "unhex", "cast", "convert", "dblink", "lo_import", "lo_export", "query_to_xml",
        "database_to_xml", "table_to_xml", "name_const", "gtid_subset", "json_keys", "xmltype", "string_agg",
        "current_setting", "set_config", "row", "exists", "not", "in", "values", "union", "case", "alert", "eval",
    ]
    private static let prefixes: [StaticString] = ["pg_", "dbms_", "utl_", "xp_", "sp_", "sys", "ctxsys"]
    private static let nameBytesMax = 63
    private static let depthMax = 8

    private init(_ text: Bytes) { self.text = text }

    /// Whether an argument is one of these, and nothing but names in it.
    static func holds(name: Bytes, value: Bytes) -> Bool {
        guard
            parameters.contains(where: { name.equalsIgnoringCase($0) }) || name.hasSuffix(".order")
                || name.hasSuffix(".select")
        else { return false }
        var reader = QueryStructure(value)
        return reader.list(depth: 0) && reader.at == value.count
    }

    private mutating func list(depth: Int) -> Bool {
        guard depth < Self.depthMax else { return false }
        while true {
            guard item(depth: depth) else { return false }
            guard text[at] == 44 || text[at] == 59 && depth == 0 else { return true }
            at += 1
            // A comma too many is nobody's attack.
            if at == text.count { return true }
        }
    }

    private mutating func gaps() {
        while text[at] == 32 || text[at] == 43 { at += 1 }
    }

    private mutating func item(depth: Int) -> Bool {
        gaps()
        if text[at] == 45 { at += 1 }
        if text.has("...", at: at) { at += 3 }
        if text[at] == 42 {
            at += 1
            return true
        }
        guard var last = name() else { return false }
        if text[at] == 58, text[at + 1] != 58 {
            at += 1
            guard let behind = name() else { return false }
            last = behind
        }
        while at < text.count {
            switch text[at] {
            case 45 where text[at + 1] == 62:
                at += text[at + 2] == 62 ? 3 : 2
                guard step() else { return false }
            case 58 where text[at + 1] == 58:
                at += 2
                guard name() != nil else { return false }
                if text.has("[]", at: at) { at += 2 }
            case 46, 33:
                at += 1
                guard let behind = name() else { return false }
                last = behind
                if text.has("()", at: at), Self.aggregates.contains(where: { behind.equals($0) }) { at += 2 }
            case 40:
                if text.has("()", at: at), last.equals("count") {
                    at += 2
                    continue
                }
                guard !Self.isCall(last), embedded(depth: depth) else { return false }
            case 32, 43: return direction()
            default: return true
            }
        }
        return true
    }

    private mutating func embedded(depth: Int) -> Bool {
        at += 1
        if text[at] == 41 {
            at += 1
            return true
        }
        guard list(depth: depth + 1), text[at] == 41 else { return false }
        at += 1
        return true
    }

    /// `date desc nulls last`
    private mutating func direction() -> Bool {
        gaps()
        while at < text.count, text[at] != 44, text[at] != 59 {
            let words: [StaticString] = ["asc", "desc", "nulls", "first", "last"]
            guard let word = name(), words.contains(where: { word.equalsIgnoringCase($0) }) else { return false }
            gaps()
        }
        return true
    }

    /// Of a JSON path: a key or a number.
    private mutating func step() -> Bool {
        if Bytes.isDigit(text[at]) {
            while Bytes.isDigit(text[at]) { at += 1 }
            return true
        }
        return name() != nil
    }

    /// An identifier, bare or quoted.
    private mutating func name() -> Bytes? {
        func isLetter(_ byte: UInt8) -> Bool { Bytes.isWord(byte) || byte >= 128 }
        let isQuoted = text[at] == 34
        let start = isQuoted ? at + 1 : at
        var end = start
        while isLetter(text[end]) || text[end] == 36 && end > start || text[end] == 45 && isLetter(text[end + 1])
            || isQuoted && text[end] == 46
        {
            end += 1
        }
        guard end > start, end - start <= Self.nameBytesMax, isQuoted || !Bytes.isDigit(text[start]) else { return nil }
        at = end
        if isQuoted {
            guard text[end] == 34 else { return nil }
            at += 1
        }
        return text[start, end]
    }

    private static func isCall(_ name: Bytes) -> Bool {
        functions.contains { name.equalsIgnoringCase($0) } || prefixes.contains { name.hasIgnoringCase($0) }
    }
}
