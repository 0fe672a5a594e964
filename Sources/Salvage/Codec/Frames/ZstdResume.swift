/// Goes on in a zstd frame behind a damaged block.
///
/// Decoders begin anew at the first block that brings its own tables, with a dictionary in front of it: the text before
/// the damage, and zeros, which COPY text never holds, for what is lost. The last three offsets at that place are lost
/// too: each decoder goes by other ones, and a byte on which they differ is lost as well. What is left is likely; that
/// the blocks in between held 128 KiB each, as zstd makes them, nothing proves.
struct ZstdResume {
    private let decoders: [ZstdContext]

    /// The head of a dictionary as `ZDICT_finalizeDictionary` makes it, up to the offsets. Its tables are never used.
    private static let dictionaryHead: [UInt8] = [
        0x37, 0xA4, 0x30, 0xEC, 0x01, 0x00, 0x00, 0x00, 0x16, 0x10, 0xE8, 0x0A, 0xD3, 0x01, 0x00, 0x00, 0x00, 0x00,
        0x51, 0x2D, 0x9E, 0xA4, 0x94, 0x52, 0x26, 0x99, 0x17, 0xA5, 0xF5, 0x93, 0x90, 0xA3, 0x02, 0x00, 0x00, 0x00,
        0x0B, 0xC7, 0x43, 0x13, 0x4A, 0xA1, 0x3A, 0x00, 0x04, 0x40, 0xCC, 0x8B, 0x02, 0x47, 0xC6, 0xD3, 0x84, 0xA0,
        0x18, 0x00, 0x1E, 0x04, 0xC0, 0xEA, 0x9B, 0x04, 0x00, 0x00, 0x00, 0x10, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
        0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x24, 0x68, 0xD1, 0xD1, 0x46, 0x74, 0xB2, 0x9C, 0x41, 0x54, 0x21, 0x00,
        0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
    ]

    /// Offsets that point to text near by, and into what is lost.
    private static let guesses: [[Int]] = [[1, 4, 8], [70_001, 90_003, 110_005], [40_001, 50_021, 60_013]]

    /// - Parameters:
    ///   - before: what is known of the text before the place; zeros for lost bytes, at least 128 KiB of it.
    ///   - windowByte: the frame's window descriptor (RFC 8878, 3.1.1.1.2).
    init?(before: [UInt8], windowByte: UInt8) {
        var decoders: [ZstdContext] = []
        for guess in Self.guesses {
            guard let decoder = ZstdContext() else { return nil }
            let offsets = guess.flatMap { offset in (0..<4).map { UInt8(offset >> (8 * $0) & 0xFF) } }
            guard decoder.load(dictionary: Self.dictionaryHead + offsets + before),
                decoder.step(ZstdFrames.magic + [0, windowByte], { _ in }) == .more
            else { return nil }
            decoders.append(decoder)
        }
        self.decoders = decoders
    }

    /// The text of the next block, zeros for lost bytes; nil when it can not be read.
    func text(of block: [UInt8]) -> [UInt8]? {
        var common: [UInt8]?
        for decoder in decoders {
            var text: [UInt8] = []
            guard decoder.step(block, { text.append(contentsOf: $0) }) != .failed else { return nil }
            guard let known = common else {
                common = text
                continue
            }
            guard known.count == text.count else { return nil }
            common = zip(known, text).map { $0 == $1 ? $0 : 0 }
        }
        return common
    }
}
