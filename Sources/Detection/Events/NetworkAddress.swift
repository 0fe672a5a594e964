/// An IPv4 or IPv6 address as 128 bits; IPv4 as `::ffff:a.b.c.d`. All zero: none.
public struct NetworkAddress: Hashable, Sendable {
    var high: UInt64 = 0
    var low: UInt64 = 0

    static let none = NetworkAddress()

    var isNone: Bool { high == 0 && low == 0 }
    var isV4: Bool { high == 0 && low >> 32 == 0xFFFF }

    init() {}

    init(v4 value: UInt32) { low = 0xFFFF_0000_0000 | UInt64(value) }

    /// The whole text must be an address: `1.2.3.4`, `2001:db8::1`, `[::1]`, `fe80::1%eth0`.
    init?(_ text: Bytes) {
        guard text.count >= 2, text.count <= 64 else { return nil }
        if let value = Self.v4(text) {
            self.init(v4: value)
            return
        }
        guard let made = Self.v6(text) else { return nil }
        self = made
    }

    init?(_ text: String) {
        var text = text
        let made: NetworkAddress? = text.withUTF8 { NetworkAddress(Bytes(UnsafeRawBufferPointer($0))) }
        guard let made else { return nil }
        self = made
    }

    @inline(__always)
    private static func v4(_ text: Bytes) -> UInt32? {
        guard text.count >= 7, text.count <= 15 else { return nil }
        var value: UInt32 = 0
        var part: UInt32 = 0
        var digits = 0
        var dots = 0
        for index in 0..<text.count {
            let byte = text.start[index]
            if byte == 46 {
                guard digits > 0, dots < 3 else { return nil }
                value = value << 8 | part
                part = 0
                digits = 0
                dots += 1
            } else {
                let digit = byte &- 48
                guard digit < 10, digits < 3 else { return nil }
                part = part * 10 + UInt32(digit)
                guard part < 256 else { return nil }
                digits += 1
            }
        }
        guard dots == 3, digits > 0 else { return nil }
        return value << 8 | part
    }

    private static func v6(_ whole: Bytes) -> NetworkAddress? {
        var text = whole
        if text[0] == 91, text[text.count - 1] == 93 { text = text[1, text.count - 1] }
        if let zone = text.first(37) { text = text.prefix(zone) }
        guard text.first(58) != nil else { return nil }
        var groups: [UInt16] = []
        var gap: Int?
        var index = 0
        if text.has("::") {
            gap = 0
            index = 2
        }
        while index < text.count {
            let end = text.first(58, from: index) ?? text.count
            let group = text[index, end]
            if end == text.count, group.first(46) != nil {
                guard let value = v4(group) else { return nil }
                groups += [UInt16(value >> 16), UInt16(value & 0xFFFF)]
                index = end
                break
            }
            guard group.count >= 1, group.count <= 4, groups.count < 8 else { return nil }
            var value: UInt16 = 0
            for place in 0..<group.count {
                guard let digit = Bytes.hex(group[place]) else { return nil }
                value = value << 4 | UInt16(digit)
            }
            groups.append(value)
            index = end + 1
            if end < text.count, text[index] == 58 {
                guard gap == nil else { return nil }
                gap = groups.count
                index += 1
            } else if end < text.count, index == text.count {
                return nil
            }
        }
        if let gap {
            guard groups.count < 8 else { return nil }
            groups.insert(contentsOf: repeatElement(0, count: 8 - groups.count), at: gap)
        }
        guard groups.count == 8 else { return nil }
        var made = NetworkAddress()
        for group in groups[0..<4] { made.high = made.high << 16 | UInt64(group) }
        for group in groups[4..<8] { made.low = made.low << 16 | UInt64(group) }
        return made
    }

    /// What is counted as one actor: an IPv4 address, or the /64 of an IPv6 one, whose owner may use all of it.
    var actor: UInt64 { isV4 ? Hash.mix(low) : Hash.mix(high &+ 0x9E37_79B9_7F4A_7C15) }

    /// Addresses of the bank's own networks, of the machine itself, or not routed.
    var isInside: Bool {
        if isV4 {
            let value = UInt32(truncatingIfNeeded: low)
            return value >> 24 == 10 || value >> 24 == 127 || value >> 20 == 0xAC1 || value >> 16 == 0xC0A8
                || value >> 16 == 0xA9FE || value == 0
        }
        return high >> 57 == 0x7E || high >> 54 == 0x3FA || (high == 0 && low == 1)
    }

    /// The first address of what is counted as this actor.
    var actorBase: NetworkAddress {
        var base = self
        if !isV4 { base.low = 0 }
        return base
    }

    public var text: String {
        if isV4 { return "\(low >> 24 & 255).\(low >> 16 & 255).\(low >> 8 & 255).\(low & 255)" }
        let groups: [UInt64] = (0..<8).map { (index: Int) -> UInt64 in
            let half = index < 4 ? high : low
            return half >> UInt64(48 - 16 * (index % 4)) & 0xFFFF
        }
        var best = 0..<0
        var index = 0
        while index < 8 {
            var end = index
            while end < 8, groups[end] == 0 { end += 1 }
            if end - index > max(1, best.count) { best = index..<end }
            index = max(end, index + 1)
        }
        func words(_ range: Range<Int>) -> String {
            range.map { String(groups[$0], radix: 16) }.joined(separator: ":")
        }
        return best.isEmpty ? words(0..<8) : words(0..<best.lowerBound) + "::" + words(best.upperBound..<8)
    }
}

/// A block of addresses: `10.0.0.0/8`, `2001:db8::/32`, or one address.
public struct AddressBlock: Hashable, Sendable {
    let base: NetworkAddress
    /// Of 128.
    let bits: Int

    public init?(_ text: String) {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count <= 2, let base = NetworkAddress(String(parts[0])) else { return nil }
        let most = base.isV4 ? 32 : 128
        let length = parts.count == 2 ? Int(parts[1]) : most
        guard let length, (0...most).contains(length) else { return nil }
        self.base = base
        bits = base.isV4 ? 96 + length : length
    }

    /// What is banned with an address: itself, or the /64 of an IPv6 one, whose owner may use all of it.
    init(actor address: NetworkAddress) {
        base = address.actorBase
        bits = address.isV4 ? 128 : 64
    }

    /// As an operator writes it: one IPv6 address stands for its /64, unless its length is written too.
    init?(target text: String) {
        guard let block = AddressBlock(text) else { return nil }
        self = block.bits == 128 && !text.contains("/") ? AddressBlock(actor: block.base) : block
    }

    func meets(_ other: AddressBlock) -> Bool { contains(other.base) || other.contains(base) }

    /// Without the bits that it does not fix; one address without its length.
    public var text: String {
        guard bits < 128 else { return base.text }
        var first = base
        first.high &= bits >= 64 ? .max : ~(UInt64.max >> UInt64(bits))
        first.low &= bits <= 64 ? 0 : ~(UInt64.max >> UInt64(bits - 64))
        return "\(first.text)/\(base.isV4 ? bits - 96 : bits)"
    }

    /// False for what is no address.
    public func contains(address text: String) -> Bool { NetworkAddress(text).map(contains) ?? false }

    public func contains(_ address: NetworkAddress) -> Bool {
        func isEqual(_ left: UInt64, _ right: UInt64, _ bits: Int) -> Bool {
            bits <= 0 || (left ^ right) >> UInt64(64 - min(bits, 64)) == 0
        }
        return isEqual(base.high, address.high, bits) && isEqual(base.low, address.low, bits - 64)
    }
}
