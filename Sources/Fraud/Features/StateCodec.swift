/// An entity's state as bytes, and back, to the last bit. Bytes that are no state are refused, never trusted.
extension EntityState {
    private static let version: UInt8 = 1
    static let bytesMax = 1 << 20

    public var encoded: [UInt8] {
        var out: [UInt8] = [Self.version]
        out.reserveCapacity(16 + count * 16)
        Self.write(UInt64(decays.count), to: &out)
        for decay in decays {
            Self.write(Self.folded(decay.time), to: &out)
            Self.write(bits: decay.count.bitPattern, to: &out)
            Self.write(bits: decay.sum.bitPattern, to: &out)
        }
        Self.write(UInt64(count), to: &out)
        var time: Int64 = 0
        var id: Int64 = 0
        for item in items {
            Self.write(Self.folded(item.time &- time), to: &out)
            Self.write(Self.folded(item.id &- id), to: &out)
            Self.write(UInt64(bitPattern: item.minor), to: &out)
            Self.write(Self.folded(item.peer), to: &out)
            out.append(item.flags)
            time = item.time
            id = item.id
        }
        return out
    }

    /// Nil when the bytes are no state, or one with other half-lives than the plan's.
    public static func decode(_ bytes: [UInt8], halfLives: Int) -> EntityState? {
        guard bytes.count <= bytesMax else { return nil }
        var reader = Reader(bytes: bytes)
        guard reader.byte() == version, reader.number() == UInt64(halfLives) else { return nil }
        var decays: ContiguousArray<Decay> = []
        for _ in 0..<halfLives {
            guard let time = reader.signed(), let count = reader.bits(), let sum = reader.bits() else { return nil }
            decays.append(Decay(time: time, count: Double(bitPattern: count), sum: Double(bitPattern: sum)))
        }
        guard let count = reader.number(), count <= 4_096 else { return nil }
        var items: ContiguousArray<Item> = []
        items.reserveCapacity(Int(count))
        var time: Int64 = 0
        var id: Int64 = 0
        for _ in 0..<count {
            guard let timeStep = reader.signed(), let idStep = reader.signed(), let minor = reader.number(),
                let peer = reader.signed(), let flags = reader.byte()
            else { return nil }
            time &+= timeStep
            id &+= idStep
            guard let amount = Int64(exactly: minor), time >= (items.last?.time ?? .min) else { return nil }
            items.append(Item(time: time, id: id, minor: amount, peer: peer, flags: flags))
        }
        return reader.isAtEnd ? EntityState(items: items, decays: decays) : nil
    }

    /// Small numbers of either sign become small numbers.
    private static func folded(_ value: Int64) -> UInt64 { UInt64(bitPattern: (value &<< 1) ^ (value &>> 63)) }

    private static func write(_ value: UInt64, to out: inout [UInt8]) {
        var rest = value
        while rest >= 0x80 {
            out.append(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        out.append(UInt8(truncatingIfNeeded: rest))
    }

    private static func write(bits: UInt64, to out: inout [UInt8]) {
        for shift in stride(from: 0, to: 64, by: 8) { out.append(UInt8(truncatingIfNeeded: bits >> UInt64(shift))) }
    }

    private struct Reader {
        let bytes: [UInt8]
        var position = 0

        var isAtEnd: Bool { position == bytes.count }

        mutating func byte() -> UInt8? {
            guard position < bytes.count else { return nil }
            defer { position += 1 }
            return bytes[position]
        }

        mutating func number() -> UInt64? {
            var value: UInt64 = 0
            for shift in stride(from: UInt64(0), to: 70, by: 7) {
                guard let next = byte(), shift < 63 || next <= 1 else { return nil }
                value |= UInt64(next & 0x7F) << shift
                if next & 0x80 == 0 { return value }
            }
            return nil
        }

        mutating func signed() -> Int64? {
            number().map { Int64(bitPattern: ($0 >> 1) ^ (0 &- ($0 & 1))) }
        }

        mutating func bits() -> UInt64? {
            var value: UInt64 = 0
            for shift in stride(from: UInt64(0), to: 64, by: 8) {
                guard let next = byte() else { return nil }
                value |= UInt64(next) << shift
            }
            return value
        }
    }
}
