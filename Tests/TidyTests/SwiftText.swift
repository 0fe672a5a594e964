/// A Swift file taken apart: code without comments and texts, the comments, the texts.
///
/// A scanner, not a parser: it knows comments (nested), string literals (raw, of several lines, with interpolations),
/// raw identifiers and `#/…/#`; enough to read our own sources.
struct SwiftText {
    /// The file with every comment and the inside of every literal blanked out; lines and columns stay.
    private(set) var code = ""
    /// The first line and the content of each string literal; an interpolation counts as one space.
    private(set) var literals: [(line: Int, text: String)] = []
    /// The first line and the content of each comment.
    private(set) var comments: [(line: Int, text: String)] = []

    private let characters: [Character]
    private var position = 0
    private var line = 1

    init(_ text: String) {
        characters = Array(text)
        scanCode(untilParenthesis: false)
    }

    /// The code's lines; index 0 is line 1.
    var codeLines: [Substring] { code.split(separator: "\n", omittingEmptySubsequences: false) }

    private func at(_ word: String, from start: Int? = nil) -> Bool {
        let start = start ?? position
        guard start + word.count <= characters.count else { return false }
        return zip(characters[start...], word).allSatisfy { $0 == $1 }
    }

    /// Moves on, showing the character in `code` or a blank in its place.
    private mutating func advance(_ count: Int = 1, shown: Bool) {
        for _ in 0..<count where position < characters.count {
            let character = characters[position]
            if character == "\n" { line += 1 }
            code.append(shown || character == "\n" ? character : " ")
            position += 1
        }
    }

    private mutating func scanCode(untilParenthesis: Bool) {
        var depth = 0
        while position < characters.count {
            let character = characters[position]
            if at("//") {
                scanLineComment()
            } else if at("/*") {
                scanBlockComment()
            } else if let hashes = literalStart() {
                scanLiteral(hashes: hashes)
            } else if at("#/") {
                advance(2, shown: false)
                while position < characters.count, !at("/#") { advance(shown: false) }
                advance(2, shown: false)
            } else if character == "`" {
                advance(shown: true)
                while position < characters.count, characters[position] != "`" { advance(shown: false) }
                advance(shown: true)
            } else {
                if character == "(" { depth += 1 }
                if character == ")" {
                    if untilParenthesis, depth == 0 { return }
                    depth -= 1
                }
                advance(shown: true)
            }
        }
    }

    private mutating func scanLineComment() {
        let first = line
        var text = ""
        while position < characters.count, characters[position] != "\n" {
            text.append(characters[position])
            advance(shown: false)
        }
        comments.append((first, text))
    }

    private mutating func scanBlockComment() {
        let first = line
        var text = ""
        var depth = 0
        repeat {
            if at("/*") { depth += 1 }
            if at("*/") { depth -= 1 }
            let count = at("/*") || at("*/") ? 2 : 1
            text.append(contentsOf: characters[position..<min(position + count, characters.count)])
            advance(count, shown: false)
        } while depth > 0 && position < characters.count
        comments.append((first, text))
    }

    /// The number of `#` before a quote that begins here, nil when no literal begins.
    private func literalStart() -> Int? {
        var hashes = 0
        while position + hashes < characters.count, characters[position + hashes] == "#" { hashes += 1 }
        return at("\"", from: position + hashes) ? hashes : nil
    }

    private mutating func scanLiteral(hashes: Int) {
        let first = line
        let fence = String(repeating: "#", count: hashes)
        advance(hashes, shown: false)
        let quotes = at("\"\"\"") ? "\"\"\"" : "\""
        advance(quotes.count, shown: false)
        var text = ""
        while position < characters.count, !at(quotes + fence) {
            if at("\\" + fence + "(") {
                advance(2 + hashes, shown: false)
                scanCode(untilParenthesis: true)
                advance(shown: false)
                text.append(" ")
            } else if at("\\" + fence) {
                text.append(contentsOf: characters[position..<min(position + 2 + hashes, characters.count)])
                advance(2 + hashes, shown: false)
            } else {
                text.append(characters[position])
                advance(shown: false)
            }
        }
        advance(quotes.count + hashes, shown: false)
        literals.append((first, text))
    }
}
