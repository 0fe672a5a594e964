/// How far the text before a sign of damage is above doubt.
///
/// Where the damage is known (a run of zeros, the end of a cut stream, a turned bit), all text made from bits before it
/// is. Otherwise it shows behind its place: the stream's echo tells it within a few symbols; without one, the last rows
/// before the sign are not called intact.
struct DamagePlace {
    /// Rows before the sign that are not called intact when there is no echo.
    static let guardRows = 64
    /// A run of zeros this long is no compressed data.
    private static let zerosMin = 32
    private static let zerosReach = 16 << 10

    /// Behind the last whole line before the sign.
    let textEnd: Int
    /// Rows that end here or before are intact.
    let sureEnd: Int
    /// The checksum differs, and nothing tells where: no row is above doubt.
    private let isUnlocated: Bool
    /// Whether something tells where the damage is: it is known, or there is an echo.
    let isLocated: Bool
    /// The bit at or a few symbols behind the damage's beginning, and the codes of the block there.
    let bit: Int
    let codes: BlockCodes?
    let isFinalBlock: Bool
    let echo: DeflateEcho?
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
        isLocated = isPlaceKnown || echo.echo != nil
        textEnd = end
        if !isLocated, evidence != nil {
            for _ in 0..<Self.guardRows { sure = Self.rowStart(before: sure, scan) }
        }
        sureEnd = sure
        isUnlocated = !isLocated && evidence == nil
        self.echo = echo.echo
        bit = zeros.map { $0.lowerBound * 8 } ?? min(parting?.bit ?? .max, evidence?.bit ?? .max)
        (codes, isFinalBlock) = Self.block(at: bit, scan)
        if turned.isEmpty, !equals.isEmpty { doubtful = Self.differing(scan, equals) }
    }

    func confidence(of line: Range<Int>) -> Confidence {
        guard line.upperBound < sureEnd, !isUnlocated else { return .inferred(score: 0.5) }
        return doubtful.contains(line.lowerBound) ? .inferred(score: 0.5) : .intact
    }

    /// The run of zeros that explains a sign of damage.
    static func zeros(before evidence: TextScan.Evidence, _ input: DeflateInput) -> Range<Int>? {
        let shown = min(evidence.bit >> 3, input.count)
        var start = max(shown - Self.zerosReach, 0)
        while start <= shown, start < input.count {
            var end = start
            while end < input.count, input.padded[end] == 0 { end += 1 }
            if end - start >= Self.zerosMin { return start..<end }
            start = max(end, start + 1)
        }
        return nil
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

    /// The codes with which the symbol at `bit` is read.
    private static func block(at bit: Int, _ scan: TextScan) -> (BlockCodes?, Bool) {
        let inflater = scan.inflater
        let kept = inflater.state
        defer { inflater.state = kept }
        inflater.state = scan.step(beforeBit: bit).state
        var place = inflater.state.place
        while inflater.state.position <= bit, inflater.state.count < kept.count {
            place = inflater.state.place
            let stop = inflater.run(until: inflater.state.count + 1)
            guard stop == .full else { break }
        }
        guard case .codes(let codes, let isFinal) = place else { return (nil, false) }
        return (codes, isFinal)
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
