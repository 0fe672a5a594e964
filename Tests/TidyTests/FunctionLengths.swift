/// Finds the functions of blanked Swift code and how many lines each takes.
struct FunctionLengths {
    struct Found: Equatable {
        let name: String
        let line: Int
        let lineCount: Int
    }

    private static let starts: Set<String> = ["func", "init", "deinit", "subscript"]
    /// A declaration that begins before any brace: the one before it was a requirement, without a body.
    private static let ends: Set<String> = [
        "func", "var", "let", "init", "deinit", "subscript", "static", "public", "package", "private", "internal",
        "case", "struct", "enum", "class", "protocol", "extension", "associatedtype", "typealias", "mutating",
    ]

    static func all(in code: String) -> [Found] {
        let tokens = tokens(of: code)
        var found: [Found] = []
        for (index, token) in tokens.enumerated() where starts.contains(token.text) {
            let isCall = index > 0 && [".", "#"].contains(tokens[index - 1].text)
            guard !isCall, let end = bodyEnd(of: index, in: tokens) else { continue }
            let name = token.text == "func" && index + 1 < tokens.count ? tokens[index + 1].text : token.text
            found.append(Found(name: name, line: token.line, lineCount: tokens[end].line - token.line + 1))
        }
        return found
    }

    /// The index of the brace that closes the body, nil for a declaration without one.
    private static func bodyEnd(of start: Int, in tokens: [Token]) -> Int? {
        var depth = 0
        var index = start + 1
        while index < tokens.count {
            switch tokens[index].text {
            case "(", "[": depth += 1
            case ")", "]": depth -= 1
            case "{" where depth == 0: return matchingBrace(of: index, in: tokens)
            case "}" where depth == 0: return nil
            case let word where depth == 0 && index > start + 1 && ends.contains(word): return nil
            default: break
            }
            if depth < 0 { return nil }
            index += 1
        }
        return nil
    }

    private static func matchingBrace(of open: Int, in tokens: [Token]) -> Int? {
        var depth = 0
        for index in open..<tokens.count {
            if tokens[index].text == "{" { depth += 1 }
            if tokens[index].text == "}" {
                depth -= 1
                if depth == 0 { return index }
            }
        }
        return nil
    }

    private struct Token {
        let text: String
        let line: Int
    }

    /// Words and single signs; everything beyond ASCII counts as part of a word.
    private static func tokens(of code: String) -> [Token] {
        var tokens: [Token] = []
        var word: [UInt8] = []
        var line = 1
        for byte in Array(code.utf8) + [UInt8(ascii: "\n")] {
            let isLetter = (byte | 0x20) >= UInt8(ascii: "a") && (byte | 0x20) <= UInt8(ascii: "z")
            let isDigit = byte >= UInt8(ascii: "0") && byte <= UInt8(ascii: "9")
            if isLetter || isDigit || byte == UInt8(ascii: "_") || byte >= 0x80 {
                word.append(byte)
                continue
            }
            if !word.isEmpty { tokens.append(Token(text: String(decoding: word, as: UTF8.self), line: line)) }
            word.removeAll(keepingCapacity: true)
            if byte == UInt8(ascii: "\n") { line += 1 }
            if byte > UInt8(ascii: " ") { tokens.append(Token(text: String(UnicodeScalar(byte)), line: line)) }
        }
        return tokens
    }
}
