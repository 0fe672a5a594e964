/// A statement made comparable: lower case, comments gone, texts as `'s'` (`'%'` and `''` where they hold no more), one
/// space between words, a name in quotes as one word. At most 32,000 bytes.
struct SQLShape {
    private(set) var bytes: [UInt8] = []
    static let lengthMax = 32_000

    /// True while the buffer holds the statement last taken.
    ///
    /// - Parameter opens: texts in dollars are code, as those of `do` are, and are read.
    mutating func take(_ statement: Bytes, opens: Bool = false) {
        bytes.removeAll(keepingCapacity: true)
        var index = 0
        let end = min(statement.count, Self.lengthMax)
        while index < end, bytes.count < Self.lengthMax {
            let byte = statement[index]
            switch byte {
            case 45 where statement[index + 1] == 45:
                index = statement.first(10, from: index) ?? end
            case 47 where statement[index + 1] == 42:
                index = Self.commentEnd(statement, index + 2, end)
                space()
            case 36:
                if let close = Self.dollarEnd(statement, index) {
                    if opens {
                        let tag = Self.tagEnd(statement, index) ?? index
                        take(inside: statement[tag, close - (tag - index)])
                    } else {
                        text(.empty)
                    }
                    index = close
                } else {
                    bytes.append(byte)
                    index += 1
                }
            case 39:
                let hasEscapes = bytes.last == 101 && !(bytes.count > 1 && Bytes.isWord(bytes[bytes.count - 2]))
                if hasEscapes { bytes.removeLast() }
                let close = Self.textEnd(statement, index + 1, end, hasEscapes: hasEscapes)
                text(statement[index + 1, close - 1])
                index = close
            case 34: index = name(statement, index + 1, end)
            case 0...32:
                space()
                index += 1
            default:
                bytes.append(Bytes.lower(byte))
                index += 1
            }
        }
    }

    /// A name in quotes, as one word: what else stands in it is no syntax. Where it ends.
    private mutating func name(_ statement: Bytes, _ from: Int, _ end: Int) -> Int {
        if let last = bytes.last, Bytes.isWord(last) { bytes.append(32) }
        var index = from
        while index < end {
            let byte = statement[index]
            if byte == 34, statement[index + 1] != 34 {
                if Bytes.isWord(statement[index + 1]) { bytes.append(32) }
                return index + 1
            }
            bytes.append(Bytes.isWord(byte) || byte >= 128 ? Bytes.lower(byte) : 95)
            index += byte == 34 ? 2 : 1
        }
        return end
    }

    private mutating func take(inside code: Bytes) {
        var inner = SQLShape()
        inner.take(code, opens: true)
        space()
        bytes += inner.bytes.prefix(max(0, Self.lengthMax - bytes.count))
        space()
    }

    /// A text, of which only is told whether it stands for anything, or for nothing.
    private mutating func text(_ value: Bytes) {
        let isAny = !value.isEmpty && (0..<value.count).allSatisfy { value[$0] == 37 }
        bytes += value.isEmpty ? [39, 39] : isAny ? [39, 37, 39] : [39, 115, 39]
    }

    /// Comments stand in comments.
    private static func commentEnd(_ text: Bytes, _ from: Int, _ end: Int) -> Int {
        var (index, depth) = (from, 1)
        while index < end {
            if text[index] == 42, text[index + 1] == 47 {
                depth -= 1
                index += 2
                if depth == 0 { return index }
            } else if text[index] == 47, text[index + 1] == 42 {
                depth += 1
                index += 2
            } else {
                index += 1
            }
        }
        return end
    }

    /// Behind `$tag$`; nil where none begins.
    private static func tagEnd(_ text: Bytes, _ start: Int) -> Int? {
        guard !Bytes.isWord(text[start - 1]), !Bytes.isDigit(text[start + 1]) else { return nil }
        var index = start + 1
        while Bytes.isWord(text[index]) { index += 1 }
        return text[index] == 36 ? index + 1 : nil
    }

    /// Behind the end of a text in dollars.
    private static func dollarEnd(_ text: Bytes, _ start: Int) -> Int? {
        guard let tag = tagEnd(text, start) else { return nil }
        var index = tag
        while let dollar = text.first(36, from: index) {
            if text[dollar, dollar + tag - start].equals(text[start, tag]) { return dollar + tag - start }
            index = dollar + 1
        }
        return nil
    }

    private mutating func space() {
        if let last = bytes.last, last != 32 { bytes.append(32) }
    }

    private static func textEnd(_ text: Bytes, _ from: Int, _ end: Int, hasEscapes: Bool) -> Int {
        var index = from
        while index < end {
            if hasEscapes, text[index] == 92 {
                index += 2
            } else if text[index] == 39 {
                if text[index + 1] != 39 { return index + 1 }
                index += 2
            } else {
                index += 1
            }
        }
        return end
    }

    func with<T>(_ body: (Bytes) -> T) -> T { bytes.withUnsafeBytes { body(Bytes($0)) } }

    /// Whether `copy` reads from a program or writes to one: the word stands for that only with a text behind it.
    static func runsProgram(_ text: Bytes) -> Bool {
        var from = 0
        while let place = text.find(" program", from: from) {
            from = place + 8
            let start = text.prefix(place)
            guard start.hasSuffix("from") || start.hasSuffix("to"),
                !Bytes.isWord(text[place - (text[place - 1] == 109 ? 5 : 3)])
            else { continue }
            var rest = text.from(from)
            if rest[0] == 32 { rest = rest.from(1) }
            if rest[0] == 39 || rest.has("u&'") { return true }
        }
        return false
    }

    /// The word behind a place, without its schema.
    static func name(_ text: Bytes, at place: Int) -> Bytes {
        var start = place
        while text[start] == 32 { start += 1 }
        var end = start
        while end < text.count, Bytes.isWord(text[end]) || text[end] == 46 || text[end] == 36 || text[end] >= 128 {
            end += 1
        }
        let whole = text[start, end]
        guard let dot = whole.last(46) else { return whole }
        return whole.from(dot + 1)
    }
}
