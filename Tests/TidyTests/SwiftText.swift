/// A Swift file taken apart: code without comments and texts, the comments, the texts.
///
/// A scanner, not a parser: it knows comments (nested), string literals (raw, of several lines, with interpolations),
/// raw identifiers and `#/…/#`; enough to read our own sources.
struct SwiftText: Sendable {
    struct Piece: Sendable {
        let line: Int
        /// Where it begins, in bytes; the same place in `code`.
        let start: Int
        let text: String
    }

    /// The file with every comment and the inside of every literal blanked out, byte by byte; lines stay.
    let code: String
    /// The first line and the content of each string literal; an interpolation counts as `…`.
    let literals: [Piece]
    /// The first line and the content of each comment.
    let comments: [Piece]

    init(_ text: String) {
        var scanner = SwiftScanner(bytes: Array(text.utf8))
        scanner.scanCode(untilParenthesis: false)
        code = String(decoding: scanner.code, as: UTF8.self)
        literals = scanner.literals
        comments = scanner.comments
    }

    /// The code's lines; index 0 is line 1.
    var codeLines: [Substring] { code.split(separator: "\n", omittingEmptySubsequences: false) }
}

/// The work of `SwiftText`, on bytes: a debug build reads the whole repository with it.
private struct SwiftScanner {
    let bytes: [UInt8]
    var code: [UInt8] = []
    var literals: [SwiftText.Piece] = []
    var comments: [SwiftText.Piece] = []
    private var position = 0
    private var line = 1

    private static let newline = UInt8(ascii: "\n")
    private static let quote = UInt8(ascii: "\"")
    private static let hash = UInt8(ascii: "#")
    private static let slash = UInt8(ascii: "/")
    private static let star = UInt8(ascii: "*")
    private static let backslash = UInt8(ascii: "\\")
    private static let backquote = UInt8(ascii: "`")
    private static let opening = UInt8(ascii: "(")
    private static let closing = UInt8(ascii: ")")

    init(bytes: [UInt8]) {
        self.bytes = bytes
        code.reserveCapacity(bytes.count)
    }

    /// The byte `offset` further on; zero behind the end.
    private func byte(_ offset: Int = 0) -> UInt8 {
        position + offset < bytes.count ? bytes[position + offset] : 0
    }

    private var isAtEnd: Bool { position >= bytes.count }

    /// Moves on, showing the byte in `code` or a blank in its place.
    private mutating func advance(_ count: Int = 1, shown: Bool) {
        for _ in 0..<count where position < bytes.count {
            let byte = bytes[position]
            if byte == Self.newline { line += 1 }
            code.append(shown || byte == Self.newline ? byte : UInt8(ascii: " "))
            position += 1
        }
    }

    private func text(from start: Int) -> String { String(decoding: bytes[start..<position], as: UTF8.self) }

    mutating func scanCode(untilParenthesis: Bool) {
        var depth = 0
        while !isAtEnd {
            let current = byte()
            if current == Self.slash, byte(1) == Self.slash {
                scanLineComment()
            } else if current == Self.slash, byte(1) == Self.star {
                scanBlockComment()
            } else if current == Self.hash, byte(1) == Self.slash {
                scanRegularExpression()
            } else if current == Self.quote || current == Self.hash, let hashes = literalStart() {
                scanLiteral(hashes: hashes)
            } else if current == Self.backquote {
                scanRawIdentifier()
            } else {
                if current == Self.opening { depth += 1 }
                if current == Self.closing {
                    if untilParenthesis, depth == 0 { return }
                    depth -= 1
                }
                advance(shown: true)
            }
        }
    }

    private mutating func scanLineComment() {
        let (first, start) = (line, position)
        while !isAtEnd, byte() != Self.newline { advance(shown: false) }
        comments.append(.init(line: first, start: start, text: text(from: start)))
    }

    private mutating func scanBlockComment() {
        let (first, start) = (line, position)
        var depth = 0
        repeat {
            let opens = byte() == Self.slash && byte(1) == Self.star
            let closes = byte() == Self.star && byte(1) == Self.slash
            depth += opens ? 1 : (closes ? -1 : 0)
            advance(opens || closes ? 2 : 1, shown: false)
        } while depth > 0 && !isAtEnd
        comments.append(.init(line: first, start: start, text: text(from: start)))
    }

    private mutating func scanRegularExpression() {
        advance(2, shown: false)
        while !isAtEnd, byte() != Self.slash || byte(1) != Self.hash { advance(shown: false) }
        advance(2, shown: false)
    }

    private mutating func scanRawIdentifier() {
        advance(shown: true)
        while !isAtEnd, byte() != Self.backquote { advance(shown: false) }
        advance(shown: true)
    }

    /// The number of `#` before a quote that begins here, nil when no literal begins.
    private func literalStart() -> Int? {
        let hashes = hashCount(from: 0)
        return byte(hashes) == Self.quote ? hashes : nil
    }

    private func hashCount(from offset: Int) -> Int {
        var count = 0
        while byte(offset + count) == Self.hash { count += 1 }
        return count
    }

    private mutating func scanLiteral(hashes: Int) {
        let (first, start) = (line, position)
        advance(hashes, shown: false)
        let quotes = byte(1) == Self.quote && byte(2) == Self.quote ? 3 : 1
        advance(quotes, shown: false)
        var content: [UInt8] = []
        while !isAtEnd, !endsLiteral(quotes: quotes, hashes: hashes) {
            if byte() == Self.backslash, hashCount(from: 1) >= hashes {
                if byte(1 + hashes) == Self.opening {
                    advance(2 + hashes, shown: false)
                    scanCode(untilParenthesis: true)
                    advance(shown: false)
                    content += Array("…".utf8)
                } else {
                    content += bytes[position..<min(position + 2 + hashes, bytes.count)]
                    advance(2 + hashes, shown: false)
                }
            } else {
                content.append(byte())
                advance(shown: false)
            }
        }
        advance(quotes + hashes, shown: false)
        literals.append(.init(line: first, start: start, text: String(decoding: content, as: UTF8.self)))
    }

    private func endsLiteral(quotes: Int, hashes: Int) -> Bool {
        (0..<quotes).allSatisfy { byte($0) == Self.quote } && hashCount(from: quotes) >= hashes
    }
}
