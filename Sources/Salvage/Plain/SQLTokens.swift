/// A token of SQL, enough to read the definitions that pg_dump writes.
enum SQLToken: Equatable {
    /// An unquoted word, folded to lower case.
    case word(String)
    /// A quoted identifier, its quotes taken off.
    case quoted(String)
    case number(String)
    case string(String)
    case symbol(Character)

    /// The name this token can stand for; nil when it is none.
    var name: String? {
        switch self {
        case .word(let text), .quoted(let text): text
        default: nil
        }
    }
}

enum SQLTokenizer {
    /// A statement has no more tokens than this; longer ones are cut.
    private static let tokensMax = 200_000

    static func tokens(of text: String) -> [SQLToken] {
        var tokens: [SQLToken] = []
        var rest = Substring(text)
        while let character = rest.first, tokens.count < tokensMax {
            if character.isWhitespace {
                rest = rest.drop { $0.isWhitespace }
            } else if rest.hasPrefix("--") {
                rest = rest.drop { !$0.isNewline }
            } else if rest.hasPrefix("/*") {
                rest = afterComment(rest)
            } else if character == "\"" {
                let (text, after) = delimited(rest, by: "\"")
                tokens.append(.quoted(text))
                rest = after
            } else if character == "'" {
                let (text, after) = delimited(rest, by: "'")
                tokens.append(.string(text))
                rest = after
            } else if character.isNumber {
                let digits = rest.prefix { $0.isNumber || $0 == "." }
                tokens.append(.number(String(digits)))
                rest = rest.dropFirst(digits.count)
            } else if character.isLetter || character == "_" {
                let word = rest.prefix { $0.isLetter || $0.isNumber || $0 == "_" || $0 == "$" }
                tokens.append(.word(word.lowercased()))
                rest = rest.dropFirst(word.count)
            } else {
                tokens.append(.symbol(character))
                rest = rest.dropFirst()
            }
        }
        return tokens
    }

    private static func delimited(_ text: Substring, by delimiter: Character) -> (String, Substring) {
        var out = ""
        var rest = text.dropFirst()
        while let character = rest.first {
            rest = rest.dropFirst()
            guard character == delimiter else {
                out.append(character)
                continue
            }
            guard rest.first == delimiter else { break }
            out.append(delimiter)
            rest = rest.dropFirst()
        }
        return (out, rest)
    }

    private static func afterComment(_ text: Substring) -> Substring {
        var depth = 0
        var rest = text
        while !rest.isEmpty {
            if rest.hasPrefix("/*") {
                depth += 1
                rest = rest.dropFirst(2)
            } else if rest.hasPrefix("*/") {
                depth -= 1
                rest = rest.dropFirst(2)
                if depth == 0 { break }
            } else {
                rest = rest.dropFirst()
            }
        }
        return rest
    }
}
