/// The text of a damaged gzip stream: repaired when the stream's own checksum proves it, otherwise cut at the first sign
/// of damage.
struct DeflateRescue {
    let text: [UInt8]
    let damage: [Damage]
    /// Lines that begin here or behind may be damaged.
    let doubtfulFrom: Int
    /// Whether the checksum holds.
    let isProven: Bool

    /// Nil when the stream is not gzip.
    init?(_ bytes: [UInt8], judge: LineJudge) {
        guard let wrapper = DeflateWrapper.read(bytes[...], kind: .gzip) else { return nil }
        let input = DeflateInput(bytes)
        let repair = BitRepair(input, wrapper, judge: judge)
        let first = repair.scan.run()
        let isCut =
            first.map { first in
                first.failure == .textTooLong || (first.failure == .inputEnds && first.bit + 64 >= input.bitCount)
            } ?? false
        let zeros = first.flatMap { DamagePlace.zeros(before: $0, input) }
        if !isCut, zeros == nil {
            if case .proven(let flips) = repair.run() {
                let inflater = Inflater(input, at: wrapper.dataStart * 8)
                _ = inflater.run(until: .max)
                text = Self.bytes(inflater, count: inflater.state.count)
                damage = flips.map {
                    Self.item(
                        $0.byte * 8 + $0.bit,
                        .init(fr: "et la somme de contrôle est alors juste", en: "and the checksum then holds"))
                }
                doubtfulFrom = .max
                isProven = true
                return
            }
            for bit in repair.likely { input.flip(bit) }
        }
        isProven = false
        let scan = TextScan(input, wrapper, repair.judge)
        let evidence = scan.run()
        let place = DamagePlace(scan, evidence, zeros: zeros, isCut: isCut, turned: repair.likely, repair.equals)
        text = Self.bytes(scan.inflater, count: place.textEnd)
        doubtfulFrom = place.isLocated || evidence != nil ? place.sureEnd : 0
        let turned = repair.likely.sorted().map {
            Self.item(
                $0,
                .init(
                    fr: "mais aucune somme de contrôle ne le prouve : les lignes qui suivent sont retenues",
                    en: "but no checksum proves it: rows behind it are held back"))
        }
        damage = turned + [Self.sign(evidence, wrapper, count: bytes.count, isCut: isCut)]
    }

    private static func item(_ bit: Int, _ proof: DamageText) -> Damage {
        Damage(
            kind: .bitFlip, range: (bit >> 3)..<((bit >> 3) + 1),
            explanation: .init(
                fr: "le bit \(bit & 7) de cet octet avait changé ; il est rétabli, \(proof.fr)",
                en: "bit \(bit & 7) of this byte was flipped; turned back, \(proof.en)"))
    }

    private static func sign(
        _ evidence: TextScan.Evidence?, _ wrapper: DeflateWrapper, count: Int, isCut: Bool
    ) -> Damage {
        guard let evidence else {
            return Damage(
                kind: .checksum, range: wrapper.dataStart..<count,
                explanation: .init(
                    fr: "la somme de contrôle diffère, et aucun bit ne l’explique",
                    en: "the checksum differs, and no bits explain it"))
        }
        let byte = min(evidence.bit >> 3, max(count - 1, 0))
        return Damage(
            kind: isCut ? .truncated : .compressedData, range: byte..<(byte + 1),
            explanation: isCut
                ? .init(
                    fr: "les données compressées s’arrêtent trop tôt : ce qui suivait est perdu",
                    en: "the compressed data ends too early: what followed is lost")
                : .init(
                    fr:
                        "le dommage est ici ou juste avant : les lignes voisines sont retenues, toutes celles qui suivent sont laissées",
                    en: "the damage lies here or shortly before: rows beside it are held back, all behind are left out")
        )
    }

    private static func bytes(_ inflater: Inflater, count: Int) -> [UInt8] {
        inflater.text[..<min(count, inflater.state.count)].map { UInt8(truncatingIfNeeded: $0) }
    }
}
