/// The text of a script whose gzip stream is damaged: repaired when the stream's own checksum proves it, otherwise cut
/// well before the first sign of damage.
struct PlainRescue {
    let text: [UInt8]
    let damage: [Damage]
    /// Nothing says where the damage is: no row of the text is above doubt.
    let isDoubtful: Bool

    /// Damage shows behind its place: so many lines before the sign are not taken.
    private static let guardLines = 64

    /// Nil when the stream is not gzip.
    init?(_ file: DumpFile, _ catalog: StreamCatalog) throws {
        let bytes = try file.read(at: 0, count: file.size)
        guard let wrapper = DeflateWrapper.read(bytes[...], kind: .gzip) else { return nil }
        let input = DeflateInput(bytes)
        let judge = LineJudge(script: catalog)
        let first = TextScan(input, wrapper, judge).run()
        let isCut = first.map { $0.failure == .inputEnds && $0.bit + 64 >= input.bitCount } ?? false
        if !isCut, case .proven(let flips) = BitRepair(input, wrapper, judge: judge).run() {
            let inflater = Inflater(input, at: wrapper.dataStart * 8)
            _ = inflater.run(until: .max)
            text = Self.bytes(inflater, count: inflater.state.count)
            damage = flips.map { flip in
                Damage(
                    kind: .bitFlip, range: flip.byte..<(flip.byte + 1),
                    explanation: "bit \(flip.bit) of this byte was flipped; turned back, and the checksum then holds")
            }
            isDoubtful = false
            return
        }
        let scan = TextScan(input, wrapper, judge)
        guard let evidence = scan.run() else {
            text = Self.bytes(scan.inflater, count: scan.inflater.state.count)
            damage = [
                Damage(
                    kind: .checksum, range: wrapper.dataStart..<bytes.count,
                    explanation: "the checksum differs, and no single bit explains it: every row is held back")
            ]
            isDoubtful = true
            return
        }
        let good = Self.bytes(scan.inflater, count: evidence.textOffset)
        text = isCut ? good : Self.withoutLastLines(good)
        let byte = min(evidence.bit >> 3, max(bytes.count - 1, 0))
        damage = [
            Damage(
                kind: isCut ? .truncated : .compressedData, range: byte..<(byte + 1),
                explanation: isCut
                    ? "the compressed data ends too early: what followed is lost"
                    : "the damage lies here or shortly before: \(Self.guardLines) lines before it and all behind are left out"
            )
        ]
        isDoubtful = false
    }

    private static func bytes(_ inflater: Inflater, count: Int) -> [UInt8] {
        inflater.text[..<min(count, inflater.state.count)].map { UInt8(truncatingIfNeeded: $0) }
    }

    private static func withoutLastLines(_ text: [UInt8]) -> [UInt8] {
        var left = guardLines
        var end = text.count
        while end > 0 {
            if text[end - 1] == 10 {
                if left == 0 { break }
                left -= 1
            }
            end -= 1
        }
        return Array(text[..<end])
    }
}
