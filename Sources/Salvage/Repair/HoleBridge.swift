/// Finds where a deflate stream can be read again behind damage, and reads on from there.
///
/// In the damaged block itself, when its codes are known: codes come into step by themselves. Otherwise at the next
/// block: one written by zlib begins with a description of its codes that hardly any other bits satisfy. Bytes that
/// are copied from before stay unknown, unless the size of the hole can be told for certain; nothing is invented.
struct HoleBridge {
    let input: DeflateInput
    let wrapper: DeflateWrapper
    let grammar: RowGrammar?
    let echo: DeflateEcho?

    /// So many known, good lines make a block certain; fewer when the stream ends well behind it.
    private static let linesMin = 16
    /// Blocks of zlib take 64 KiB or less; holes may take more.
    private static let reachBytes = 256 << 10
    private static let textBytesMax = 1 << 30
    /// zlib ends a block after 16,383 symbols.
    private static let blockBytesMax = 16_384 * MatchCodes.longestMatch
    /// How many bytes behind the damage reading is tried, when nothing tells where the damage ends.
    private static let skips = [0, 48, 112, 544]

    /// What is known of the damage before a piece.
    struct Hole {
        /// The bit from which the stream may be good again.
        let bit: Int
        /// Whether it is good from there on for certain.
        let isEndKnown: Bool
        /// The codes of the block in which the damage lies.
        let codes: BlockCodes?
        let isFinal: Bool
        /// The text before it.
        let before: [UInt16]
    }

    /// Text behind damage.
    struct Piece {
        /// Where reading begins.
        let bit: Int
        let symbols: ArraySlice<UInt16>
        let lines: SymbolLines
        /// The bit at which damage shows again; nil when the stream ends well.
        let nextDamage: Int?
        /// How much text is lost before it, when that is certain enough to follow references across it.
        let lostBytes: Int?
        /// Lines that hold bytes which came by such a reference: right only if the size is.
        let inferred: Set<Int>
    }

    func next(after hole: Hole) -> Piece? {
        guard let grammar else { return nil }
        let header = nextHeader(after: hole.bit)
        if let codes = hole.codes {
            let resume = HoleResume(
                input: input, trailerBytes: wrapper.trailerBytes, codes: codes, isFinal: hole.isFinal)
            var tried: Set<Int> = []
            for skip in hole.isEndKnown ? [0] : Self.skips {
                guard hole.bit + skip * 8 < header ?? input.bitCount,
                    let start = resume.firstSymbol(behind: hole.bit + skip * 8, header: header),
                    tried.insert(start).inserted
                else { continue }
                let place = Inflater.Place.codes(codes, isFinal: hole.isFinal)
                if let piece = read(from: start, place, hole, grammar) { return piece }
            }
        }
        guard let header else { return nil }
        return read(from: header, .header, hole, grammar) ?? read(from: header)
    }

    private func nextHeader(after bit: Int) -> Int? {
        let limit = min(bit + Self.reachBytes * 8, input.bitCount - 64)
        var position = max(bit, 0)
        while position < limit {
            if isHeader(position), isBlock(position) { return position }
            position += 1
        }
        return nil
    }

    /// Whether a block that is read from `position` ends where another begins or the stream ends.
    private func isBlock(_ position: Int) -> Bool {
        let inflater = inflater(at: position, .header)
        switch inflater.runBlock(until: Self.blockBytesMax) {
        case .blockEnd: return isHeader(inflater.state.position)
        case .end: return (inflater.state.position + 7) / 8 + wrapper.trailerBytes == input.count
        case .full, .failed: return false
        }
    }

    private func isHeader(_ position: Int) -> Bool {
        let bits = input.peek(position)
        guard bits >> 1 & 3 == 2, bits >> 3 & 31 <= 29, bits >> 8 & 31 <= 29,
            case .success = BlockHeader.read(input, at: position)
        else { return false }
        return true
    }

    /// Reads with the references across the hole followed; nil when the hole's size is not certain.
    private func read(from bit: Int, _ place: Inflater.Place, _ hole: Hole, _ grammar: RowGrammar) -> Piece? {
        guard let echo, hole.before.count > 1024 else { return nil }
        let inflater = inflater(at: bit, place)
        let first = inflater.state
        let start = MatchCodes.farthestMatch
        _ = inflater.run(until: start + 32 << 10)
        let symbols = EchoScan.symbols(inflater, from: first, to: inflater.state.count).map {
            DeflateEcho.Symbol(place: $0.place - start, bit: $0.bit, token: $0.token)
        }
        let size = HoleSize(
            before: hole.before, piece: Array(inflater.text[start..<inflater.state.count]), symbols: symbols,
            grammar: grammar, echo: echo)
        guard let lost = size.find() else { return nil }
        let stop = inflater.run(until: Self.textBytesMax)
        let decoded = Array(inflater.text[start..<inflater.state.count])
        let text = size.resolved(decoded[...], size: lost)
        return piece(inflater, stop, text[...], decoded, from: bit, place, lost)
    }

    /// Reads without the text before.
    private func read(from bit: Int) -> Piece? {
        let inflater = inflater(at: bit, .header)
        let start = MatchCodes.farthestMatch
        // A block that is none shows it within its first lines.
        _ = inflater.run(until: start + 32 << 10)
        let first = SymbolLines(inflater.text[start..<inflater.state.count], startsOnLine: false, grammar: grammar)
        guard !first.forms.isEmpty, !first.forms.contains(.bad) else { return nil }
        let stop = inflater.run(until: Self.textBytesMax)
        let text = Array(inflater.text[start..<inflater.state.count])
        return piece(inflater, stop, text[...], text, from: bit, .header, nil)
    }

    private func piece(
        _ inflater: Inflater, _ stop: Inflater.Stop, _ text: ArraySlice<UInt16>, _ decoded: [UInt16], from bit: Int,
        _ place: Inflater.Place, _ lost: Int?
    ) -> Piece? {
        var text = text
        var lines = SymbolLines(text, startsOnLine: false, grammar: grammar)
        let isWhole =
            stop == .end && (inflater.state.position + 7) / 8 + wrapper.trailerBytes == input.count
            && lines.hasTerminator
        var damage: Int? = isWhole ? nil : inflater.state.position
        if let bad = lines.forms.firstIndex(of: .bad) {
            let again = self.inflater(at: bit, place)
            _ = again.run(until: MatchCodes.farthestMatch + lines.ranges[bad].upperBound)
            damage = again.state.position
            text = text[..<lines.ranges[bad].lowerBound]
            lines = SymbolLines(text, startsOnLine: false, grammar: grammar)
        }
        let good = lines.forms.count { $0 == .good }
        guard good >= (isWhole ? 1 : Self.linesMin) else { return nil }
        let inferred = lines.ranges.indices.filter { line in decoded[lines.ranges[line]].contains { $0 > 255 } }
        return Piece(
            bit: bit, symbols: text, lines: lines, nextDamage: damage, lostBytes: lost, inferred: Set(inferred))
    }

    private func inflater(at bit: Int, _ place: Inflater.Place) -> Inflater {
        let inflater = Inflater(input, at: bit, window: Inflater.unknownWindow)
        inflater.state.place = place
        return inflater
    }
}
