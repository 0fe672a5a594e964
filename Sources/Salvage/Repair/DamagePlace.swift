/// How far the text before a sign of damage is above doubt.
///
/// Where the damage is known (a run of zeros, the end of a cut stream, a turned bit), all text made from bits before it
/// is. Otherwise it shows behind its place: the stream's echo tells it within a few symbols; without one, the last rows
/// before the sign are not called intact.
struct DamagePlace {
    /// Rows before the sign that are not called intact when there is no echo.
    static let guardRows = 64

    /// Behind the last whole line before the sign.
    let textEnd: Int
    /// Rows that end here or before are intact.
    private let sureEnd: Int
    private let guarded: Int
    /// Rows that would read otherwise with one of several bits turned that explain the checksum alike.
    private var doubtful: Set<Int> = []

    init(
        _ scan: TextScan, _ evidence: TextScan.Evidence?, zeros: Range<Int>?, isCut: Bool, turned: [Int],
        _ equals: [Int]
    ) {
        let echo = EchoScan(scan)
        let parting = echo.run(from: 0)
        let count = scan.inflater.state.count
        var end = evidence?.textOffset ?? count
        var sure = end
        if let zeros {
            end = min(Self.textCount(at: zeros.lowerBound * 8, scan), end)
            sure = end
        } else if isCut {
            sure = count
        }
        let isPlaceKnown = zeros != nil || isCut
        if let parting, !(isPlaceKnown && parting.place + DeflateEcho.foresight >= sure) {
            sure = min(sure, parting.sure)
        }
        if !isPlaceKnown, evidence != nil { sure = min(sure, Self.rowStart(before: end, scan)) }
        if let first = turned.min() { sure = min(sure, Self.textCount(at: first, scan)) }
        textEnd = end
        sureEnd = sure
        guarded = isPlaceKnown || echo.echo != nil || evidence == nil ? 0 : Self.guardRows
        if turned.isEmpty, !equals.isEmpty { doubtful = Self.differing(scan, equals) }
    }

    /// - Parameter rest: how many lines there are from this one on.
    func confidence(of line: Range<Int>, isAmongLast rest: Int) -> Confidence {
        guard line.upperBound < sureEnd, rest > guarded else { return .inferred(score: 0.5) }
        return doubtful.contains(line.lowerBound) ? .inferred(score: 0.5) : .intact
    }

    /// Where the row begins that ends before `place`.
    private static func rowStart(before place: Int, _ scan: TextScan) -> Int {
        let text = scan.inflater.text
        var start = max(place - 1, 0)
        while start > 0, text[start - 1] != 10 { start -= 1 }
        return start
    }

    /// The beginnings of lines that one of `bits` would change.
    private static func differing(_ scan: TextScan, _ bits: [Int]) -> Set<Int> {
        let count = scan.inflater.state.count
        let text = scan.inflater.text[..<count]
        var starts: Set<Int> = []
        guard let first = scan.steps.first else { return starts }
        for bit in bits.prefix(32) {
            scan.inflater.input.flip(bit)
            defer { scan.inflater.input.flip(bit) }
            let other = Inflater(scan.inflater.input, at: first.state.position)
            _ = other.run(until: count)
            var start = 0
            for index in text.indices {
                if index >= other.state.count || other.text[index] != text[index] { starts.insert(start) }
                if text[index] == 10 { start = index + 1 }
            }
        }
        return starts
    }

    /// How much text was made by whole symbols before `bit`.
    private static func textCount(at bit: Int, _ scan: TextScan) -> Int {
        let inflater = scan.inflater
        let kept = inflater.state
        defer { inflater.state = kept }
        inflater.state = scan.step(beforeBit: bit).state
        var count = inflater.state.count
        while inflater.state.position <= bit, count < kept.count {
            count = inflater.state.count
            guard inflater.run(until: count + 1) == .full else { break }
        }
        return count
    }
}
