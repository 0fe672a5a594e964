/// The words of an SQL text, as PostgreSQL's own scanner cuts it: comments are passed over, names keep their dots, strings
/// are one piece. Made for judging text that is never run: what can not be cut is said to be unclear.
struct SQLTokens: Sendable {
    enum Token: Sendable, Equatable {
        /// A name or keyword, parts joined by dots, in lower case unless quoted.
        case word(String)
        case string(String)
        case symbol(Character)
    }

    private(set) var tokens: [Token] = []
    /// An open quote or comment at the end, or a spelling (`U&"…"`) that hides a name.
    private(set) var isUnclear = false

    private let text: [Character]
    private var index = 0

    init(_ sql: String) {
        text = Array(sql)
        while index < text.count { next() }
        joinNames()
    }

    /// The words in their order, strings and symbols left out.
    var words: [String] {
        tokens.compactMap { token in if case .word(let word) = token { word } else { nil } }
    }

    /// The texts of the strings: bodies of functions, statements that a function would execute.
    var strings: [String] {
        tokens.compactMap { token in if case .string(let text) = token { text } else { nil } }
    }

    /// The statements, each without its semicolon.
    var statements: [[Token]] { tokens.split(separator: .symbol(";")).map(Array.init) }

    private mutating func next() {
        let character = text[index]
        if character.isWhitespace {
            index += 1
        } else if character == "-", peek(1) == "-" {
            while index < text.count, !text[index].isNewline { index += 1 }
        } else if character == "/", peek(1) == "*" {
            skipComment()
        } else if character == "'" {
            string(escapes: false)
        } else if character == "\"" {
            quotedName()
        } else if character == "$", let tag = dollarTag() {
            dollarString(tag)
        } else if character.isLetter || character == "_" || character.isNumber {
            word()
        } else {
            tokens.append(.symbol(character))
            index += 1
        }
    }

    private func peek(_ distance: Int) -> Character? {
        index + distance < text.count ? text[index + distance] : nil
    }

    private mutating func skipComment() {
        var depth = 0
        while index < text.count {
            if text[index] == "/", peek(1) == "*" {
                depth += 1
                index += 2
            } else if text[index] == "*", peek(1) == "/" {
                depth -= 1
                index += 2
                if depth == 0 { return }
            } else {
                index += 1
            }
        }
        isUnclear = true
    }

    private mutating func string(escapes: Bool) {
        index += 1
        var content = ""
        while index < text.count {
            if text[index] == "'" {
                guard peek(1) == "'" else {
                    index += 1
                    tokens.append(.string(content))
                    return
                }
                index += 1
            } else if escapes, text[index] == "\\", index + 1 < text.count {
                index += 1
            }
            content.append(text[index])
            index += 1
        }
        isUnclear = true
    }

    private mutating func quotedName() {
        index += 1
        var name = ""
        while index < text.count {
            if text[index] == "\"" {
                guard peek(1) == "\"" else {
                    index += 1
                    tokens.append(.word(name))
                    return
                }
                index += 1
            }
            name.append(text[index])
            index += 1
        }
        isUnclear = true
    }

    /// `$$` or `$tag$` at the cursor.
    private func dollarTag() -> [Character]? {
        var end = index + 1
        while end < text.count, text[end].isLetter || text[end].isNumber || text[end] == "_" { end += 1 }
        guard end < text.count, text[end] == "$", end == index + 1 || !text[index + 1].isNumber else { return nil }
        return Array(text[index...end])
    }

    private mutating func dollarString(_ tag: [Character]) {
        let start = index + tag.count
        var end = start
        while end + tag.count <= text.count {
            if text[end] == "$", Array(text[end..<end + tag.count]) == tag {
                tokens.append(.string(String(text[start..<end])))
                index = end + tag.count
                return
            }
            end += 1
        }
        isUnclear = true
        index = text.count
    }

    private mutating func word() {
        let start = index
        while index < text.count, text[index].isLetter || text[index].isNumber || "_$".contains(text[index]) {
            index += 1
        }
        let word = String(text[start..<index]).lowercased()
        if word == "u", peek(0) == "&", peek(1) == "\"" || peek(1) == "'" { isUnclear = true }
        if word == "e", peek(0) == "'" { return string(escapes: true) }
        tokens.append(.word(word))
    }

    /// `public . noter` is one name.
    private mutating func joinNames() {
        var joined: [Token] = []
        var isDot = false
        for token in tokens {
            if token == .symbol("."), case .word = joined.last {
                isDot = true
            } else if isDot, case .word(let part) = token, case .word(let name) = joined.last {
                joined[joined.count - 1] = .word(name + "." + part)
                isDot = false
            } else {
                if isDot { joined.append(.symbol(".")) }
                isDot = false
                joined.append(token)
            }
        }
        tokens = joined
    }
}

extension [SQLTokens.Token] {
    /// Whether the first words are these.
    func begins(with words: String) -> Bool {
        let wanted = words.split(separator: " ").map { Element.word(String($0)) }
        return count >= wanted.count && Array(self[..<wanted.count]) == wanted
    }

    /// Whether the words stand one after the other somewhere.
    func contains(words: String) -> Bool {
        let wanted = words.split(separator: " ").map { Element.word(String($0)) }
        guard count >= wanted.count else { return false }
        return (0...count - wanted.count).contains { Array(self[$0..<$0 + wanted.count]) == wanted }
    }
}
