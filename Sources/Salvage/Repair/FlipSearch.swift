/// Looks for the one bit whose turning makes the text good where it shows damage.
///
/// A wrong bit before a sign of damage is rarely far before it: a code read wrongly makes the text longer or shorter,
/// and every reference across that place then brings wrong bytes. So bits are tried backwards from the sign, in growing
/// windows, and always those of the headers of the blocks at hand; each trial goes on from the symbol it changes and
/// ends at the first line that can not be. Flips that change bytes but no lengths can show very late; they are
/// found by `InSyncFlips`.
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
    }

    let input: DeflateInput
    let scan: TextScan
    let evidence: TextScan.Evidence
    let budget: Budget

    /// Windows before the sign of damage, in bits.
    private static let windows = [512 * 8, 4096 * 8, 24576 * 8]
    /// How far the text must be good behind the sign before a bit is looked at closer, and how far then.
    private static let firstReach = 4096
    private static let farReach = 256 << 10

    /// A place in the stream at which a trial can begin.
    private struct Point {
        let bit: Int
        let count: Int
        /// Nil: a block's header begins here.
        let codes: BlockCodes?
        let isFinal: Bool
    }

    static let windowCount = windows.count

    /// The best candidates of one window; the first is the nearest.
    func candidates(inWindow index: Int) -> [Candidate] {
        let upper = index == 0 ? evidence.bit + 64 : max(evidence.bit - Self.windows[index - 1], 0)
        let lower = max(evidence.bit - Self.windows[index], 0)
        var found = search(lower..<max(min(upper, input.bitCount), lower), headersOnly: false)
        if index == 0 { found += searchHeaders(before: lower) }
        return Self.best(found)
    }

    private static func best(_ found: [Candidate]) -> [Candidate] {
        Array(found.sorted { ($0.isWhole ? 1 : 0, $0.reach) > ($1.isWhole ? 1 : 0, $1.reach) }.prefix(4))
    }

    /// The headers of the block in which the damage shows and of the one before it, when they lie before `bit`.
    private func searchHeaders(before bit: Int) -> [Candidate] {
        let (points, _) = trace(from: scan.step(beforeBit: max(bit - 1, 0)), upTo: evidence.bit + 1)
        let starts =
            points.filter { $0.codes == nil }.map(\.bit) + [scan.step(beforeBit: max(bit - 1, 0)).state.blockStart]
        var found: [Candidate] = []
        for start in starts.sorted().suffix(2) where start < bit {
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
        var trial = Trial(search: self, marks: marks, base: max(step.state.count - MatchCodes.farthestMatch, 0))
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

        init(search: FlipSearch, marks: [TextScan.Step], base: Int) {
            self.search = search
            self.marks = marks
            let lineStart = marks.first?.lineStart ?? 0
            self.base = min(base, lineStart)
            let count = search.scan.inflater.state.count
            scratch = Inflater(search.input, at: 0, window: Array(search.scan.inflater.text[self.base..<count]))
            markIndex = marks.count - 1
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
            let goal = search.evidence.textEnd - base + FlipSearch.firstReach
            guard let isWhole = extend(&cursor, to: goal, from: 192) else { return nil }
            if isWhole { return Candidate(bit: bit, reach: base + scratch.state.count, isWhole: true) }
            let far = extend(&cursor, to: goal + FlipSearch.farReach, from: 16 << 10)
            let reach = far == nil ? base + cursor.lineStart : base + scratch.state.count
            return Candidate(bit: bit, reach: reach, isWhole: far ?? false)
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
                    return (scratch.state.position + 7) / 8 + 4 <= search.input.count ? true : nil
                case .full, .blockEnd: break
                }
                step = min(step * 2, 16 << 10)
            }
            return false
        }
    }
}
