/// A canonical Huffman code as deflate uses it (RFC 1951, 3.2.2): lengths in, symbols out.
///
/// Codes of up to ten bits are read from a table in one step; longer ones, which are rare, bit by bit.
struct HuffmanTable {
    static let fastBits = 10
    static let codeBitsMax = 15

    /// Symbol << 4 | length of the code that begins the ten bits; 0 when it is longer or none.
    let fast: [UInt16]
    /// How many codes there are of each length, and the symbols in the order of their codes.
    private let counts: [Int]
    private let symbols: [UInt16]

    enum Kind {
        /// The code of the code lengths: must be complete.
        case lengths
        /// May be a single code of one bit, as zlib writes when there is one distance, or none at all.
        case literals, distances
    }

    /// Nil when the lengths make no code that zlib would accept.
    init?(lengths: ArraySlice<UInt8>, kind: Kind) {
        var counts = [Int](repeating: 0, count: Self.codeBitsMax + 1)
        for length in lengths { counts[Int(length & 15)] += 1 }
        let longest = counts.lastIndex { $0 > 0 } ?? 0
        counts[0] = 0
        var left = 1
        for length in 1...Self.codeBitsMax {
            left = left << 1 - counts[length]
            guard left >= 0 else { return nil }
        }
        if left > 0, kind == .lengths || longest > 1 { return nil }
        var offsets = [Int](repeating: 0, count: Self.codeBitsMax + 2)
        for length in 1...Self.codeBitsMax { offsets[length + 1] = offsets[length] + counts[length] }
        var symbols = [UInt16](repeating: 0, count: lengths.count)
        for (symbol, length) in lengths.enumerated() where length > 0 {
            symbols[offsets[Int(length & 15)]] = UInt16(truncatingIfNeeded: symbol)
            offsets[Int(length & 15)] += 1
        }
        self.counts = counts
        self.symbols = symbols
        fast = Self.fastTable(counts, symbols)
    }

    private static func fastTable(_ counts: [Int], _ symbols: [UInt16]) -> [UInt16] {
        var table = [UInt16](repeating: 0, count: 1 << fastBits)
        var code = 0
        var index = 0
        for length in 1...fastBits {
            code <<= 1
            for _ in 0..<counts[length] {
                let entry = symbols[index] << 4 | UInt16(length)
                var slot = reversed(code, bits: length)
                while slot < table.count {
                    table[slot] = entry
                    slot += 1 << length
                }
                code += 1
                index += 1
            }
        }
        return table
    }

    private static func reversed(_ code: Int, bits: Int) -> Int {
        var result = 0
        for bit in 0..<bits where code >> bit & 1 == 1 { result |= 1 << (bits - 1 - bit) }
        return result
    }

    /// The symbol whose code begins `bits` (first bit lowest) as symbol << 4 | length; 0 when none does.
    func slow(_ bits: UInt64) -> UInt32 {
        var code = 0
        var first = 0
        var index = 0
        for length in 1...Self.codeBitsMax {
            code |= Int(bits >> UInt64(length - 1) & 1)
            let count = counts[length]
            if code - first < count { return UInt32(symbols[index + code - first]) << 4 | UInt32(length) }
            index += count
            first = (first + count) << 1
            code <<= 1
        }
        return 0
    }

    @inline(__always)
    func symbol(_ bits: UInt64) -> UInt32 {
        let entry = fast[Int(bits & UInt64(1 << Self.fastBits - 1))]
        return entry != 0 ? UInt32(entry) : slow(bits)
    }
}

/// The two codes of a block.
struct BlockCodes {
    let literals: HuffmanTable
    let distances: HuffmanTable

    /// The codes that deflate has built in (RFC 1951, 3.2.6).
    static let fixed: BlockCodes? = {
        var lengths = [UInt8](repeating: 8, count: 288)
        for symbol in 144..<256 { lengths[symbol] = 9 }
        for symbol in 256..<280 { lengths[symbol] = 7 }
        let distances = [UInt8](repeating: 5, count: 32)
        guard let literals = HuffmanTable(lengths: lengths[...], kind: .literals),
            let table = HuffmanTable(lengths: distances[...], kind: .distances)
        else { return nil }
        return BlockCodes(literals: literals, distances: table)
    }()
}

/// What length and distance symbols stand for (RFC 1951, 3.2.5).
enum MatchCodes {
    static let lengthBase: [UInt16] = [
        3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 15, 17, 19, 23, 27, 31, 35, 43, 51, 59, 67, 83, 99, 115, 131, 163, 195, 227,
        258, 0, 0, 0,
    ]
    static let lengthExtra: [UInt8] = [
        0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 0, 0, 0, 0,
    ]
    static let distanceBase: [UInt16] = [
        1, 2, 3, 4, 5, 7, 9, 13, 17, 25, 33, 49, 65, 97, 129, 193, 257, 385, 513, 769, 1025, 1537, 2049, 3073, 4097,
        6145, 8193, 12289, 16385, 24577, 0, 0,
    ]
    static let distanceExtra: [UInt8] = [
        0, 0, 0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7, 8, 8, 9, 9, 10, 10, 11, 11, 12, 12, 13, 13, 0, 0,
    ]
    static let longestMatch = 258
    static let farthestMatch = 32768
}
