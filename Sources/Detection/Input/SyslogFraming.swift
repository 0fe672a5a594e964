/// Messages out of a stream (RFC 6587, RFC 5425): `LENGTH SP MESSAGE`, or lines, told apart by each message's first byte.
public struct SyslogFraming: Sendable {
    public static let messageBytesMax = 64 << 10
    private var held: [UInt8] = []
    /// What is left of a message that is too long.
    private var skipped = 0
    private var isSkippingLine = false
    /// Messages of which the end was cut off.
    public private(set) var cutCount = 0

    public init() {}

    /// - Returns: whole messages, without their line ends.
    public mutating func take(_ bytes: some Sequence<UInt8>) -> [[UInt8]] {
        held += bytes
        var messages: [[UInt8]] = []
        var at = 0
        while at < held.count, let message = next(&at) {
            if !message.isEmpty { messages.append(message) }
        }
        held.removeFirst(min(at, held.count))
        return messages
    }

    /// What stood behind the last line end when the peer hung up.
    public mutating func finish() -> [[UInt8]] {
        defer { held = [] }
        guard !held.isEmpty, !isSkippingLine, skipped == 0 else { return [] }
        let hasLength = Self.length(held[...]).map { $0.isWhole } ?? false
        return hasLength ? [] : [Self.trimmed(held[...])]
    }

    /// Nil when more has to come. An empty message says: go on.
    private mutating func next(_ at: inout Int) -> [UInt8]? {
        if skipped > 0 {
            let count = min(skipped, held.count - at)
            (at, skipped) = (at + count, skipped - count)
            return []
        }
        if isSkippingLine {
            guard let end = held[at...].firstIndex(of: 10) else {
                at = held.count
                return nil
            }
            (at, isSkippingLine) = (end + 1, false)
            return []
        }
        if let (length, digits, isWhole) = Self.length(held[at...]) {
            guard isWhole else { return nil }
            let start = at + digits + 1
            if length > Self.messageBytesMax {
                guard held.count - start >= Self.messageBytesMax else { return nil }
                cutCount += 1
                at = start + Self.messageBytesMax
                skipped = length - Self.messageBytesMax
                return Self.trimmed(held[start..<at])
            }
            guard held.count - start >= length else { return nil }
            at = start + length
            return Self.trimmed(held[start..<at])
        }
        let limit = min(held.count, at + Self.messageBytesMax)
        if let end = held[at..<limit].firstIndex(of: 10) {
            defer { at = end + 1 }
            return Self.trimmed(held[at..<end])
        }
        guard held.count - at >= Self.messageBytesMax else { return nil }
        cutCount += 1
        isSkippingLine = true
        defer { at = limit }
        return Self.trimmed(held[at..<limit])
    }

    /// The length that a message begins with. Lines of syslog begin with `<`, so that a digit means a length; a number
    /// that ends otherwise than with a space is a line.
    private static func length(_ bytes: ArraySlice<UInt8>) -> (value: Int, digits: Int, isWhole: Bool)? {
        guard let first = bytes.first, (49...57).contains(first) else { return nil }
        var value = 0
        for (count, byte) in bytes.prefix(9).enumerated() {
            if byte == 32 { return (value, count, true) }
            guard (48...57).contains(byte) else { return nil }
            value = value * 10 + Int(byte - 48)
        }
        return bytes.count < 9 ? (value, bytes.count, false) : nil
    }

    /// On one line: what would end it early is told as `#012`, as other receivers do.
    private static func trimmed(_ message: ArraySlice<UInt8>) -> [UInt8] {
        var message = message
        while let last = message.last, last == 10 || last == 13 || last == 0 { message.removeLast() }
        guard message.contains(where: { $0 == 10 || $0 == 13 }) else { return Array(message) }
        return message.flatMap { byte -> [UInt8] in
            switch byte {
            case 10: Array("#012".utf8)
            case 13: Array("#015".utf8)
            default: [byte]
            }
        }
    }
}
