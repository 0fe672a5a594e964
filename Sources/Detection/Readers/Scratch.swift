/// Room for texts that a line holds in escaped form. What is taken stays in place until the next line.
final class Scratch {
    private let base: UnsafeMutablePointer<UInt8>
    let capacity: Int
    private(set) var used = 0

    init(capacity: Int = 2 << 20) {
        base = .allocate(capacity: capacity)
        self.capacity = capacity
    }

    deinit { base.deallocate() }

    func reset() { used = 0 }

    @inline(__always)
    func append(_ byte: UInt8) {
        guard used < capacity else { return }
        base[used] = byte
        used += 1
    }

    func append(_ bytes: Bytes) {
        let count = min(bytes.count, capacity - used)
        guard count > 0 else { return }
        (base + used).update(from: bytes.start, count: count)
        used += count
    }

    func append(scalar: UInt32) {
        switch scalar {
        case 0..<0x80: append(UInt8(scalar))
        case 0x80..<0x800:
            append(UInt8(0xC0 | scalar >> 6))
            append(UInt8(0x80 | scalar & 63))
        case 0x800..<0x10000:
            append(UInt8(0xE0 | scalar >> 12))
            append(UInt8(0x80 | scalar >> 6 & 63))
            append(UInt8(0x80 | scalar & 63))
        case 0x10000..<0x110000:
            append(UInt8(0xF0 | scalar >> 18))
            append(UInt8(0x80 | scalar >> 12 & 63))
            append(UInt8(0x80 | scalar >> 6 & 63))
            append(UInt8(0x80 | scalar & 63))
        default: append(63)
        }
    }

    func since(_ mark: Int) -> Bytes { Bytes(start: base + mark, count: used - mark) }

    /// The text inside a JSON string; the same bytes where nothing is escaped.
    func unescape(_ inside: Bytes) -> Bytes {
        guard inside.first(92) != nil else { return inside }
        let mark = used
        var index = 0
        while index < inside.count {
            let byte = inside[index]
            guard byte == 92 else {
                append(byte)
                index += 1
                continue
            }
            let next = inside[index + 1]
            index += 2
            switch next {
            case 110: append(10)
            case 116: append(9)
            case 114: append(13)
            case 98: append(8)
            case 102: append(12)
            case 117:
                guard var scalar = Self.unit(inside, index) else { continue }
                index += 4
                if scalar & 0xFC00 == 0xD800, inside[index] == 92, inside[index + 1] == 117,
                    let low = Self.unit(inside, index + 2), low & 0xFC00 == 0xDC00
                {
                    scalar = 0x10000 + (scalar & 0x3FF) << 10 + (low & 0x3FF)
                    index += 6
                }
                append(scalar: scalar)
            case 120:
                guard let high = Bytes.hex(inside[index]), let low = Bytes.hex(inside[index + 1]) else { continue }
                append(high << 4 | low)
                index += 2
            default: append(next)
            }
        }
        return since(mark)
    }

    private static func unit(_ text: Bytes, _ at: Int) -> UInt32? {
        guard at + 4 <= text.count else { return nil }
        var value: UInt32 = 0
        for place in at..<at + 4 {
            guard let digit = Bytes.hex(text[place]) else { return nil }
            value = value << 4 | UInt32(digit)
        }
        return value
    }
}
