/// Finds how much text is lost in a hole, so that references across it can be followed into the text before.
///
/// Every size is tried: the bytes that a piece behind the hole copies from before it become known, and lines come out.
/// Under the true size they are rows, and zlib would have chosen the same references; under another they are neither.
struct HoleSize {
    /// Text before the hole, at most 32 KiB and what the choices in it depend on; symbols above 255 are not known.
    let before: [UInt16]
    /// Text behind it: symbols above 255 stand for places before the piece, as in `Inflater.unknownWindow`.
    let piece: [UInt16]
    /// Of the piece; places count from its beginning.
    let symbols: [DeflateEcho.Symbol]
    let grammar: RowGrammar
    let echo: DeflateEcho

    /// Behind larger holes most bytes are copied from the hole itself, and too little is known to tell its size.
    private static let sizeMax = 6 << 10
    private static let sampleBytes = 8 << 10
    private static let echoBytes = 24 << 10
    private static let candidatesMax = 40
    /// What makes a size certain: good lines that hold copied bytes, and symbols zlib agrees to.
    private static let linesMin = 6
    private static let agreeingMin = 60
    private static let againstShareMax = 12

    private struct Score {
        let size: Int
        let good: Int
        let bad: Int
        var worth: Int { good - 4 * bad }
    }

    /// Nil when no size is certain.
    func find() -> Int? {
        var scores: [Score] = []
        for size in 0..<Self.sizeMax {
            let score = score(size, upTo: Self.sampleBytes)
            if score.worth >= 3 { scores.append(score) }
        }
        scores.sort { $0.worth > $1.worth }
        var best: (size: Int, agreeing: Int, against: Int)?
        var second = 0
        for candidate in scores.prefix(Self.candidatesMax) {
            let full = score(candidate.size, upTo: piece.count)
            guard full.good >= Self.linesMin, full.bad * 25 <= full.good else { continue }
            let result = agreement(candidate.size)
            guard result.agreeing >= Self.agreeingMin,
                result.against * Self.againstShareMax <= result.agreeing
            else { continue }
            let worth = result.agreeing - Self.againstShareMax * result.against
            if worth > best.map({ $0.agreeing - Self.againstShareMax * $0.against }) ?? 0 {
                second = best.map { $0.agreeing - Self.againstShareMax * $0.against } ?? 0
                best = (candidate.size, result.agreeing, result.against)
            } else {
                second = max(second, worth)
            }
        }
        // Two sizes that explain the piece alike explain nothing.
        guard let best, second * 2 < best.agreeing else { return nil }
        return best.size
    }

    /// The piece with the bytes that `size` makes known.
    func resolved(_ symbols: ArraySlice<UInt16>, size: Int) -> [UInt16] {
        symbols.map { $0 < 256 ? $0 : source(of: $0, size) ?? $0 }
    }

    @inline(__always)
    private func source(of symbol: UInt16, _ size: Int) -> UInt16? {
        let index = before.count + size - (MatchCodes.farthestMatch - Int(symbol - 256))
        guard index >= 0, index < before.count else { return nil }
        let value = before[index]
        return value < 256 ? value : nil
    }

    /// Judges the lines that hold copied bytes and are known whole.
    private func score(_ size: Int, upTo limit: Int) -> Score {
        var line = [UInt8](repeating: 0, count: 4096)
        var (length, good, bad) = (0, 0, 0)
        var (isOpen, isKnown, isCopied) = (false, true, false)
        piece.withUnsafeBufferPointer { piece in
            before.withUnsafeBufferPointer { before in
                let shift = before.count + size - MatchCodes.farthestMatch
                for position in 0..<min(limit, piece.count) {
                    var symbol = piece[position]
                    if symbol >= 256 {
                        let index = Int(symbol - 256) + shift
                        if index >= 0, index < before.count, before[index] < 256 {
                            symbol = before[index]
                            isCopied = true
                        }
                    }
                    if symbol == 10 {
                        if isOpen, isKnown, isCopied {
                            if isRow(line, length) { good += 1 } else { bad += 1 }
                            if bad > 3, bad > good { return }
                        }
                        (isOpen, isKnown, isCopied, length) = (true, true, false, 0)
                    } else if symbol >= 256 || length >= line.count {
                        isKnown = false
                    } else if isKnown {
                        line[length] = UInt8(truncatingIfNeeded: symbol)
                        length += 1
                    }
                }
            }
        }
        return Score(size: size, good: good, bad: bad)
    }

    private func isRow(_ line: [UInt8], _ length: Int) -> Bool {
        line.withUnsafeBufferPointer { grammar.check(UnsafeBufferPointer(rebasing: $0[..<length])) == .good }
    }

    /// How many symbols of the piece zlib would have chosen for the known text, and how many not.
    private func agreement(_ size: Int) -> (agreeing: Int, against: Int) {
        let count = min(piece.count, Self.echoBytes)
        let known = resolved(piece[..<count], size: size)
        var filler: UInt32 = 12345
        func stand(in symbol: UInt16) -> UInt16 {
            if symbol < 256 { return symbol }
            filler = filler &* 1_664_525 &+ 1_013_904_223
            return UInt16(128 + filler >> 25)
        }
        let history = min(before.count, echo.history)
        var text = before.suffix(history).map(stand)
        for _ in 0..<size { text.append(stand(in: 256)) }
        let start = text.count
        text += known.map(stand)
        return text.withUnsafeBufferPointer {
            echo.agreement($0, symbols, from: start, isKnown: { known[$0] < 256 })
        }
    }
}
