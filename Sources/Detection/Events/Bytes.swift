internal import CRE2
internal import Glibc

/// A view of bytes that somebody else keeps. Every read is total: out of range is 0, a slice is clamped, so that no line
/// of a log, however broken, can trap or read elsewhere.
struct Bytes {
    let start: UnsafePointer<UInt8>
    let count: Int

    @inline(__always)
    static var empty: Bytes { Bytes("") }

    @inline(__always)
    init(start: UnsafePointer<UInt8>, count: Int) {
        self.start = start
        self.count = count
    }

    init(_ buffer: UnsafeRawBufferPointer) {
        guard let base = buffer.baseAddress, !buffer.isEmpty else {
            self = .empty
            return
        }
        self.init(start: base.assumingMemoryBound(to: UInt8.self), count: buffer.count)
    }

    /// A literal lives as long as the program.
    @inline(__always)
    init(_ literal: StaticString) {
        self.init(start: literal.utf8Start, count: literal.utf8CodeUnitCount)
    }

    @inline(__always) var isEmpty: Bool { count == 0 }

    @inline(__always)
    subscript(index: Int) -> UInt8 {
        UInt(bitPattern: index) < UInt(bitPattern: count) ? start[index] : 0
    }

    @inline(__always)
    subscript(from: Int, to: Int) -> Bytes {
        let low = max(0, min(from, count))
        let high = max(low, min(to, count))
        return Bytes(start: start + low, count: high - low)
    }

    @inline(__always) func from(_ index: Int) -> Bytes { self[index, count] }
    @inline(__always) func prefix(_ length: Int) -> Bytes { self[0, length] }

    @inline(__always)
    func first(_ byte: UInt8, from index: Int = 0) -> Int? {
        guard index >= 0, index < count, let found = memchr(start + index, Int32(byte), count - index) else {
            return nil
        }
        return found.assumingMemoryBound(to: UInt8.self) - UnsafeMutablePointer(mutating: start)
    }

    func last(_ byte: UInt8) -> Int? {
        guard let found = cre2_memrchr(start, Int32(byte), count) else { return nil }
        return found - start
    }

    @inline(__always)
    func has(_ literal: StaticString, at index: Int = 0) -> Bool {
        let length = literal.utf8CodeUnitCount
        return index >= 0 && index + length <= count && memcmp(start + index, literal.utf8Start, length) == 0
    }

    func find(_ literal: StaticString, from index: Int = 0) -> Int? {
        guard index >= 0, index <= count,
            let found = cre2_memmem(start + index, count - index, literal.utf8Start, literal.utf8CodeUnitCount)
        else { return nil }
        return found - start
    }

    /// The last place of a literal: what stands behind it was written by the logging program, not by its peer.
    func findLast(_ literal: StaticString) -> Int? {
        let length = literal.utf8CodeUnitCount
        guard length > 0, count >= length else { return nil }
        var index = count - length
        while index >= 0 {
            if start[index] == literal.utf8Start[0], memcmp(start + index, literal.utf8Start, length) == 0 {
                return index
            }
            index -= 1
        }
        return nil
    }

    func contains(_ literal: StaticString) -> Bool { find(literal) != nil }

    @inline(__always)
    func equals(_ literal: StaticString) -> Bool {
        count == literal.utf8CodeUnitCount && memcmp(start, literal.utf8Start, count) == 0
    }

    func equals(_ other: Bytes) -> Bool { count == other.count && memcmp(start, other.start, count) == 0 }

    func hasSuffix(_ literal: StaticString) -> Bool { has(literal, at: count - literal.utf8CodeUnitCount) }

    /// ASCII letters count as equal in both cases; the literal is lower case.
    func equalsIgnoringCase(_ literal: StaticString) -> Bool {
        guard count == literal.utf8CodeUnitCount else { return false }
        for index in 0..<count where Self.lower(start[index]) != literal.utf8Start[index] { return false }
        return true
    }

    func hasIgnoringCase(_ literal: StaticString, at index: Int = 0) -> Bool {
        self[index, index + literal.utf8CodeUnitCount].equalsIgnoringCase(literal)
    }

    @inline(__always)
    static func lower(_ byte: UInt8) -> UInt8 { byte &- 65 < 26 ? byte | 0x20 : byte }

    @inline(__always)
    static func isDigit(_ byte: UInt8) -> Bool { byte &- 48 < 10 }

    @inline(__always)
    static func isWord(_ byte: UInt8) -> Bool { isDigit(byte) || (byte | 0x20) &- 97 < 26 || byte == 95 }

    @inline(__always)
    static func hex(_ byte: UInt8) -> UInt8? {
        if byte &- 48 < 10 { return byte &- 48 }
        let letter = (byte | 0x20) &- 97
        return letter < 6 ? letter &+ 10 : nil
    }

    /// All digits, at most 18 of them.
    var integer: Int64? {
        guard count > 0, count <= 18 else { return nil }
        var value: Int64 = 0
        for index in 0..<count {
            let digit = start[index] &- 48
            guard digit < 10 else { return nil }
            value = value * 10 + Int64(digit)
        }
        return value
    }

    @inline(__always)
    func two(_ index: Int) -> Int? {
        let (tens, ones) = (self[index] &- 48, self[index + 1] &- 48)
        return tens < 10 && ones < 10 ? Int(tens) * 10 + Int(ones) : nil
    }

    var trimmed: Bytes {
        var (low, high) = (0, count)
        while low < high, start[low] <= 32 { low += 1 }
        while high > low, start[high - 1] <= 32 { high -= 1 }
        return self[low, high]
    }

    /// FNV-1a over words of eight bytes, mixed: for tables of our own, seeded so that a peer can not aim at one slot.
    @inline(__always)
    func hash(_ seed: UInt64 = 0) -> UInt64 {
        var value = 0xCBF2_9CE4_8422_2325 ^ seed ^ UInt64(truncatingIfNeeded: count)
        var index = 0
        let raw = UnsafeRawPointer(start)
        while index + 8 <= count {
            value = (value ^ raw.loadUnaligned(fromByteOffset: index, as: UInt64.self)) &* 0x9E37_79B9_7F4A_7C15
            value ^= value >> 29
            index += 8
        }
        while index < count {
            value = (value ^ UInt64(start[index])) &* 0x0000_0100_0000_01B3
            index += 1
        }
        return Hash.mix(value)
    }

    /// Text, with what is no UTF-8 replaced.
    var text: String { String(decoding: UnsafeBufferPointer(start: start, count: count), as: UTF8.self) }

    func text(max: Int) -> String { count <= max ? text : prefix(max).text + "…" }
}

enum Hash {
    @inline(__always)
    static func mix(_ input: UInt64) -> UInt64 {
        var value = input
        value = (value ^ (value >> 32)) &* 0xD6E8_FEB8_6659_FD93
        value = (value ^ (value >> 32)) &* 0xD6E8_FEB8_6659_FD93
        return value ^ (value >> 32)
    }
}
