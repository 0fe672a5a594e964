/// Follows a statement line by line and says when it has ended; each byte is looked at once.
///
/// The rules are those of `SQLScanner`.
struct StatementScanner {
    private enum State: Equatable {
        case outside
        case text(takesBackslash: Bool)
        case identifier
        case dollar([UInt8])
        case comment(depth: Int)
    }

    private var state = State.outside
    private var depth = 0
    /// A semicolon was the last thing but white space and comments.
    private var hasEnded = false

    /// True when the statement ends with this line.
    mutating func take(_ line: UnsafeBufferPointer<UInt8>) -> Bool {
        var index = 0
        while index < line.count {
            switch state {
            case .outside: index = outside(line, index)
            case .text(let takesBackslash): index = text(line, index, takesBackslash)
            case .identifier:
                if line[index] == UInt8(ascii: "\"") { state = .outside }
                index += 1
            case .dollar(let tag): index = dollar(line, index, tag)
            case .comment(let depth): index = comment(line, index, depth)
            }
        }
        return hasEnded && state == .outside
    }

    private mutating func outside(_ line: UnsafeBufferPointer<UInt8>, _ index: Int) -> Int {
        let byte = line[index]
        let next = index + 1 < line.count ? line[index + 1] : 0
        switch byte {
        case 9...13, 32: return index + 1
        case UInt8(ascii: "-") where next == UInt8(ascii: "-"): return line.count
        case UInt8(ascii: "/") where next == UInt8(ascii: "*"):
            state = .comment(depth: 1)
            return index + 2
        default: break
        }
        hasEnded = false
        switch byte {
        case UInt8(ascii: ";"): hasEnded = depth <= 0
        case UInt8(ascii: "("): depth += 1
        case UInt8(ascii: ")"): depth -= 1
        case UInt8(ascii: "\""): state = .identifier
        case UInt8(ascii: "'"):
            let isEscape =
                index > 0 && line[index - 1] | 32 == UInt8(ascii: "e")
                && (index < 2 || !SQLScanner.isWord(line[index - 2]))
            state = .text(takesBackslash: isEscape)
        case UInt8(ascii: "$"): return openDollar(line, index)
        default: break
        }
        return index + 1
    }

    private mutating func openDollar(_ line: UnsafeBufferPointer<UInt8>, _ index: Int) -> Int {
        guard index == 0 || !SQLScanner.isWord(line[index - 1]) else { return index + 1 }
        var end = index + 1
        while end < line.count, SQLScanner.isWord(line[end]) { end += 1 }
        guard end < line.count, line[end] == UInt8(ascii: "$"),
            end == index + 1 || !SQLScanner.isDigit(line[index + 1])
        else { return index + 1 }
        state = .dollar(Array(line[index...end]))
        return end + 1
    }

    private mutating func text(_ line: UnsafeBufferPointer<UInt8>, _ index: Int, _ takesBackslash: Bool) -> Int {
        if takesBackslash, line[index] == UInt8(ascii: "\\") { return index + 2 }
        guard line[index] == UInt8(ascii: "'") else { return index + 1 }
        if index + 1 < line.count, line[index + 1] == UInt8(ascii: "'") { return index + 2 }
        state = .outside
        return index + 1
    }

    private mutating func dollar(_ line: UnsafeBufferPointer<UInt8>, _ index: Int, _ tag: [UInt8]) -> Int {
        guard line[index] == UInt8(ascii: "$"), index + tag.count <= line.count,
            line[index..<(index + tag.count)].elementsEqual(tag)
        else { return index + 1 }
        state = .outside
        return index + tag.count
    }

    private mutating func comment(_ line: UnsafeBufferPointer<UInt8>, _ index: Int, _ depth: Int) -> Int {
        let next = index + 1 < line.count ? line[index + 1] : 0
        if line[index] == UInt8(ascii: "/"), next == UInt8(ascii: "*") {
            state = .comment(depth: depth + 1)
            return index + 2
        }
        if line[index] == UInt8(ascii: "*"), next == UInt8(ascii: "/") {
            state = depth == 1 ? .outside : .comment(depth: depth - 1)
            return index + 2
        }
        return index + 1
    }
}
