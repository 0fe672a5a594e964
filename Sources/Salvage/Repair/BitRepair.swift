/// Repairs flipped bits of a zlib or gzip stream, and proves the repair by the stream's own checksum.
///
/// One flip is found wherever it is: near the first sign of damage by trial (`FlipSearch`), elsewhere by the checksum's
/// own arithmetic (`InSyncFlips`), in the trailer by comparison. A few flips in separate places are found one after the
/// other, each by the text's going on well behind it. Nothing counts before the checksum holds.
///
/// Bounds: 2^28 symbols of trial decoding; signs of damage more than 24 KiB of compressed bytes behind a flip that
/// changes lengths are not traced back; text above 512 MiB is not searched by arithmetic.
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

    static let flipsMax = 4

    let input: DeflateInput
    let wrapper: DeflateWrapper
    let scan: TextScan
    private let budget = FlipSearch.Budget(symbols: 1 << 28)
    /// The first bit that was turned since the scan.
    private var changedFrom = 0

    init(_ input: DeflateInput, _ wrapper: DeflateWrapper, judge: LineJudge) {
        self.input = input
        self.wrapper = wrapper
        scan = TextScan(input, wrapper, judge)
    }

    /// Leaves the bits of `input` turned when they are proven, and as they were otherwise.
    func run() -> Outcome {
        if let proof = DeflateProof.check(input, wrapper) {
            if proof.holds { return .proven([]) }
            if let flip = proof.trailerFlip { return .proven([turn(flip, of: proof)]) }
            if let bit = inSync(proof) { return .proven([Self.flip(bit)]) }
        }
        return solve([])
    }

    /// Turns the trailer's bit.
    private func turn(_ flip: Int, of proof: DeflateProof) -> Flip {
        let word = proof.end - wrapper.trailerBytes + flip / 32 * 4
        let byte = wrapper.kind == .zlib ? word + 3 - flip % 32 / 8 : word + flip % 32 / 8
        input.flip(byte * 8 + flip % 8)
        return Flip(byte: byte, bit: flip % 8, isInTrailer: true)
    }

    private static func flip(_ bit: Int) -> Flip { Flip(byte: bit >> 3, bit: bit & 7, isInTrailer: false) }

    /// The only bit that changes no lengths and makes the checksum hold; two such prove nothing.
    private func inSync(_ proof: DeflateProof) -> Int? {
        guard let stored = proof.stored, !proof.holds, proof.textBytes <= TokenTrace.textBytesMax,
            proof.storedLength.map({ $0 == UInt32(truncatingIfNeeded: proof.textBytes) }) ?? true,
            let trace = TokenTrace(input, wrapper)
        else { return nil }
        let found = InSyncFlips(trace, input, proof, wrapper, stored: stored).find()
        guard found.count == 1, let bit = found.first else { return nil }
        input.flip(bit)
        if DeflateProof.check(input, wrapper)?.holds == true { return bit }
        input.flip(bit)
        return nil
    }

    private func solve(_ turned: [Int]) -> Outcome {
        guard !budget.isSpent else { return .failed }
        let evidence = scan.run(from: changedFrom)
        changedFrom = .max
        guard let evidence else { return closing(turned) }
        guard turned.count < Self.flipsMax else { return .failed }
        let search = FlipSearch(input: input, scan: scan, evidence: evidence, budget: budget)
        for window in 0..<FlipSearch.windowCount {
            for candidate in search.candidates(inWindow: window) {
                turn(candidate.bit)
                let flips = turned + [candidate.bit]
                if candidate.isWhole, DeflateProof.check(input, wrapper)?.holds == true {
                    return .proven(flips.map(Self.flip))
                }
                if case .proven(let flips) = solve(flips) { return .proven(flips) }
                turn(candidate.bit)
            }
            // The text the search works on was decoded anew with other bits.
            _ = scan.run(from: changedFrom)
            changedFrom = .max
        }
        return .failed
    }

    private func turn(_ bit: Int) {
        input.flip(bit)
        changedFrom = min(changedFrom, bit - 1)
    }

    /// The text is good to its end: the checksum decides, and may itself lead to a last flip.
    private func closing(_ turned: [Int]) -> Outcome {
        guard let proof = DeflateProof.check(input, wrapper) else { return .failed }
        if proof.holds { return .proven(turned.map(Self.flip)) }
        guard !turned.isEmpty, turned.count < Self.flipsMax else { return .failed }
        if let flip = proof.trailerFlip { return .proven(turned.map(Self.flip) + [turn(flip, of: proof)]) }
        if let bit = inSync(proof) { return .proven((turned + [bit]).map(Self.flip)) }
        return .failed
    }
}
