/// The header of a deflate block (RFC 1951, 3.2.3): what the block is and how to read it.
struct BlockHeader {
    enum Content {
        case stored(bytes: Int)
        case coded(BlockCodes)
    }

    let content: Content
    let isFinal: Bool
    let isDynamic: Bool
    /// The first bit behind the header.
    let end: Int

    private static let lengthOrder = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15]

    /// Reads the header at `position`.
    static func read(_ input: DeflateInput, at position: Int) -> Result<BlockHeader, InflateFailure> {
        guard position + 3 <= input.bitCount else { return .failure(.inputEnds) }
        let bits = input.peek(position)
        let isFinal = bits & 1 == 1
        switch bits >> 1 & 3 {
        case 0: return stored(input, at: position + 3, isFinal: isFinal)
        case 1:
            guard let codes = BlockCodes.fixed else { return .failure(.blockType) }
            return .success(
                BlockHeader(content: .coded(codes), isFinal: isFinal, isDynamic: false, end: position + 3))
        case 2: return dynamic(input, at: position + 3, isFinal: isFinal)
        default: return .failure(.blockType)
        }
    }

    private static func stored(
        _ input: DeflateInput, at position: Int, isFinal: Bool
    ) -> Result<BlockHeader, InflateFailure> {
        let start = (position + 7) & ~7
        guard start + 32 <= input.bitCount else { return .failure(.inputEnds) }
        let word = input.peek(start)
        let length = Int(word & 0xFFFF)
        guard length == Int(~(word >> 16) & 0xFFFF) else { return .failure(.storedLength) }
        return .success(
            BlockHeader(content: .stored(bytes: length), isFinal: isFinal, isDynamic: false, end: start + 32))
    }

    private static func dynamic(
        _ input: DeflateInput, at start: Int, isFinal: Bool
    ) -> Result<BlockHeader, InflateFailure> {
        let bits = input.peek(start)
        let literalCount = Int(bits & 31) + 257
        let distanceCount = Int(bits >> 5 & 31) + 1
        let lengthCount = Int(bits >> 10 & 15) + 4
        guard literalCount <= 286, distanceCount <= 30 else { return .failure(.codeLengths) }
        var position = start + 14
        var lengths = [UInt8](repeating: 0, count: 19)
        for index in 0..<lengthCount {
            lengths[lengthOrder[index]] = UInt8(input.peek(position) & 7)
            position += 3
        }
        guard let code = HuffmanTable(lengths: lengths[...], kind: .lengths) else { return .failure(.codeLengths) }
        var all = [UInt8](repeating: 0, count: literalCount + distanceCount)
        guard readLengths(input, &position, code, &all) else { return .failure(.codeLengths) }
        guard position <= input.bitCount else { return .failure(.inputEnds) }
        guard all[256] != 0 else { return .failure(.codeLengths) }
        guard let literals = HuffmanTable(lengths: all[..<literalCount], kind: .literals),
            let distances = HuffmanTable(lengths: all[literalCount...], kind: .distances)
        else { return .failure(.codeLengths) }
        let codes = BlockCodes(literals: literals, distances: distances)
        return .success(
            BlockHeader(content: .coded(codes), isFinal: isFinal, isDynamic: true, end: position))
    }

    /// False when the run lengths go over the end or repeat nothing.
    private static func readLengths(
        _ input: DeflateInput, _ position: inout Int, _ code: HuffmanTable, _ all: inout [UInt8]
    ) -> Bool {
        var index = 0
        while index < all.count {
            let bits = input.peek(position)
            let entry = code.symbol(bits)
            guard entry != 0, position <= input.bitCount else { return false }
            let used = UInt64(entry & 15)
            position += Int(used)
            let rest = bits >> used
            let value: UInt8
            let count: Int
            switch entry >> 4 {
            case 16:
                guard index > 0 else { return false }
                (value, count) = (all[index - 1], 3 + Int(rest & 3))
                position += 2
            case 17:
                (value, count) = (0, 3 + Int(rest & 7))
                position += 3
            case 18:
                (value, count) = (0, 11 + Int(rest & 127))
                position += 7
            default: (value, count) = (UInt8(truncatingIfNeeded: entry >> 4), 1)
            }
            guard index + count <= all.count else { return false }
            for _ in 0..<count {
                all[index] = value
                index += 1
            }
        }
        return true
    }
}

/// Why a deflate stream can not be read on.
enum InflateFailure: Error, Equatable {
    case blockType, storedLength, codeLengths, symbol, distance, inputEnds, textTooLong

    /// Whether a block's header shows it.
    var isInHeader: Bool { self == .blockType || self == .storedLength || self == .codeLengths }

    var explanation: DamageText {
        switch self {
        case .blockType: .init(fr: "un bloc d’un type qui n’existe pas", en: "a block of a type that does not exist")
        case .storedLength:
            .init(
                fr: "un bloc brut dont la longueur et son complément diffèrent",
                en: "a stored block whose length and its complement differ")
        case .codeLengths:
            .init(fr: "des longueurs de code qui ne font pas un code", en: "code lengths that make no code")
        case .symbol: .init(fr: "un code qui ne désigne rien", en: "a code that stands for nothing")
        case .distance: .init(fr: "un renvoi avant le début", en: "a reference to before the beginning")
        case .inputEnds:
            .init(fr: "les données compressées s’arrêtent trop tôt", en: "the compressed data ends too early")
        case .textTooLong:
            .init(
                fr: "plus de texte que cette machine n’en peut tenir pour réparer le flux ; la lecture s’y arrête",
                en: "more text than this machine can hold to repair the stream; reading ends there")
        }
    }
}
