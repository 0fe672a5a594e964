/// Looks for the one bit whose turning makes the text good where it shows damage.
///
/// Each trial goes on from the symbol that the bit changes and ends at the first line that can not be. When the stream
/// can be compared with its echo, the damage lies within a few hundred bytes of text of the place where they part, and
/// a bit is only taken when both agree again behind it. Otherwise bits are tried backwards from the sign, in growing
/// windows: a code read wrongly makes the text longer or shorter, and every reference across that place then brings
/// wrong bytes, so that damage is rarely far before its sign. Flips that change bytes but no lengths can show very
/// late; they are found by `InSyncFlips`.
struct FlipSearch {
    /// Work is counted in symbols decoded, so that the same damage always ends the same way.
    final class Budget {
        var symbolsLeft: Int
        init(symbols: Int) { symbolsLeft = symbols }
        var isSpent: Bool { symbolsLeft <= 0 }
    }

    struct Candidate {
        let bit: Int
        /// How far the text is good with it.
        let reach: Int
        let isWhole: Bool
        /// Where the text begins that it changes.
        let place: Int
    }

    let input: DeflateInput
    /// Of the checksum behind the data.
    let trailerBytes: Int
    let scan: TextScan
    let evidence: TextScan.Evidence
    let echo: DeflateEcho?
    let budget: Budget

    /// Bits around the sign of damage, window by window, without and with an echo.
    private static let windows = [-4096..<64, -32768..<(-4096), -196_608..<(-32768)]
    private static let echoWindows = [-1200..<2600, -32768..<(-1200)]
    /// A block's header takes no more bits.
    private static let headerBits = 2600
    /// How far the text must be good behind the sign before a bit is looked at closer, and how far then.
    private var firstReach: Int { echo == nil ? 4096 : 1536 }
    private var history: Int { echo?.history ?? MatchCodes.farthestMatch }
    private var farReach: Int { echo == nil ? 256 << 10 : 64 << 10 }

    /// A place in the stream at which a trial can begin.
    private struct Point {
        let bit: Int
        let count: Int
        /// Nil: a block's header begins here.
        let codes: BlockCodes?
        let isFinal: Bool
    }

    var windowCount: Int { echo == nil ? Self.windows.count : Self.echoWindows.count }

    /// The best candidates of one window.
    func candidates(inWindow index: Int) -> [Candidate] {
        let window = echo == nil ? Self.windows[index] : Self.echoWindows[index]
        let lower = max(evidence.bit + window.lowerBound, 0)
        var upper = max(evidence.bit + window.upperBound, 0)
        if index == 0, evidence.failure?.isInHeader == true { upper = evidence.bit + Self.headerBits }
        var found = search(lower..<max(min(upper, input.bitCount), lower), headersOnly: false)
        if index == 0 { found += searchHeaders(before: lower) }
        return best(found)
    }

    /// Without an echo some; with one, those that bring stream and echo together for as long as the best does.
    private func best(_ found: [Candidate]) -> [Candidate] {
        let sorted = found.sorted { ($0.isWhole ? 1 : 0, $0.reach) > ($1.isWhole ? 1 : 0, $1.reach) }
        guard echo != nil, let first = sorted.first else { return Array(sorted.prefix(4)) }
        return Array(sorted.filter { $0.isWhole == first.isWhole && $0.reach + 512 >= first.reach }.prefix(6))
    }

    /// The headers of the block in which the damage shows and of the one before it, when they lie before `bit`.
    private func searchHeaders(before bit: Int) -> [Candidate] {
        let (points, _) = trace(from: scan.step(beforeBit: max(bit - 1, 0)), upTo: evidence.bit + 1)
        let starts =
            points.filter { $0.codes == nil }.map(\.bit) + [scan.step(beforeBit: max(bit - 1, 0)).state.blockStart]
        var found: [Candidate] = []
        for start in Set(starts).sorted().suffix(2) where start < bit {
            guard case .success(let header) = BlockHeader.read(input, at: start) else { continue }
            found += search(start..<min(header.end, bit), headersOnly: true)
        }
        return found
    }

    /// Tries the bits of `range`, the last first.
    private func search(_ range: Range<Int>, headersOnly: Bool) -> [Candidate] {
        guard !range.isEmpty else { return [] }
        var step = scan.step(beforeBit: range.lowerBound)
        if headersOnly { step = scan.step(beforeBit: range.lowerBound - 1) }
        let (points, marks) = trace(from: step, upTo: max(range.upperBound, evidence.bit))
        let lead = echo == nil ? [] : symbols(from: step)
        var trial = Trial(search: self, lead: lead, marks: marks, base: max(step.state.count - history, 0))
        var found: [Candidate] = []
        var bit = range.upperBound
        var index = points.count - 1
        while bit > range.lowerBound, !budget.isSpent {
            bit -= 1
            while index >= 0, points[index].bit > bit { index -= 1 }
            guard index >= 0 else { break }
            if let candidate = trial.run(bit, from: points[index]) { found.append(candidate) }
        }
        return found
    }

    /// The symbols from a step on to a little behind the sign.
    private func symbols(from step: TextScan.Step) -> [DeflateEcho.Symbol] {
        let kept = scan.inflater.state
        defer { scan.inflater.state = kept }
        return EchoScan.symbols(
            scan.inflater, from: step.state, to: min(evidence.textEnd + DeflateEcho.foresight * 4, kept.count))
    }

    /// The places where symbols and headers begin from a step on, and the beginnings of lines.
    private func trace(from step: TextScan.Step, upTo bit: Int) -> ([Point], [TextScan.Step]) {
        let inflater = scan.inflater
        var points: [Point] = []
        var marks = [TextScan.Step(state: step.state, judge: step.judge, lineStart: step.lineStart)]
        inflater.state = step.state
        while inflater.state.position < bit {
            let before = inflater.state
            var start = before.position
            var codes: BlockCodes?
            var isFinal = false
            if case .header = before.place {
                points.append(Point(bit: start, count: before.count, codes: nil, isFinal: false))
                guard case .success(let header) = BlockHeader.read(input, at: start) else { break }
                start = header.end
                isFinal = header.isFinal
                if case .coded(let block) = header.content { codes = block }
            } else if case .codes(let block, let final) = before.place {
                (codes, isFinal) = (block, final)
            }
            inflater.tokens = []
            let stop = inflater.runBlock(until: before.count + 32 << 10)
            var count = before.count
            for token in inflater.tokens ?? [] {
                points.append(Point(bit: start, count: count, codes: codes, isFinal: isFinal))
                start += token.bits
                count += token.length
            }
            if let codes { points.append(Point(bit: start, count: count, codes: codes, isFinal: isFinal)) }
            inflater.tokens = nil
            if case .failed = stop { break }
            if stop == .end { break }
        }
        mark(&marks, inflater)
        budget.symbolsLeft -= inflater.state.count - step.state.count
        return (points, marks)
    }

    /// Adds a mark for every line, as far as lines are good.
    private func mark(_ marks: inout [TextScan.Step], _ inflater: Inflater) {
        guard let first = marks.first else { return }
        var cursor = LineCursor(judge: first.judge, lineStart: first.lineStart)
        let text = inflater.text
        var next = first.lineStart
        while let newline = text[next..<inflater.state.count].firstIndex(of: 10) {
            guard cursor.take(text, upTo: newline + 1) else { return }
            next = newline + 1
            marks.append(TextScan.Step(state: first.state, judge: cursor.judge, lineStart: next))
        }
    }

    /// Decodes with one bit turned, on a copy of the text around.
    private struct Trial {
        let search: FlipSearch
        let marks: [TextScan.Step]
        /// Where the copy begins in the text.
        let base: Int
        private let scratch: Inflater
        private var markIndex: Int
        /// The symbols up to a little behind the sign of damage, as they are; places in the copy.
        private let lead: [DeflateEcho.Symbol]
        private let sign: Int

        init(search: FlipSearch, lead: [DeflateEcho.Symbol], marks: [TextScan.Step], base: Int) {
            self.search = search
            self.marks = marks
            let lineStart = marks.first?.lineStart ?? 0
            self.base = min(base, lineStart)
            let count = search.scan.inflater.state.count
            scratch = Inflater(search.input, at: 0, window: Array(search.scan.inflater.text[self.base..<count]))
            markIndex = marks.count - 1
            let copied = self.base
            sign = search.evidence.textOffset - copied
            self.lead = lead.map { DeflateEcho.Symbol(place: $0.place - copied, bit: $0.bit, token: $0.token) }
        }

        /// Nil when the text is not good with `bit` turned. Bits must come in falling order: the copy is overwritten.
        mutating func run(_ bit: Int, from point: Point) -> Candidate? {
            while markIndex > 0, marks[markIndex].lineStart > point.count { markIndex -= 1 }
            let mark = marks[markIndex]
            var state = scratch.state
            state.position = point.bit
            state.count = point.count - base
            state.blockStart = point.bit
            state.place = point.codes.map { .codes($0, isFinal: point.isFinal) } ?? .header
            scratch.state = state
            search.input.flip(bit)
            defer { search.input.flip(bit) }
            var cursor = LineCursor(judge: mark.judge, lineStart: mark.lineStart - base)
            let goal = max(search.evidence.textEnd - base, state.count) + search.firstReach
            guard let isWhole = extend(&cursor, to: goal, from: 192) else { return nil }
            if search.echo != nil, echoes(state) != nil { return nil }
            if isWhole {
                return Candidate(bit: bit, reach: base + scratch.state.count, isWhole: true, place: point.count)
            }
            let far = extend(&cursor, to: goal + search.farReach, from: 16 << 10)
            var reach = far == nil ? base + cursor.lineStart : base + scratch.state.count
            let parting = echoes(state)
            if let parting { reach = min(reach, base + parting) }
            return Candidate(bit: bit, reach: reach, isWhole: far == true && parting == nil, place: point.count)
        }

        /// Where the copy's text from `state` on parts from its echo.
        private func echoes(_ state: Inflater.State) -> Int? {
            guard let echo = search.echo else { return nil }
            let (reached, count) = (scratch.state, scratch.state.count)
            let own = EchoScan.symbols(scratch, from: state, to: count)
            scratch.state = reached
            // The choices shortly before the bit depend on what it changes.
            let first = DeflateEcho.firstIndex(lead, at: min(state.count - DeflateEcho.foresight, sign))
            let symbols = lead[first...].prefix { $0.place < state.count } + own
            var goal = count
            if case .done = reached.place {} else { goal = max(count - 2 * DeflateEcho.foresight, state.count) }
            search.budget.symbolsLeft -= count - state.count + search.history
            return scratch.text.withUnsafeBufferPointer {
                echo.parting(
                    UnsafeBufferPointer(rebasing: $0[..<count]), Array(symbols),
                    from: symbols.first?.place ?? state.count, to: goal)
            }
        }

        /// True when the stream ends well, false when `goal` is reached, nil when the text turns bad before.
        private func extend(_ cursor: inout LineCursor, to goal: Int, from first: Int) -> Bool? {
            var step = first
            let lineMax = search.scan.longestLine * 2 + 1024
            while scratch.state.count < goal {
                let before = scratch.state.count
                let stop = scratch.run(until: min(before + step, goal))
                search.budget.symbolsLeft -= scratch.state.count - before + 32
                guard cursor.take(scratch.text, upTo: scratch.state.count) else { return nil }
                guard scratch.state.count - cursor.lineStart <= lineMax else { return nil }
                switch stop {
                case .failed: return nil
                case .end:
                    return (scratch.state.position + 7) / 8 + search.trailerBytes == search.input.count ? true : nil
                case .full, .blockEnd: break
                }
                step = min(step * 2, 16 << 10)
            }
            return false
        }
    }
}
