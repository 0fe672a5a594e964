/// The words of an SQL text, as PostgreSQL's own scanner cuts it (scan.l): byte by byte, so that no combining mark, no
/// foreign space and no foreign line end hides a word. Comments are passed over, names keep their dots, strings are one
/// piece. Made for judging text that is never run: what can not be cut is said to be unclear.
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

    private let text: [UInt8]
    private var index = 0

    init(_ sql: String) {
        text = Array(sql.utf8)
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

    /// A backslash outside all quotes: psql would take a command from there on, in the middle of a statement too.
    var holdsMetaCommand: Bool { tokens.contains(.symbol("\\")) }

    private mutating func next() {
        switch text[index] {
        case 9, 10, 12, 13, 32: index += 1
        case 11:
            // A space since PostgreSQL 16, an error before.
            isUnclear = true
            index += 1
        case UInt8(ascii: "-") where peek(1) == UInt8(ascii: "-"):
            while index < text.count, text[index] != 10, text[index] != 13 { index += 1 }
        case UInt8(ascii: "/") where peek(1) == UInt8(ascii: "*"): skipComment()
        case UInt8(ascii: "'"): string(escapes: false)
        case UInt8(ascii: "\""): quotedName()
        case UInt8(ascii: "$"):
            if let length = dollarTag() { dollarString(length) } else { symbol() }
        case let byte where Self.isWord(byte): word()
        default: symbol()
        }
    }

    private mutating func symbol() {
        tokens.append(.symbol(Character(Unicode.Scalar(text[index]))))
        index += 1
    }

    /// Letters, digits, underscores, and every byte beyond ASCII.
    private static func isWord(_ byte: UInt8) -> Bool {
        (97...122).contains(byte | 32) || isDigit(byte) || byte == UInt8(ascii: "_") || byte >= 128
    }

    private static func isDigit(_ byte: UInt8) -> Bool { (48...57).contains(byte) }

    private func peek(_ distance: Int) -> UInt8? {
        index + distance < text.count ? text[index + distance] : nil
    }

    private mutating func skipComment() {
        var depth = 0
        while index < text.count {
            if text[index] == UInt8(ascii: "/"), peek(1) == UInt8(ascii: "*") {
                depth += 1
                index += 2
            } else if text[index] == UInt8(ascii: "*"), peek(1) == UInt8(ascii: "/") {
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
        guard let content = delimited(by: UInt8(ascii: "'"), escapes: escapes) else { return }
        tokens.append(.string(content))
    }

    private mutating func quotedName() {
        guard let name = delimited(by: UInt8(ascii: "\""), escapes: false) else { return }
        tokens.append(.word(name))
    }

    /// The text up to the closing delimiter, which doubles itself inside; nil when there is none.
    private mutating func delimited(by delimiter: UInt8, escapes: Bool) -> String? {
        index += 1
        var content: [UInt8] = []
        while index < text.count {
            if text[index] == delimiter {
                guard peek(1) == delimiter else {
                    index += 1
                    return String(decoding: content, as: UTF8.self)
                }
                index += 1
            } else if escapes, text[index] == UInt8(ascii: "\\"), index + 1 < text.count {
                index += 1
            }
            content.append(text[index])
            index += 1
        }
        isUnclear = true
        return nil
    }

    /// How long the `$$` or `$tag$` at the cursor is.
    private func dollarTag() -> Int? {
        var end = index + 1
        while end < text.count, Self.isWord(text[end]) { end += 1 }
        guard end < text.count, text[end] == UInt8(ascii: "$"), end == index + 1 || !Self.isDigit(text[index + 1])
        else { return nil }
        return end - index + 1
    }

    private mutating func dollarString(_ tagLength: Int) {
        let tag = text[index..<(index + tagLength)]
        let start = index + tagLength
        var end = start
        while end + tagLength <= text.count {
            if text[end] == UInt8(ascii: "$"), text[end..<(end + tagLength)] == tag {
                tokens.append(.string(String(decoding: text[start..<end], as: UTF8.self)))
                index = end + tagLength
                return
            }
            end += 1
        }
        isUnclear = true
        index = text.count
    }

    private mutating func word() {
        let start = index
        while index < text.count, Self.isWord(text[index]) || text[index] == UInt8(ascii: "$") { index += 1 }
        let folded = text[start..<index].map { (65...90).contains($0) ? $0 | 32 : $0 }
        let word = String(decoding: folded, as: UTF8.self)
        let next = peek(0)
        if word == "u", next == UInt8(ascii: "&"), peek(1) == UInt8(ascii: "\"") || peek(1) == UInt8(ascii: "'") {
            isUnclear = true
        }
        if word == "e", next == UInt8(ascii: "'") { return string(escapes: true) }
        tokens.append(.word(word))
    }

    /// `public . noter` is one name.
    private mutating func joinNames() {
        var joined: [Token] = []
        var parts: [String] = []
        var isDot = false
        func name() -> [Token] { parts.isEmpty ? [] : [.word(parts.joined(separator: "."))] }
        for token in tokens {
            switch token {
            case .symbol(".") where !parts.isEmpty && !isDot: isDot = true
            case .word(let part) where isDot:
                parts.append(part)
                isDot = false
            default:
                joined += name()
                if isDot { joined.append(.symbol(".")) }
                (parts, isDot) = ([], false)
                if case .word(let part) = token { parts = [part] } else { joined.append(token) }
            }
        }
        joined += name()
        if isDot { joined.append(.symbol(".")) }
        tokens = joined
    }
}

extension [SQLTokens.Token] {
    /// Whether the first words are these.
    func begins(with words: String) -> Bool {
        let wanted = words.split(separator: " ").map { Element.word(String($0)) }
        return count >= wanted.count && self[..<wanted.count].elementsEqual(wanted)
    }

    /// Whether the words stand one after the other somewhere.
    func contains(words: String) -> Bool {
        let wanted = words.split(separator: " ").map { Element.word(String($0)) }
        guard let first = wanted.first, count >= wanted.count else { return false }
        return (0...count - wanted.count).contains { start in
            self[start] == first && self[start..<(start + wanted.count)].elementsEqual(wanted)
        }
    }
}
