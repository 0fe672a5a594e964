/// Finds where one SQL statement ends, through quotes, dollar quotes and comments, without understanding it.
///
/// Rules of PostgreSQL's lexer: '' and "" double themselves, E'' takes backslashes, $tag$ … $tag$, -- to the end of the
/// line, nested /* */.
struct SQLScanner {
    private let bytes: UnsafeBufferPointer<UInt8>
    private(set) var position: Int

    init(_ bytes: UnsafeBufferPointer<UInt8>, from position: Int = 0) {
        self.bytes = bytes
        self.position = position
    }

    /// Skips white space and comments; false at the end.
    mutating func skipBlanks() -> Bool {
        while position < bytes.count {
            let byte = bytes[position]
            if byte == 32 || (9...13).contains(byte) {
                position += 1
            } else if byte == UInt8(ascii: "-"), peek(1) == UInt8(ascii: "-") {
                skipLine()
            } else if byte == UInt8(ascii: "/"), peek(1) == UInt8(ascii: "*") {
                skipComment()
            } else {
                return true
            }
        }
        return false
    }

    /// Moves behind the semicolon that ends the statement; false when the text ends first.
    mutating func skipStatement() -> Bool {
        var depth = 0
        while position < bytes.count {
            switch bytes[position] {
            case UInt8(ascii: ";"):
                position += 1
                if depth <= 0 { return true }
            case UInt8(ascii: "'"): skipQuoted(takesBackslash: hasEscapePrefix)
            case UInt8(ascii: "\""): skipDelimited(UInt8(ascii: "\""))
            case UInt8(ascii: "$"): skipDollar()
            case UInt8(ascii: "-") where peek(1) == UInt8(ascii: "-"): skipLine()
            case UInt8(ascii: "/") where peek(1) == UInt8(ascii: "*"): skipComment()
            case UInt8(ascii: "("):
                depth += 1
                position += 1
            case UInt8(ascii: ")"):
                depth -= 1
                position += 1
            default: position += 1
            }
        }
        return false
    }

    mutating func skipLine() {
        while position < bytes.count, bytes[position] != 10 { position += 1 }
        if position < bytes.count { position += 1 }
    }

    private func peek(_ distance: Int) -> UInt8? {
        position + distance < bytes.count ? bytes[position + distance] : nil
    }

    private var hasEscapePrefix: Bool {
        guard position > 0, bytes[position - 1] | 32 == UInt8(ascii: "e") else { return false }
        return position < 2 || !Self.isWord(bytes[position - 2])
    }

    private mutating func skipComment() {
        var depth = 0
        while position < bytes.count {
            if bytes[position] == UInt8(ascii: "/"), peek(1) == UInt8(ascii: "*") {
                depth += 1
                position += 2
            } else if bytes[position] == UInt8(ascii: "*"), peek(1) == UInt8(ascii: "/") {
                depth -= 1
                position += 2
                if depth == 0 { return }
            } else {
                position += 1
            }
        }
    }

    private mutating func skipQuoted(takesBackslash: Bool) {
        position += 1
        while position < bytes.count {
            if takesBackslash, bytes[position] == UInt8(ascii: "\\") {
                position = min(position + 2, bytes.count)
            } else if bytes[position] == UInt8(ascii: "'") {
                position += 1
                guard position < bytes.count, bytes[position] == UInt8(ascii: "'") else { return }
                position += 1
            } else {
                position += 1
            }
        }
    }

    private mutating func skipDelimited(_ delimiter: UInt8) {
        position += 1
        while position < bytes.count, bytes[position] != delimiter { position += 1 }
        if position < bytes.count { position += 1 }
    }

    private mutating func skipDollar() {
        let start = position
        if start > 0, Self.isWord(bytes[start - 1]) {
            position += 1
            return
        }
        var end = start + 1
        while end < bytes.count, Self.isWord(bytes[end]) { end += 1 }
        guard end < bytes.count, bytes[end] == UInt8(ascii: "$"), !(end > start + 1 && Self.isDigit(bytes[start + 1]))
        else {
            position += 1
            return
        }
        let tag = UnsafeBufferPointer(rebasing: bytes[start...end])
        position = end + 1
        while position < bytes.count {
            if bytes[position] == UInt8(ascii: "$"), position + tag.count <= bytes.count,
                bytes[position..<(position + tag.count)].elementsEqual(tag)
            {
                position += tag.count
                return
            }
            position += 1
        }
    }

    static func isWord(_ byte: UInt8) -> Bool {
        isDigit(byte) || (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte | 32) || byte == UInt8(ascii: "_")
            || byte >= 128
    }

    static func isDigit(_ byte: UInt8) -> Bool { (48...57).contains(byte) }
}
