/// Finds the next block of a deflate stream behind damage, and reads on from it.
///
/// A block of codes written by zlib begins with a description of its codes that hardly any other bits satisfy. The text
/// before is not known there: bytes that are copied from it stay unknown, so that nothing is invented. A block counts as
/// found only when known lines follow and every one of them is a row.
struct HoleBridge {
    let input: DeflateInput
    let wrapper: DeflateWrapper
    let grammar: RowGrammar?

    /// So many known, good lines make a block certain; fewer when the stream ends well behind it.
    private static let linesMin = 16
    /// Blocks of zlib take 40 KiB or less; holes may take more.
    private static let reachBytes = 1 << 20
    private static let textBytesMax = 1 << 30

    /// Text behind damage.
    struct Piece {
        /// Where its block begins.
        let bit: Int
        let symbols: ArraySlice<UInt16>
        let lines: SymbolLines
        /// The bit at which damage shows again; nil when the stream ends well.
        let nextDamage: Int?
    }

    func next(after bit: Int) -> Piece? {
        guard grammar != nil else { return nil }
        let limit = min(bit + Self.reachBytes * 8, input.bitCount - 64)
        var position = max(bit, 0)
        while position < limit {
            if isHeader(position), let piece = read(from: position) { return piece }
            position += 1
        }
        return nil
    }

    private func isHeader(_ position: Int) -> Bool {
        let bits = input.peek(position)
        guard bits >> 1 & 3 == 2, bits >> 3 & 31 <= 29, bits >> 8 & 31 <= 29,
            case .success = BlockHeader.read(input, at: position)
        else { return false }
        return true
    }

    private func read(from bit: Int) -> Piece? {
        let inflater = Inflater(input, at: bit, window: Inflater.unknownWindow)
        let start = MatchCodes.farthestMatch
        // A block that is none shows it within its first lines.
        _ = inflater.run(until: start + 32 << 10)
        let first = SymbolLines(inflater.text[start..<inflater.state.count], startsOnLine: false, grammar: grammar)
        guard !first.forms.isEmpty, !first.forms.contains(.bad) else { return nil }
        let stop = inflater.run(until: Self.textBytesMax)
        var count = inflater.state.count
        var lines = SymbolLines(inflater.text[start..<count], startsOnLine: false, grammar: grammar)
        let isWhole =
            stop == .end && (inflater.state.position + 7) / 8 + wrapper.trailerBytes == input.count
            && lines.hasTerminator
        var damage: Int? = isWhole ? nil : inflater.state.position
        if let bad = lines.forms.firstIndex(of: .bad) {
            count = lines.ranges[bad].lowerBound
            damage = place(of: lines.ranges[bad].upperBound, from: bit)
            lines = SymbolLines(inflater.text[start..<count], startsOnLine: false, grammar: grammar)
        }
        let good = lines.forms.count { $0 == .good }
        guard good >= (isWhole ? 1 : Self.linesMin) else { return nil }
        return Piece(bit: bit, symbols: inflater.text[start..<count], lines: lines, nextDamage: damage)
    }

    private func place(of count: Int, from bit: Int) -> Int {
        let inflater = Inflater(input, at: bit, window: Inflater.unknownWindow)
        _ = inflater.run(until: count)
        return inflater.state.position
    }
}
