/// Repairs flipped bits of a zlib or gzip stream, and proves the repair by the stream's own checksum.
///
/// One flip is found wherever it is: near the first sign of damage by trial (`FlipSearch`), elsewhere by the checksum's
/// own arithmetic (`InSyncFlips`), in the trailer by comparison. Flips in separate places are found one after the
/// other, each by the text's going on well behind it and agreeing with what zlib would have written (`DeflateEcho`).
/// Nothing counts before the checksum holds.
///
/// Bounds: 2^27 symbols of trial decoding; text above 512 MiB is not searched by arithmetic.
final class BitRepair {
    struct Flip: Equatable {
        /// Byte of the stream and bit in it, the lowest 0.
        let byte: Int
        let bit: Int
        let isInTrailer: Bool
    }

    enum Outcome {
        /// The checksum holds with these bits turned; none when it held all along.
        case proven([Flip])
        case failed
    }

    /// Of one stream.
    static let flipsMax = 24

    let input: DeflateInput
    let wrapper: DeflateWrapper
    let judge: LineJudge
    let scan: TextScan
    let echo: EchoScan
    private let budget = FlipSearch.Budget(symbols: 1 << 27)
    /// Ways of turning several bits that are followed to their ends.
    private var waysLeft = 64
    private var inSyncLeft = 4
    private static let equalsMax = 64
    /// So much text behind a sign tells whether the stream is in step.
    private static let stepBytes = 32 << 10
    /// The first bit that was turned since the scan, and the first place of the text that it changes.
    private var changedFrom = 0
    private var changedPlace = 0
    /// The bits with which the text is good farthest.
    private var best: (bits: [Int], reach: Int) = ([], 0)

    init(_ input: DeflateInput, _ wrapper: DeflateWrapper, judge: LineJudge) {
        self.input = input
        self.wrapper = wrapper
        self.judge = judge
        scan = TextScan(input, wrapper, judge)
        echo = EchoScan(scan)
    }

    /// Leaves the bits of `input` turned when they are proven, and as they were otherwise.
    func run() -> Outcome {
        guard let proof = DeflateProof.check(input, wrapper), proof.end == input.count else { return solve([]) }
        if proof.holds { return .proven([]) }
        if let flip = proof.trailerFlip { return .proven([turn(flip, of: proof)]) }
        if case .proven(let flips) = solve([]) { return .proven(flips) }
        guard isInStep(rescan()) else { return .failed }
        inSyncLeft = max(inSyncLeft, 1)
        return inSync(proof).map { .proven([Self.flip($0)]) } ?? .failed
    }

    /// Bits of which each alone makes the checksum hold, when there are several.
    private(set) var equals: [Int] = []

    /// Bits that make the text good farther than it is, when nothing is proven: each brought stream and echo together.
    var likely: [Int] { best.bits }

    /// Turns the trailer's bit.
    private func turn(_ flip: Int, of proof: DeflateProof) -> Flip {
        let word = proof.end - wrapper.trailerBytes + flip / 32 * 4
        let byte = wrapper.kind == .zlib ? word + 3 - flip % 32 / 8 : word + flip % 32 / 8
        input.flip(byte * 8 + flip % 8)
        return Flip(byte: byte, bit: flip % 8, isInTrailer: true)
    }

    private static func flip(_ bit: Int) -> Flip { Flip(byte: bit >> 3, bit: bit & 7, isInTrailer: false) }

    /// The only bit that changes no lengths and makes the checksum hold, and with it the stream what zlib would have
    /// written; two such prove nothing.
    private func inSync(_ proof: DeflateProof) -> Int? {
        guard let stored = proof.stored, !proof.holds, proof.textBytes <= TokenTrace.textBytesMax, inSyncLeft > 0,
            proof.storedLength.map({ $0 == UInt32(truncatingIfNeeded: proof.textBytes) }) ?? true,
            let trace = TokenTrace(input, wrapper)
        else { return nil }
        inSyncLeft -= 1
        let found = InSyncFlips(trace, input, proof, wrapper, stored: stored).find()
        guard found.count <= Self.equalsMax else { return nil }
        let sound = found.filter { bit in
            input.flip(bit)
            defer { input.flip(bit) }
            return DeflateProof.check(input, wrapper)?.holds == true && isEchoed()
        }
        guard sound.count == 1, let bit = sound.first else {
            equals = sound
            return nil
        }
        input.flip(bit)
        return bit
    }

    /// Whether the stream as it is now agrees with its echo from beginning to end; true when there is none.
    private func isEchoed() -> Bool {
        guard echo.echo != nil else { return true }
        let scan = TextScan(input, wrapper, judge)
        return scan.run() == nil && EchoScan(scan).run(from: 0) == nil
    }

    private func solve(_ turned: [Int]) -> Outcome {
        guard !budget.isSpent, waysLeft > 0 else { return .failed }
        let sign = rescan()
        guard let sign else { return closing(turned) }
        note(turned, sign.textEnd)
        guard turned.count < Self.flipsMax else { return .failed }
        let search = FlipSearch(
            input: input, trailerBytes: wrapper.trailerBytes, scan: scan, evidence: sign, echo: echo.echo,
            budget: budget)
        let isInStep = isInStep(sign)
        for window in 0..<search.windowCount {
            if window > 0, echo.echo != nil, !isInStep { break }
            let candidates = search.candidates(inWindow: window)
            let proving = candidates.filter { candidate in
                input.flip(candidate.bit)
                defer { input.flip(candidate.bit) }
                return candidate.isWhole && DeflateProof.check(input, wrapper)?.holds == true
            }
            if proving.count == 1 {
                turn(proving[0])
                return .proven((turned + [proving[0].bit]).map(Self.flip))
            }
            for candidate in candidates {
                turn(candidate)
                let flips = turned + [candidate.bit]
                if case .proven(let flips) = solve(flips) { return .proven(flips) }
                turn(candidate)
            }
            // With an echo, what agrees so far is the bit that was flipped, or one beside it.
            if echo.echo != nil, !candidates.isEmpty { return .failed }
            // The text the search works on was decoded anew with other bits.
            if !candidates.isEmpty { _ = rescan() }
        }
        waysLeft -= 1
        return .failed
    }

    /// The first sign of damage: of the lines, or the parting from the echo when that is earlier.
    private func rescan() -> TextScan.Evidence? {
        let evidence = scan.run(from: changedFrom)
        let parting = echo.run(from: changedPlace)
        (changedFrom, changedPlace) = (.max, .max)
        guard let parting, parting.place < evidence?.textEnd ?? .max else { return evidence }
        return TextScan.Evidence(
            bit: parting.bit, textOffset: parting.sure, textEnd: parting.place, failure: nil)
    }

    /// Whether most lines behind a sign of damage are good: bytes were changed there, but none came in or went.
    private func isInStep(_ sign: TextScan.Evidence?) -> Bool {
        guard let sign else { return true }
        let inflater = scan.inflater
        let kept = inflater.state
        defer { inflater.state = kept }
        guard inflater.run(until: sign.textEnd + Self.stepBytes) == .full || inflater.state.place.isDone else {
            return false
        }
        var judge = scan.steps.last?.judge ?? judge
        var counts = (good: 0, bad: 0)
        let text = inflater.text[min(sign.textEnd, inflater.state.count)..<inflater.state.count]
        for line in text.split(separator: 10, omittingEmptySubsequences: false).dropFirst().dropLast() {
            let bytes = line.map { UInt8(truncatingIfNeeded: $0) }
            if bytes.withUnsafeBufferPointer({ judge.accepts($0) }) { counts.good += 1 } else { counts.bad += 1 }
        }
        return counts.bad <= counts.good
    }

    private func note(_ turned: [Int], _ reach: Int) {
        if reach > best.reach { best = (turned, reach) }
    }

    private func turn(_ candidate: FlipSearch.Candidate) {
        input.flip(candidate.bit)
        changedFrom = min(changedFrom, candidate.bit - 1)
        changedPlace = min(changedPlace, candidate.place)
    }

    /// The text is good to its end: the checksum decides, and may itself lead to a last flip.
    private func closing(_ turned: [Int]) -> Outcome {
        if let bit = finalBit(turned) {
            let candidate = FlipSearch.Candidate(bit: bit, reach: 0, isWhole: false, place: scan.inflater.state.count)
            let before = best
            turn(candidate)
            if case .proven(let flips) = solve(turned + [bit]) { return .proven(flips) }
            turn(candidate)
            _ = rescan()
            best = before
        }
        if let end = scan.end, (end + 7) / 8 + wrapper.trailerBytes == input.count { note(turned, .max) }
        waysLeft -= 1
        guard let proof = DeflateProof.check(input, wrapper) else { return .failed }
        if proof.holds { return .proven(turned.map(Self.flip)) }
        guard turned.count < Self.flipsMax else { return .failed }
        if let flip = proof.trailerFlip { return .proven(turned.map(Self.flip) + [turn(flip, of: proof)]) }
        if let bit = inSync(proof) { return .proven((turned + [bit]).map(Self.flip)) }
        return .failed
    }

    /// The bit that says that a block is the last, when data follow behind it.
    private func finalBit(_ turned: [Int]) -> Int? {
        guard let end = scan.end, (end + 7) / 8 + wrapper.trailerBytes < input.count else { return nil }
        let bit = scan.inflater.state.blockStart
        return turned.contains(bit) ? nil : bit
    }
}
