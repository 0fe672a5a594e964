/// Finds where symbols begin again behind a hole in the middle of a block whose codes are known.
///
/// Huffman codes come into step by themselves: reading that begins anywhere meets the true symbols within a few dozen.
/// That a reading is in step shows when it ends its block exactly where the next one begins, or where the stream ends.
struct HoleResume {
    let input: DeflateInput
    let trailerBytes: Int
    let codes: BlockCodes
    let isFinal: Bool

    /// A reading from elsewhere that is in step meets this one within so many bits.
    private static let meetingBits = 2048
    private static let startsMax = 4096

    /// The first bit behind `start` from which all readings agree that a symbol begins. `header` is where the next
    /// block begins; nil when none follows.
    func firstSymbol(behind start: Int, header: Int?) -> Int? {
        let end = header ?? input.bitCount
        var bit = start
        while bit < min(start + Self.startsMax, end) {
            let walk = walk(from: bit, to: end)
            if let last = walk.last, isEnd(last, header), walk.count > 64 { return meeting(of: walk, from: bit) }
            bit += 1
        }
        return nil
    }

    private func isEnd(_ bit: Int, _ header: Int?) -> Bool {
        if let header, !isFinal { return bit == header }
        return isFinal && (bit + 7) / 8 + trailerBytes == input.count
    }

    /// The places where symbols begin; the last is behind the block's end, or -1 when it is not reached.
    private func walk(from start: Int, to end: Int) -> [Int] {
        var places: [Int] = []
        var bit = start
        while bit < end {
            places.append(bit)
            let token = Token.read(input.peek(bit), codes)
            guard token.bits > 0 else { return [-1] }
            bit += token.bits
            if token.length == 0 { return places + [bit] }
        }
        return [-1]
    }

    /// The first place of `walk` that readings from all bits around its beginning come to.
    private func meeting(of walk: [Int], from start: Int) -> Int? {
        let places = Set(walk)
        var farthest = start
        for other in start..<(start + 24) {
            var bit = other
            while !places.contains(bit) {
                let token = Token.read(input.peek(bit), codes)
                guard token.bits > 0, token.length > 0, bit < start + Self.meetingBits else { break }
                bit += token.bits
            }
            if places.contains(bit) { farthest = max(farthest, bit) }
        }
        return walk.first { $0 >= farthest }
    }
}
