/// Saves a damaged zlib or gzip stream: repairs what its checksum proves, otherwise keeps the text before the damage and
/// goes on behind it.
///
/// Memory: the compressed bytes, and two bytes for each of the text; of a longer text only the beginning is read.
struct DeflateSalvage {
    let reader: StreamReader
    let stream: StreamBytes
    /// Symbols of text that are held at most; nil for what this machine can hold.
    var textMax: Int?

    /// Text before a hole that is of use behind it.
    private static let contextSymbols = 80 << 10

    func read(_ wrapper: DeflateWrapper, header: [Damage] = []) throws -> (TableSummary, [Damage]) {
        let input = DeflateInput(stream.bytes, textMax: textMax)
        let head = Inflater(input, at: wrapper.dataStart * 8)
        _ = head.run(until: 64 << 10)
        let text = head.text[..<head.state.count].map { UInt8(truncatingIfNeeded: $0) }
        let grammar = LineJudge.grammar(for: text[...], declared: reader.grammar)
        let judge = grammar.map { LineJudge(rows: $0) }
        var damage = header + (stream.framing.map { [$0] } ?? [])
        guard let judge else { return (TableSummary(table: reader.table), damage + [unreadable(wrapper)]) }
        let repair = BitRepair(input, wrapper, judge: judge)
        let first = repair.scan.run()
        let run = first.flatMap { DamagePlace.zeros(before: $0, input) }
        // A stream that was cut has lost its checksum: no turned bit could be proved.
        let isCut = first.map { endsEarly($0, input) } ?? false
        if run == nil, !isCut {
            if case .proven(let flips) = repair.run() {
                damage += flips.map(item)
                let (summary, rest) = try sendProven(input, wrapper)
                return (summary, damage + rest)
            }
            for bit in repair.likely { input.flip(bit) }
            damage += repair.likely.sorted().map(likelyItem)
        }
        return try sendAround(repair, grammar, run, &damage)
    }

    private func unreadable(_ wrapper: DeflateWrapper) -> Damage {
        Damage(
            kind: .compressedData,
            range: stream.fileRange(wrapper.dataStart..<max(stream.bytes.count, wrapper.dataStart)),
            table: reader.table,
            explanation: .init(
                fr: "aucune ligne de texte ne se lit dans les données compressées",
                en: "no line of text can be read from the compressed data"))
    }

    private func item(_ flip: BitRepair.Flip) -> Damage {
        let place = stream.fileOffset(of: flip.byte)
        let what: DamageText =
            flip.isInTrailer
            ? .init(fr: "de la somme de contrôle du flux", en: "of the stream's checksum")
            : .init(fr: "des données compressées", en: "of the compressed data")
        return Damage(
            kind: .bitFlip, range: place..<(place + 1), table: reader.table,
            explanation: .init(
                fr:
                    "le bit \(flip.bit) de cet octet \(what.fr) avait changé ; il est rétabli, et la somme de contrôle est alors juste",
                en: "bit \(flip.bit) of this byte \(what.en) was flipped; turned back, and the checksum then holds"))
    }

    private func sendProven(_ input: DeflateInput, _ wrapper: DeflateWrapper) throws -> (TableSummary, [Damage]) {
        let inflater = Inflater(input, at: wrapper.dataStart * 8)
        let isWhole = inflater.run(until: .max) == .end
        var outlet = RowOutlet(reader: reader)
        let symbols = inflater.text[..<inflater.state.count]
        let lines = SymbolLines(symbols, startsOnLine: true, grammar: reader.grammar, isProven: true)
        try send(symbols, lines, &outlet) { _, _ in .proven }
        try outlet.flush()
        var summary = outlet.summary
        summary.isProven = isWhole
        return (summary, isWhole ? [] : [cut(.textTooLong)])
    }

    private func likelyItem(_ bit: Int) -> Damage {
        let place = stream.fileOffset(of: bit >> 3)
        return Damage(
            kind: .bitFlip, range: place..<(place + 1), table: reader.table,
            explanation: .init(
                fr: "le bit \(bit & 7) de cet octet a très probablement changé : rétabli, le texte continue, "
                    + "mais aucune somme de contrôle ne le prouve ; les lignes qui suivent sont retenues",
                en: "bit \(bit & 7) of this byte is most likely flipped: turned back, the text goes on, "
                    + "but no checksum proves it; the rows behind it are held back"))
    }

    /// Sends the text before the damage and what follows behind it.
    private func sendAround(
        _ repair: BitRepair, _ grammar: RowGrammar?, _ zeros: Range<Int>?, _ damage: inout [Damage]
    ) throws -> (TableSummary, [Damage]) {
        var outlet = RowOutlet(reader: reader)
        let (input, wrapper) = (repair.input, repair.wrapper)
        let scan = TextScan(input, wrapper, repair.judge)
        let evidence = scan.run()
        let isCut = evidence.map { endsEarly($0, input) } ?? false
        let place = DamagePlace(scan, evidence, zeros: zeros, isCut: isCut, turned: repair.likely, repair.equals)
        let symbols = scan.inflater.text[..<place.textEnd]
        let lines = SymbolLines(symbols, startsOnLine: true, grammar: grammar)
        try send(symbols, lines, &outlet) { range, _ in place.confidence(of: range) }
        guard let evidence else {
            try outlet.flush()
            damage.append(
                Damage(
                    kind: .checksum, range: stream.fileRange(wrapper.dataStart..<input.count), table: reader.table,
                    explanation: .init(
                        fr: "la somme de contrôle diffère, et aucun bit ne l’explique",
                        en: "the checksum differs, and no bits explain it")))
            return (outlet.summary, damage)
        }
        damage.append(first(evidence, zeros, isCut: isCut))
        if !isCut {
            let before = Array(symbols[..<min(place.sureEnd, place.textEnd)].suffix(Self.contextSymbols))
            let hole = HoleBridge.Hole(
                bit: zeros.map { $0.upperBound * 8 } ?? place.bit, isEndKnown: zeros != nil, codes: place.codes,
                isFinal: place.isFinalBlock, before: before)
            let bridge = HoleBridge(input: input, wrapper: wrapper, grammar: grammar, echo: place.echo)
            try sendBehind(hole, bridge, &outlet, &damage)
        }
        try outlet.flush()
        return (outlet.summary, damage)
    }

    /// Sends what can be read behind damage.
    private func sendBehind(
        _ first: HoleBridge.Hole, _ bridge: HoleBridge, _ outlet: inout RowOutlet, _ damage: inout [Damage]
    ) throws {
        var hole = first
        while let piece = bridge.next(after: hole) {
            let from = hole.bit >> 3
            damage.append(
                Damage(
                    kind: .hole, range: stream.fileRange(from..<max(piece.bit >> 3, from)), table: reader.table,
                    explanation: piece.lostBytes.map {
                        DamageText(
                            fr: "\($0) octets de texte sont perdus avec ceux-ci ; les renvois par-dessus se suivent",
                            en: "\($0) bytes of text are lost with these; the references across them can be followed")
                    }
                        ?? .init(
                            fr:
                                "les lignes compressées dans ces octets sont perdues ; la lecture reprend au bloc suivant",
                            en: "rows compressed in these bytes are lost; read on at the next block behind")))
            let count = piece.lines.ranges.count
            let sure = piece.nextDamage == nil ? count : max(count - DamagePlace.guardRows, 0)
            try send(piece.symbols, piece.lines, &outlet) { _, index in
                guard index < sure else { return .inferred(score: 0.5) }
                return piece.inferred.contains(index) ? .inferred(score: 0.9) : .intact
            }
            guard let next = piece.nextDamage else { return }
            let end = sure < count ? piece.lines.ranges[sure].lowerBound : piece.symbols.endIndex
            hole = HoleBridge.Hole(
                bit: max(next, piece.bit + 1), isEndKnown: false, codes: nil, isFinal: false,
                before: Array(piece.symbols[..<end].suffix(Self.contextSymbols)))
        }
    }

    /// Nothing is to be looked for behind: the stream ends, or what follows is more than can be held.
    private func endsEarly(_ evidence: TextScan.Evidence, _ input: DeflateInput) -> Bool {
        evidence.failure == .textTooLong || (evidence.failure == .inputEnds && evidence.bit + 64 >= input.bitCount)
    }

    private func cut(_ failure: InflateFailure?) -> Damage {
        let end = stream.fileOffset(of: stream.bytes.count)
        return Damage(
            kind: .truncated, range: end..<end, table: reader.table,
            explanation: failure == .textTooLong
                ? InflateFailure.textTooLong.explanation
                : .init(
                    fr: "les données compressées s’arrêtent trop tôt : les lignes qui suivaient sont perdues",
                    en: "the compressed data ends too early: rows behind are lost"))
    }

    private func first(_ evidence: TextScan.Evidence, _ zeros: Range<Int>?, isCut: Bool) -> Damage {
        if let zeros {
            return Damage(
                kind: .hole, range: stream.fileRange(zeros), table: reader.table,
                explanation: .init(
                    fr: "\(zeros.count) octets des données compressées sont des zéros",
                    en: "\(zeros.count) bytes of the compressed data are zeros"))
        }
        let byte = min(evidence.bit >> 3, max(stream.bytes.count - 1, 0))
        if isCut { return cut(evidence.failure) }
        let reason =
            evidence.failure?.explanation
            ?? .init(
                fr: "le texte devient des lignes qui n’en sont pas", en: "the text turns into lines that are no rows")
        return Damage(
            kind: .compressedData, range: stream.fileRange(byte..<(byte + 1)), table: reader.table,
            explanation: .init(
                fr: "\(reason.fr) ; le dommage est ici ou juste avant, et aucun bit seul ne l’explique",
                en: "\(reason.en); the damage lies here or shortly before, and no single bit explains it"))
    }

    /// Sends lines, the good ones with the confidence that `grade` gives for the line's place and number.
    private func send(
        _ symbols: ArraySlice<UInt16>, _ lines: SymbolLines, _ outlet: inout RowOutlet,
        grade: (Range<Int>, Int) -> Confidence
    ) throws {
        for (index, range) in lines.ranges.enumerated() {
            let confidence: Confidence =
                switch lines.forms[index] {
                case .bad: .suspect(reason: "not of the table's form")
                case .unknown: .suspect(reason: "bytes of it are lost")
                case .good: grade(range, index)
                }
            try outlet.add(symbols[range], confidence, at: range.lowerBound)
        }
    }
}

extension StreamSalvage {
    /// Reads a stream whose header is of no format as deflate data behind a lost header; only its checksum tells.
    func readHeaderless(_ stream: StreamBytes) throws -> (TableSummary, [Damage])? {
        guard stream.bytes.prefix(512).contains(where: { $0 < 9 || (14..<32).contains($0) }) else { return nil }
        let input = DeflateInput(stream.bytes)
        for wrapper in [DeflateWrapper(kind: .zlib, dataStart: 2), DeflateWrapper(kind: .gzip, dataStart: 10)] {
            guard DeflateProof.check(input, wrapper)?.holds == true else { continue }
            let lost = Damage(
                kind: .headerLost, range: stream.fileRange(0..<wrapper.dataStart), table: reader.table,
                explanation: .init(
                    fr: "l’en-tête des données compressées est abîmé ; sans lui, la somme de contrôle est juste",
                    en: "the header of the compressed data is broken; without it the checksum holds"))
            return try DeflateSalvage(reader: reader, stream: stream).read(wrapper, header: [lost])
        }
        return nil
    }
}
