/// Deflate (RFC 1951), for damaged streams: can begin at any bit, stops where one wants, knows where it failed.
///
/// The text is kept as 16-bit symbols: 0 to 255 are bytes; above stand bytes that are not known, numbered. zlib stays
/// the reader of intact streams, and the judge of every repair.
final class Inflater {
    enum Place {
        case header
        case codes(BlockCodes, isFinal: Bool)
        case stored(left: Int, isFinal: Bool)
        case done

        var isDone: Bool {
            if case .done = self { true } else { false }
        }
    }

    /// Everything but the text: what is needed to go on from here.
    struct State {
        var position: Int
        var count: Int
        var place: Place
        /// Where the open block's header begins.
        var blockStart: Int
    }

    enum Stop: Equatable {
        /// The text has the length asked for, or more: a match is not cut.
        case full
        case blockEnd
        case end
        case failed(InflateFailure)
    }

    let input: DeflateInput
    var state: State
    /// Valid up to `state.count`.
    var text: [UInt16]
    /// When not nil, every symbol read is added: see `Token`.
    var tokens: [Token]?

    /// - Parameter window: the text before; a reference beyond it is a failure.
    init(_ input: DeflateInput, at position: Int, window: [UInt16] = []) {
        self.input = input
        text = window
        state = State(position: position, count: window.count, place: .header, blockStart: position)
    }

    /// Numbered unknowns, for a start in the middle: the farthest byte back is number 0.
    static let unknownWindow: [UInt16] = (0..<MatchCodes.farthestMatch).map { UInt16(256 + $0) }

    /// Decodes until the text holds `limit` symbols, the stream ends or breaks.
    func run(until limit: Int) -> Stop {
        while true {
            let stop = runBlock(until: limit)
            if stop != .blockEnd { return stop }
        }
    }

    /// As `run`, but stops behind every block too.
    func runBlock(until limit: Int) -> Stop {
        let stop = decodeBlock(until: min(limit, input.textMax))
        return stop == .full && limit > input.textMax ? .failed(.textTooLong) : stop
    }

    private func decodeBlock(until limit: Int) -> Stop {
        if case .done = state.place { return .end }
        guard state.count < limit else { return .full }
        if case .header = state.place {
            state.blockStart = state.position
            switch BlockHeader.read(input, at: state.position) {
            case .failure(let failure): return .failed(failure)
            case .success(let header):
                state.position = header.end
                switch header.content {
                case .stored(let bytes): state.place = .stored(left: bytes, isFinal: header.isFinal)
                case .coded(let codes): state.place = .codes(codes, isFinal: header.isFinal)
                }
            }
        }
        switch state.place {
        case .stored(let left, let isFinal): return runStored(left, isFinal, limit)
        case .codes(let codes, let isFinal):
            let stop = runCodes(codes, limit)
            if stop == .blockEnd { return endBlock(isFinal) }
            return stop
        case .header, .done: return .end
        }
    }

    private func endBlock(_ isFinal: Bool) -> Stop {
        state.place = isFinal ? .done : .header
        return isFinal ? .end : .blockEnd
    }

    private func runStored(_ left: Int, _ isFinal: Bool, _ limit: Int) -> Stop {
        let start = state.position >> 3
        let wanted = min(left, limit - state.count)
        let taken = max(min(wanted, input.count - start), 0)
        reserve(state.count + taken)
        for index in 0..<taken { text[state.count + index] = UInt16(input.padded[start + index]) }
        state.count += taken
        state.position += taken * 8
        if taken == left { return endBlock(isFinal) }
        state.place = .stored(left: left - taken, isFinal: isFinal)
        return taken < wanted ? .failed(.inputEnds) : .full
    }

    private func reserve(_ count: Int) {
        guard text.count < count else { return }
        let wanted = max(count, min(text.count * 2, text.count + 16 << 20))
        text.reserveCapacity(wanted)
        text.append(contentsOf: repeatElement(0, count: wanted - text.count))
    }

    private func runCodes(_ codes: BlockCodes, _ limit: Int) -> Stop {
        while state.count < limit {
            let step = min(limit, state.count + 64 << 10)
            reserve(step + MatchCodes.longestMatch)
            let stop = input.padded.withUnsafeBytes { raw in
                text.withUnsafeMutableBufferPointer { out in
                    codes.literals.fast.withUnsafeBufferPointer { literals in
                        codes.distances.fast.withUnsafeBufferPointer { distances in
                            decode(raw, out, literals, distances, codes, step)
                        }
                    }
                }
            }
            if stop != .full { return stop }
        }
        return .full
    }

    /// The hot loop. `out` has room for `limit` symbols and one match; both tables have 1024 entries.
    private func decode(
        _ raw: UnsafeRawBufferPointer, _ out: UnsafeMutableBufferPointer<UInt16>,
        _ literals: UnsafeBufferPointer<UInt16>, _ distances: UnsafeBufferPointer<UInt16>, _ codes: BlockCodes,
        _ limit: Int
    ) -> Stop {
        var position = state.position
        var count = state.count
        defer {
            state.position = position
            state.count = count
        }
        let end = input.bitCount
        while count < limit {
            guard position < end else { return .failed(.inputEnds) }
            let token = Token.read(DeflateInput.peek(raw, position), literals, distances, codes)
            guard token.bits > 0 else {
                return .failed(position + 48 > end ? .inputEnds : .symbol)
            }
            guard position + token.bits <= end else { return .failed(.inputEnds) }
            if token.length == 1 {
                out[count] = token.literal
                count += 1
            } else if token.length == 0 {
                position += token.bits
                tokens?.append(token)
                return .blockEnd
            } else {
                let distance = token.distance
                guard distance <= count else { return .failed(.distance) }
                for index in count..<(count + token.length) { out[index] = out[index - distance] }
                count += token.length
            }
            position += token.bits
            tokens?.append(token)
        }
        return .full
    }
}

/// One symbol of a block: a literal, a match, or the block's end; 32 bits.
struct Token: Equatable {
    private let packed: UInt32

    /// How many bits of the stream it takes; 0 when the bits stand for nothing.
    var bits: Int { Int(packed & 63) }
    /// Of the text it makes: 0 for the block's end, 1 for a literal, 3 to 258 for a match.
    var length: Int { Int(packed >> 6 & 511) }
    /// Of a match.
    var distance: Int { Int(packed >> 15) + 1 }
    /// Of a literal.
    var literal: UInt16 { UInt16(truncatingIfNeeded: packed >> 15) }

    private init(_ packed: UInt32) { self.packed = packed }

    static let invalid = Token(0)

    /// Whether it makes the same text in the same way, in however many bits.
    func isSame(as other: Token) -> Bool { packed >> 6 == other.packed >> 6 }

    @inline(__always)
    static func read(
        _ word: UInt64, _ literals: UnsafeBufferPointer<UInt16>, _ distances: UnsafeBufferPointer<UInt16>,
        _ codes: BlockCodes
    ) -> Token {
        var entry = UInt32(literals[Int(word & 1023)])
        if entry == 0 { entry = codes.literals.slow(word) }
        guard entry != 0 else { return invalid }
        let symbol = Int(entry >> 4)
        let used = entry & 15
        if symbol < 256 { return Token(UInt32(symbol) << 15 | 1 << 6 | used) }
        if symbol == 256 { return Token(used) }
        return match(symbol - 257, word >> UInt64(used), used, distances, codes)
    }

    @inline(__always)
    private static func match(
        _ symbol: Int, _ word: UInt64, _ used: UInt32, _ distances: UnsafeBufferPointer<UInt16>, _ codes: BlockCodes
    ) -> Token {
        guard symbol < 29 else { return invalid }
        let lengthExtra = UInt64(MatchCodes.lengthExtra[symbol])
        let length = UInt32(MatchCodes.lengthBase[symbol]) + UInt32(word & (1 << lengthExtra - 1))
        let rest = word >> lengthExtra
        var entry = UInt32(distances[Int(rest & 1023)])
        if entry == 0 { entry = codes.distances.slow(rest) }
        guard entry != 0, entry >> 4 < 30 else { return invalid }
        let distanceExtra = UInt64(MatchCodes.distanceExtra[Int(entry >> 4)])
        let codeBits = UInt64(entry & 15)
        let distance =
            UInt32(MatchCodes.distanceBase[Int(entry >> 4)]) + UInt32(rest >> codeBits & (1 << distanceExtra - 1))
        let bits = used + UInt32(lengthExtra + codeBits + distanceExtra)
        return Token((distance - 1) << 15 | length << 6 | bits)
    }

    static func read(_ word: UInt64, _ codes: BlockCodes) -> Token {
        codes.literals.fast.withUnsafeBufferPointer { literals in
            codes.distances.fast.withUnsafeBufferPointer { distances in read(word, literals, distances, codes) }
        }
    }
}
