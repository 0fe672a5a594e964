/// Walks the members of one JSON object on a line, without a tree. Nested objects are entered one level deep, as ECS,
/// Caddy and application logs need: `{"http":{"status":200}}` gives `status`.
struct JSONScanner {
    let line: Bytes
    private var index = 0
    private var depth = 0

    init(_ line: Bytes) { self.line = line }

    struct Member {
        var name: Bytes
        /// Inside the quotes for a string; the text for a number, `true`, `null`, an array.
        var value: Bytes
        var isString: Bool
    }

    private static let depthMax = 4

    /// The next member, in order; nil at the end or where it is no JSON any more.
    mutating func next() -> Member? {
        while true {
            skipSpace()
            switch line[index] {
            case 123:
                depth += 1
                index += 1
                guard depth <= Self.depthMax else { return nil }
            case 44: index += 1
            case 125:
                index += 1
                depth -= 1
                if depth <= 0 { return nil }
            case 34:
                guard depth > 0, let member = member() else { return nil }
                if let member = member { return member }
            default: return nil
            }
        }
    }

    /// True when the object was closed and nothing stands behind it.
    var isWhole: Bool { depth == 0 && line.from(index).trimmed.isEmpty && index > 0 }

    /// A member; nil inside when its value is an object that was entered; nil outside when broken.
    private mutating func member() -> Member?? {
        let nameEnd = AccessReader.quoteEnd(line, index + 1)
        let name = line[index + 1, nameEnd]
        index = nameEnd + 1
        skipSpace()
        guard line[index] == 58 else { return nil }
        index += 1
        skipSpace()
        switch line[index] {
        case 34:
            let end = AccessReader.quoteEnd(line, index + 1)
            guard end < line.count else { return nil }
            let value = line[index + 1, end]
            index = end + 1
            return .some(Member(name: name, value: value, isString: true))
        case 123:
            if depth < Self.depthMax { return .some(nil) }
            let start = index
            guard skipNested() else { return nil }
            return .some(Member(name: name, value: line[start, index], isString: false))
        case 91:
            let start = index
            guard skipNested() else { return nil }
            return .some(Member(name: name, value: line[start, index], isString: false))
        default:
            let start = index
            while index < line.count, line[index] != 44, line[index] != 125, line[index] > 32 { index += 1 }
            guard index > start else { return nil }
            return .some(Member(name: name, value: line[start, index], isString: false))
        }
    }

    private mutating func skipNested() -> Bool {
        var open = 0
        while index < line.count {
            switch line[index] {
            case 34: index = AccessReader.quoteEnd(line, index + 1)
            case 91, 123: open += 1
            case 93, 125:
                open -= 1
                if open == 0 {
                    index += 1
                    return true
                }
            default: break
            }
            index += 1
        }
        return false
    }

    @inline(__always)
    private mutating func skipSpace() {
        while index < line.count, line[index] <= 32 { index += 1 }
    }
}
