internal import Foundation

/// MaxMind's binary form: a tree of bits, then values (https://maxmind.github.io/MaxMind-DB/, version 2). Every read is
/// checked: the file may be cut or wrong.
struct MaxMindReader: Sendable {
    private let data: Data
    private let nodeCount: Int
    private let recordBits: Int
    private let isSix: Bool
    private let dataStart: Int
    private let dataEnd: Int
    private let v4Start: Int

    private static let marker: [UInt8] = [0xAB, 0xCD, 0xEF] + Array("MaxMind.com".utf8)
    private static let metadataBytesMax = 128 << 10
    private static let depthMax = 16
    private static let membersMax = 100_000

    /// Nil when it is no such file.
    init?(_ data: Data) {
        let tail = max(0, data.count - Self.metadataBytesMax)
        guard
            let found = data.range(
                of: Data(Self.marker), options: .backwards, in: tail..<data.count)
        else { return nil }
        self.data = data
        let metadata = Decoder(data: data, start: found.upperBound, end: data.count, depthMax: Self.depthMax)
        guard case .number(let nodes)? = metadata.member(["node_count"], at: found.upperBound),
            case .number(let bits)? = metadata.member(["record_size"], at: found.upperBound),
            case .number(let version)? = metadata.member(["ip_version"], at: found.upperBound),
            [24, 28, 32].contains(bits), nodes >= 0, nodes < 2_147_483_648
        else { return nil }
        (nodeCount, recordBits, isSix) = (Int(nodes), Int(bits), version == 6)
        let treeBytes = nodeCount * recordBits / 4
        guard treeBytes + 16 <= found.lowerBound else { return nil }
        (dataStart, dataEnd) = (treeBytes + 16, found.lowerBound)
        var node = 0
        if isSix {
            for _ in 0..<96 where node < nodeCount {
                node = Self.record(data, node, right: false, recordBits) ?? nodeCount
            }
        }
        v4Start = node
    }

    private static func record(_ data: Data, _ node: Int, right: Bool, _ bits: Int) -> Int? {
        let at = node * bits / 4
        guard node >= 0, at + bits / 4 <= data.count else { return nil }
        func byte(_ index: Int) -> Int { Int(data[data.startIndex + at + index]) }
        switch bits {
        case 24: return right ? byte(3) << 16 | byte(4) << 8 | byte(5) : byte(0) << 16 | byte(1) << 8 | byte(2)
        case 28:
            return right
                ? (byte(3) & 0x0F) << 24 | byte(4) << 16 | byte(5) << 8 | byte(6)
                : (byte(3) >> 4) << 24 | byte(0) << 16 | byte(1) << 8 | byte(2)
        default:
            let start = right ? 4 : 0
            return byte(start) << 24 | byte(start + 1) << 16 | byte(start + 2) << 8 | byte(start + 3)
        }
    }

    /// Where the value of an address begins.
    private func value(of address: NetworkAddress) -> Int? {
        guard address.isV4 || isSix else { return nil }
        var node = address.isV4 ? v4Start : 0
        var bit = address.isV4 ? 96 : 0
        while node < nodeCount, bit < 128 {
            let half = bit < 64 ? address.high : address.low
            let isRight = half >> UInt64(63 - bit % 64) & 1 == 1
            guard let next = Self.record(data, node, right: isRight, recordBits) else { return nil }
            node = next
            bit += 1
        }
        guard node > nodeCount else { return nil }
        return dataStart + node - nodeCount - 16
    }

    private var decoder: Decoder { Decoder(data: data, start: dataStart, end: dataEnd, depthMax: Self.depthMax) }

    func place(of address: NetworkAddress) -> GeoDatabase.Place? {
        guard let at = value(of: address) else { return nil }
        let decoder = decoder
        guard case .number(let latitude)? = decoder.member(["location", "latitude"], at: at),
            case .number(let longitude)? = decoder.member(["location", "longitude"], at: at), abs(latitude) <= 90,
            abs(longitude) <= 180
        else { return nil }
        var place = GeoDatabase.Place(latitude: latitude, longitude: longitude)
        if case .text(let country)? = decoder.member(["country", "iso_code"], at: at) { place.country = country }
        return place
    }

    /// Whether any of some well-spread addresses has a place.
    var hasPlaces: Bool {
        (UInt32(1)..<224).contains { first in
            [0x08_0808, 0x51_0203, 0x80_0001, 0xC8_1020].contains {
                place(of: NetworkAddress(v4: first << 24 | $0)) != nil
            }
        }
    }

    /// Values: maps by name, numbers and texts; the rest is passed over.
    struct Decoder {
        let data: Data
        let start: Int
        let end: Int
        let depthMax: Int

        enum Value {
            case number(Double)
            case text(String)
            case other
        }

        private func byte(_ at: Int) -> UInt8? { at >= start && at < end ? data[data.startIndex + at] : nil }

        private func unsigned(_ at: Int, _ count: Int) -> UInt64? {
            var value: UInt64 = 0
            for index in 0..<count {
                guard let byte = byte(at + index) else { return nil }
                value = value << 8 | UInt64(byte)
            }
            return value
        }

        /// The type, the size and where the payload begins; a pointer has its target as size.
        private func head(_ at: Int) -> (type: Int, size: Int, next: Int)? {
            guard let control = byte(at) else { return nil }
            var type = Int(control >> 5)
            var next = at + 1
            if type == 1 {
                let count = Int(control >> 3 & 3) + 1
                guard var target = unsigned(next, count).map(Int.init) else { return nil }
                if count < 4 { target |= Int(control & 7) << (8 * count) }
                target += [0, 2_048, 526_336, 0][count - 1]
                return (1, start + target, next + count)
            }
            if type == 0 {
                guard let extended = byte(next) else { return nil }
                type = Int(extended) + 7
                next += 1
            }
            var size = Int(control & 31)
            if size >= 29 {
                let count = size - 28
                guard let more = unsigned(next, count) else { return nil }
                size = [29, 285, 65_821][count - 1] + Int(more)
                next += count
            }
            return (type, size, next)
        }

        /// The value itself where a pointer leads to it.
        private func resolved(_ at: Int) -> (type: Int, size: Int, next: Int)? {
            guard let head = head(at) else { return nil }
            guard head.type == 1 else { return head }
            guard let target = self.head(head.size), target.type != 1 else { return nil }
            return target
        }

        /// Where the value at `at` ends.
        private func skip(_ at: Int, _ depth: Int) -> Int? {
            guard depth < depthMax, let (type, size, next) = head(at) else { return nil }
            switch type {
            case 1, 14: return next
            case 7, 11:
                guard size <= MaxMindReader.membersMax else { return nil }
                var place = next
                for _ in 0..<(type == 7 ? size * 2 : size) {
                    guard let after = skip(place, depth + 1) else { return nil }
                    place = after
                }
                return place
            default: return next + size <= end ? next + size : nil
            }
        }

        func member(_ path: [String], at: Int, _ depth: Int = 0) -> Value? {
            guard depth < depthMax, let (type, size, next) = resolved(at) else { return nil }
            guard let name = path.first else { return value(type, size, next) }
            guard type == 7, size <= MaxMindReader.membersMax else { return nil }
            var place = next
            for _ in 0..<size {
                guard let key = resolved(place), key.type == 2, key.next + key.size <= end,
                    let valueAt = skip(place, depth)
                else { return nil }
                if text(key.next, key.size) == name {
                    return member(Array(path.dropFirst()), at: valueAt, depth + 1)
                }
                guard let after = skip(valueAt, depth) else { return nil }
                place = after
            }
            return nil
        }

        private func text(_ at: Int, _ count: Int) -> String {
            guard at >= start, count >= 0, at + count <= end else { return "" }
            return String(decoding: data[data.startIndex + at..<data.startIndex + at + count], as: UTF8.self)
        }

        private func value(_ type: Int, _ size: Int, _ at: Int) -> Value? {
            switch type {
            case 2: return .text(text(at, size))
            case 3: return unsigned(at, 8).map { .number(Double(bitPattern: $0)) }
            case 15: return unsigned(at, 4).map { .number(Double(Float(bitPattern: UInt32($0)))) }
            case 5, 6, 9: return size <= 8 ? unsigned(at, size).map { .number(Double($0)) } : nil
            case 8: return size <= 4 ? unsigned(at, size).map { .number(Double(Int32(truncatingIfNeeded: $0))) } : nil
            default: return .other
            }
        }
    }
}
