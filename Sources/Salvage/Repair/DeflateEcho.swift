internal import CZlib

/// Compresses a decoded text again and compares symbol by symbol: tells where a stream stops being what zlib wrote.
///
/// zlib always chooses the same literals and references for the same text, whatever stands in the blocks' headers. So
/// the first symbol that it would not have chosen lies at the damage, or a few symbols behind it, even where the text
/// still looks like rows; and a repaired bit shows by the agreement's going on. The choice at a place depends on the
/// 32 KiB before it and on up to 258 bytes behind it, which is how much earlier than the damage it may show.
///
/// Only for streams of zlib itself (pg_dump's are): whether a stream is one, and of which level, its beginning tells.
struct DeflateEcho {
    /// A symbol of a stream and where its text begins.
    struct Symbol {
        let place: Int
        let bit: Int
        let token: Token
    }

    /// The levels that agree with the beginning of the stream; they may differ later.
    let levels: [Int32]

    /// Text before a place on which the choice there depends. The fast levels do not remember every place: their
    /// choices most often agree after a longer run-up, and always when all text before is compressed again.
    var history: Int { levels.map { Self.history($0) }.max() ?? 0 }
    private static func history(_ level: Int32) -> Int { level > 3 ? 33 << 10 : 1 << 20 }
    var isFast: Bool { levels.contains { $0 <= 3 } }
    /// Text behind a place on which the choice there depends, at most.
    static let foresight = 262
    /// Two series of symbols that meet again do so within so many bytes.
    private static let meetingMax = 1024
    private static let sampleBytes = 96 << 10
    /// A shorter beginning that agrees does not tell the level.
    private static let agreementMin = 1500

    /// Nil when no level of zlib gives the stream's first symbols.
    init?(_ text: UnsafeBufferPointer<UInt16>, _ symbols: [Symbol]) {
        let end = min(text.count, Self.sampleBytes)
        var best = 0
        var levels: [Int32] = []
        for level: Int32 in [6, 9, 1, 2, 3, 4, 5, 7, 8] {
            let place = Self.parting(text, symbols, from: 0, to: end, level) ?? end
            guard place >= best else { continue }
            if place > best { levels = [] }
            (best, levels) = (place, levels + [level])
        }
        guard best >= min(Self.agreementMin, max(end, 1)) else { return nil }
        self.levels = levels
    }

    /// Where the first symbol from `start` on begins that zlib would not have chosen; nil when there is none up to
    /// `end`. Both count in `text`; a symbol or the end of the text must begin at `start`.
    func parting(
        _ text: UnsafeBufferPointer<UInt16>, _ symbols: [Symbol], from start: Int, to end: Int, isWhole: Bool = false
    ) -> Int? {
        var farthest = start
        for level in levels {
            guard let place = Self.parting(text, symbols, from: start, to: end, level, isWhole) else { return nil }
            farthest = max(farthest, place)
        }
        return farthest
    }

    private static func parting(
        _ text: UnsafeBufferPointer<UInt16>, _ symbols: [Symbol], from start: Int, to end: Int, _ level: Int32,
        _ isWhole: Bool = false
    ) -> Int? {
        let base = isWhole ? 0 : max(start - history(level), 0)
        let echo = echo(of: text[base..<min(end + foresight * 2, text.count)], level)
        var (own, other) = (firstIndex(symbols, at: start), 0)
        var place = base
        var next = start
        var meetingStart: Int? = start > 0 ? start : nil
        while own < symbols.count {
            let symbol = symbols[own]
            guard symbol.place < end else { return nil }
            if symbol.place > next { meetingStart = symbol.place }
            while other < echo.count, place < symbol.place {
                place += echo[other].length
                other += 1
            }
            guard other < echo.count else { return nil }
            if place == symbol.place, echo[other].isSame(as: symbol.token) {
                meetingStart = nil
            } else {
                guard let from = meetingStart else { return symbol.place }
                guard symbol.place - from < meetingMax else { return from }
            }
            next = symbol.place + symbol.token.length
            own += 1
        }
        return nil
    }

    /// How many symbols of a piece that begins at `start` zlib would have chosen too, and how many not. A symbol beside
    /// bytes that are not known says nothing.
    func agreement(
        _ text: UnsafeBufferPointer<UInt16>, _ symbols: [Symbol], from start: Int, isKnown: (Int) -> Bool
    ) -> (agreeing: Int, against: Int) {
        let count = text.count - start
        let echo = Self.echo(of: text[0..<text.count], levels[0])
        var (agreeing, against) = (0, 0)
        var (place, other) = (-start, 0)
        for (index, symbol) in symbols.enumerated() {
            let end = symbol.place + symbol.token.length
            guard end + Self.foresight < count else { break }
            while other < echo.count, place < symbol.place {
                place += echo[other].length
                other += 1
            }
            // A literal is chosen for the sake of what follows; nothing is said where that is not known.
            let next = index + 1 < symbols.count ? end + symbols[index + 1].token.length : end
            guard (symbol.place..<next).allSatisfy(isKnown) else { continue }
            if other < echo.count, place == symbol.place, echo[other].isSame(as: symbol.token) {
                agreeing += 1
            } else {
                against += 1
            }
        }
        return (agreeing, against)
    }

    static func firstIndex(_ symbols: [Symbol], at place: Int) -> Int {
        var (low, high) = (0, symbols.count)
        while low < high {
            let middle = (low + high) / 2
            if symbols[middle].place < place { low = middle + 1 } else { high = middle }
        }
        return low
    }

    /// The symbols zlib chooses for a text.
    private static func echo(of text: Slice<UnsafeBufferPointer<UInt16>>, _ level: Int32) -> [Token] {
        var bytes = text.map { UInt8(truncatingIfNeeded: $0) }
        var stream = z_stream()
        let size = Int32(MemoryLayout<z_stream>.size)
        guard deflateInit2_(&stream, level, Z_DEFLATED, -15, 8, Z_DEFAULT_STRATEGY, ZLIB_VERSION, size) == Z_OK else {
            return []
        }
        defer { deflateEnd(&stream) }
        var output = [UInt8](repeating: 0, count: Int(deflateBound(&stream, UInt(bytes.count))) + 64)
        let capacity = output.count
        bytes.withUnsafeMutableBufferPointer { source in
            output.withUnsafeMutableBufferPointer { target in
                stream.next_in = source.baseAddress
                stream.avail_in = UInt32(truncatingIfNeeded: source.count)
                stream.next_out = target.baseAddress
                stream.avail_out = UInt32(truncatingIfNeeded: capacity)
                _ = deflate(&stream, Z_FINISH)
            }
        }
        output.removeLast(Int(stream.avail_out))
        let inflater = Inflater(DeflateInput(output), at: 0)
        inflater.tokens = []
        _ = inflater.run(until: .max)
        return (inflater.tokens ?? []).filter { $0.length > 0 }
    }
}

/// Follows a scanned stream and its echo side by side.
final class EchoScan {
    /// Where stream and echo part.
    struct Parting {
        /// Of the symbol, in the text and in the stream.
        let place: Int
        let bit: Int
        /// Text made before it by the last symbols that agree: damage is rarely so far before the parting.
        let sure: Int
    }

    let scan: TextScan
    private(set) var echo: DeflateEcho?
    /// Up to here stream and echo agree.
    private var agreed = 0
    private static let stretch = 192 << 10
    /// Of the fast levels, which are compressed again from the beginning.
    private static let fastBytesMax = 64 << 20
    /// Symbols read from damaged bits agree by chance; hardly ever so many in a row.
    private static let chanceMax = 24

    init(_ scan: TextScan) { self.scan = scan }

    /// Follows from `place` (a place already followed) to the end of the scanned text; nil when they never part.
    func run(from place: Int) -> Parting? {
        let inflater = scan.inflater
        let kept = inflater.state
        defer {
            inflater.state = kept
            inflater.tokens = nil
        }
        let end = kept.count
        guard prepare(end), let echo, !echo.isFast || end <= Self.fastBytesMax else { return nil }
        let stretch = echo.isFast ? Int.max : Self.stretch
        agreed = min(agreed, place)
        var index = scan.steps.lastIndex { $0.state.count + DeflateEcho.foresight * 2 <= agreed } ?? 0
        var symbols: [DeflateEcho.Symbol] = []
        while index < scan.steps.count {
            var next = index + 1
            while next < scan.steps.count, scan.steps[next].state.count - agreed < stretch { next += 1 }
            let limit = next < scan.steps.count ? scan.steps[next].state.count : end
            symbols.removeAll { $0.place < agreed - 4096 }
            symbols += Self.symbols(inflater, from: scan.steps[index].state, to: limit)
            let isLast = next >= scan.steps.count
            let goal = isLast ? limit : limit - DeflateEcho.foresight * 2
            let parted = inflater.text.withUnsafeBufferPointer {
                echo.parting(
                    UnsafeBufferPointer(rebasing: $0[..<limit]), symbols, from: agreed, to: goal, isWhole: echo.isFast)
            }
            if let parted { return parting(at: parted, symbols) }
            agreed = max(symbols.last { $0.place < goal }?.place ?? agreed, agreed)
            index = next
        }
        return nil
    }

    private func parting(at place: Int, _ symbols: [DeflateEcho.Symbol]) -> Parting? {
        guard let index = symbols.firstIndex(where: { $0.place == place }) else { return nil }
        let sure = index >= Self.chanceMax ? symbols[index - Self.chanceMax].place : 0
        agreed = sure
        return Parting(place: place, bit: symbols[index].bit, sure: sure)
    }

    /// Finds the level once.
    private func prepare(_ end: Int) -> Bool {
        if echo != nil { return true }
        guard let first = scan.steps.first else { return false }
        let limit = min(end, 96 << 10)
        let symbols = Self.symbols(scan.inflater, from: first.state, to: limit)
        echo = scan.inflater.text.withUnsafeBufferPointer {
            DeflateEcho(UnsafeBufferPointer(rebasing: $0[..<limit]), symbols)
        }
        return echo != nil
    }

    /// Decodes again, for the symbols.
    static func symbols(_ inflater: Inflater, from state: Inflater.State, to end: Int) -> [DeflateEcho.Symbol] {
        inflater.state = state
        var symbols: [DeflateEcho.Symbol] = []
        while inflater.state.count < end {
            var place = inflater.state.count
            var bit = inflater.state.position
            if case .header = inflater.state.place {
                guard case .success(let header) = BlockHeader.read(inflater.input, at: bit) else { break }
                bit = header.end
            }
            inflater.tokens = []
            let stop = inflater.runBlock(until: end)
            for token in inflater.tokens ?? [] {
                if token.length > 0 { symbols.append(DeflateEcho.Symbol(place: place, bit: bit, token: token)) }
                place += token.length
                bit += token.bits
            }
            if stop != .full && stop != .blockEnd { break }
        }
        inflater.tokens = nil
        return symbols
    }
}
