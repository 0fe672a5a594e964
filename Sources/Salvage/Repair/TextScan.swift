/// Decodes a damaged stream from its beginning and looks for the first sign of damage: a code that is none, a line that
/// can not stand where it does.
final class TextScan {
    /// The first sign. The damage lies before it.
    struct Evidence {
        /// The bit at which it shows.
        let bit: Int
        /// Where the text stops being good: the beginning of the bad line, or of the one that is open at the failure.
        let textOffset: Int
        /// Where it shows in the text.
        let textEnd: Int
        let failure: InflateFailure?
    }

    /// A state to go back to.
    struct Step {
        let state: Inflater.State
        let judge: LineJudge
        let lineStart: Int
    }

    let inflater: Inflater
    private(set) var steps: [Step] = []
    private(set) var longestLine = 0
    /// The end of deflate data, when it was reached.
    private(set) var end: Int?
    private static let stepSymbols = 64 << 10

    init(_ input: DeflateInput, _ wrapper: DeflateWrapper, _ judge: LineJudge) {
        inflater = Inflater(input, at: wrapper.dataStart * 8)
        steps = [Step(state: inflater.state, judge: judge, lineStart: 0)]
    }

    /// Goes on from the last step at or before `bit`; nil when the text is good to its end.
    func run(from bit: Int = 0) -> Evidence? {
        while let last = steps.last, steps.count > 1, last.state.position > bit { steps.removeLast() }
        end = nil
        while let step = steps.last {
            inflater.state = step.state
            let stop = inflater.run(until: step.state.count + Self.stepSymbols)
            var cursor = LineCursor(judge: step.judge, lineStart: step.lineStart)
            let isGood = cursor.take(inflater.text, upTo: inflater.state.count)
            longestLine = max(longestLine, cursor.longestLine)
            if !isGood { return badLine(cursor, since: step) }
            switch stop {
            case .failed(let failure):
                return Evidence(
                    bit: inflater.state.position, textOffset: cursor.lineStart, textEnd: inflater.state.count,
                    failure: failure)
            case .end:
                end = inflater.state.position
                return nil
            case .full, .blockEnd:
                steps.append(Step(state: inflater.state, judge: cursor.judge, lineStart: cursor.lineStart))
            }
        }
        return nil
    }

    private func badLine(_ cursor: LineCursor, since step: Step) -> Evidence {
        let (count, position) = (inflater.state.count, inflater.state.position)
        inflater.state = step.state
        _ = inflater.run(until: cursor.position)
        let bit = inflater.state.position
        inflater.state.count = count
        inflater.state.position = max(position, bit)
        return Evidence(bit: bit, textOffset: cursor.lineStart, textEnd: cursor.position, failure: nil)
    }

    /// The last step at or before both.
    func step(beforeBit bit: Int) -> Step { steps.last { $0.state.position <= bit } ?? steps[0] }
}

/// Cuts a decoded text into lines and has them judged.
struct LineCursor {
    var judge: LineJudge
    var lineStart: Int
    /// Up to where the text has been looked at.
    private(set) var position: Int
    private(set) var longestLine = 0
    private var line: [UInt8] = []

    init(judge: LineJudge, lineStart: Int) {
        self.judge = judge
        self.lineStart = lineStart
        position = lineStart
    }

    /// False at the first line that can not be; `lineStart` and `position` tell where.
    mutating func take(_ text: [UInt16], upTo count: Int) -> Bool {
        text.withUnsafeBufferPointer { symbols in
            var index = position
            while index < min(count, symbols.count) {
                if symbols[index] == 10 {
                    line.removeAll(keepingCapacity: true)
                    for symbol in symbols[lineStart..<index] { line.append(UInt8(truncatingIfNeeded: symbol)) }
                    let isGood = line.withUnsafeBufferPointer { judge.accepts($0) }
                    position = index + 1
                    guard isGood else { return false }
                    longestLine = max(longestLine, line.count)
                    lineStart = index + 1
                }
                index += 1
            }
            position = index
            return true
        }
    }
}
