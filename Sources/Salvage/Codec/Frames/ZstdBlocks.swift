/// The blocks of a zstd frame, by their headers alone (RFC 8878, 3.1.1.2).
struct ZstdBlocks {
    struct Block {
        let start: Int
        let end: Int
        let isLast: Bool
        let isCompressed: Bool
    }

    static let textBytesMax = 128 << 10
    /// So far behind damage is looked for the next block: more than two of the largest.
    private static let searchBytesMax = 512 << 10
    /// A chain that ends with the input, and not with a last block, is one when it has this many: where a block's own
    /// header leads to it, and where it was searched for.
    private static let cutChainMin = 2
    private static let foundChainMin = 8

    let blocks: [Block]
    /// Behind the last block and the checksum.
    let end: Int

    /// Three bytes with the last-block bit, the type and the size; at most 128 KiB.
    static func block(_ input: [UInt8], _ at: Int) -> Block? {
        guard at + 3 <= input.count else { return nil }
        let head = Int(input[at]) | Int(input[at + 1]) << 8 | Int(input[at + 2]) << 16
        let (type, size) = (head >> 1 & 3, head >> 3)
        guard type != 3, size <= textBytesMax else { return nil }
        let end = at + 3 + (type == 1 ? 1 : size)
        guard end <= input.count else { return nil }
        return Block(start: at, end: end, isLast: head & 1 == 1, isCompressed: type == 2)
    }

    /// The blocks from `at` to the end of their frame; nil when they do not lead there.
    init?(_ input: [UInt8], from at: Int, hasChecksum: Bool, cutChainMin: Int = Self.cutChainMin) {
        var found: [Block] = []
        var next = at
        while let block = Self.block(input, next) {
            found.append(block)
            next = block.end
            guard block.isLast else { continue }
            let end = next + (hasChecksum ? 4 : 0)
            guard
                end == input.count || Frames.hasMagic(ZstdFrames.magic, input, end)
                    || Frames.skippable(input, end) != nil
            else { return nil }
            (blocks, self.end) = (found, end)
            return
        }
        guard found.count >= cutChainMin, next + 3 + Self.textBytesMax > input.count else { return nil }
        (blocks, end) = (found, input.count)
    }

    /// The next blocks behind damage somewhere behind `at` whose size nobody knows. The first place from which headers
    /// lead to the end may be a chance hit that meets the true chain behind one block: that one is left out.
    static func search(_ input: [UInt8], behind at: Int, hasChecksum: Bool) -> ZstdBlocks? {
        for start in (at + 1)..<max(min(at + searchBytesMax, input.count), at + 1) {
            guard
                let chain = ZstdBlocks(
                    input, from: start, hasChecksum: hasChecksum, cutChainMin: foundChainMin),
                chain.blocks.count > 1
            else { continue }
            return ZstdBlocks(blocks: Array(chain.blocks.dropFirst()), end: chain.end)
        }
        return nil
    }

    private init(blocks: [Block], end: Int) { (self.blocks, self.end) = (blocks, end) }

    /// The first block that can be read without the tables of those before it.
    func firstIndependent(_ input: [UInt8]) -> Int? {
        blocks.firstIndex { $0.isCompressed && Self.bringsItsTables(input[($0.start + 3)..<$0.end]) }
    }

    /// RFC 8878, 3.1.1.3: literals with a Huffman tree, sequences without a table in repeat mode.
    private static func bringsItsTables(_ block: ArraySlice<UInt8>) -> Bool {
        let base = block.startIndex
        guard block.count >= 5, block[base] & 3 == 2 else { return false }
        let word = (0..<5).reduce(0) { $0 | Int(block[base + $1]) << (8 * $1) }
        let (headBytes, size) =
            switch word >> 2 & 3 {
            case 0, 1: (3, word >> 14 & 0x3FF)
            case 2: (4, word >> 18 & 0x3FFF)
            default: (5, word >> 22 & 0x3FFFF)
            }
        let count = base + headBytes + size
        guard count < block.endIndex, block[count] > 0 else { return false }
        let modes = count + (block[count] < 128 ? 1 : block[count] < 255 ? 2 : 3)
        guard modes < block.endIndex else { return false }
        return [6, 4, 2].allSatisfy { block[modes] >> UInt8($0) & 3 != 3 }
    }
}
