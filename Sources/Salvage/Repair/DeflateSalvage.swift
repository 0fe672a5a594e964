/// Saves a damaged zlib or gzip stream: repairs what its checksum proves, otherwise keeps the text before the damage and
/// goes on behind it.
///
/// Memory: the compressed bytes, and two bytes for each of the text.
struct DeflateSalvage {
    let reader: StreamReader
    let stream: StreamBytes

    /// Damage shows behind its place. So many rows before the sign are not called intact when the place is not known.
    private static let guardRows = 64
    /// A run of zeros this long is no compressed data.
    private static let zerosMin = 32
    private static let zerosReach = 16 << 10

    func read(_ wrapper: DeflateWrapper, header: [Damage] = []) throws -> (TableSummary, [Damage]) {
        let input = DeflateInput(stream.bytes)
        let head = Inflater(input, at: wrapper.dataStart * 8)
        _ = head.run(until: 64 << 10)
        let text = head.text[..<head.state.count].map { UInt8(truncatingIfNeeded: $0) }
        let grammar = LineJudge.grammar(for: text[...], declared: reader.grammar)
        let judge = grammar.map { LineJudge(rows: $0) }
        var damage = header + (stream.framing.map { [$0] } ?? [])
        guard let judge else { return (TableSummary(table: reader.table), damage + [unreadable(wrapper)]) }
        let first = TextScan(input, wrapper, judge).run()
        let run = first.flatMap { self.zeros(before: $0, input) }
        // A stream that was cut has lost its checksum: no turned bit could be proved.
        let isCut = first.map { endsEarly($0, input) } ?? false
        if run == nil, !isCut, case .proven(let flips) = BitRepair(input, wrapper, judge: judge).run() {
            damage += flips.map(item)
            return (try sendProven(input, wrapper), damage)
        }
        return try sendAround(input, wrapper, judge, grammar, run, &damage)
    }

    private func unreadable(_ wrapper: DeflateWrapper) -> Damage {
        Damage(
            kind: .compressedData,
            range: stream.fileRange(wrapper.dataStart..<max(stream.bytes.count, wrapper.dataStart)),
            table: reader.table, explanation: "no line of text can be read from the compressed data")
    }

    private func item(_ flip: BitRepair.Flip) -> Damage {
        let place = stream.fileOffset(of: flip.byte)
        let what = flip.isInTrailer ? "of the stream's checksum" : "of the compressed data"
        return Damage(
            kind: .bitFlip, range: place..<(place + 1), table: reader.table,
            explanation: "bit \(flip.bit) of this byte \(what) was flipped; turned back, and the checksum then holds")
    }

    private func sendProven(_ input: DeflateInput, _ wrapper: DeflateWrapper) throws -> TableSummary {
        let inflater = Inflater(input, at: wrapper.dataStart * 8)
        _ = inflater.run(until: .max)
        var outlet = RowOutlet(reader: reader)
        let symbols = inflater.text[..<inflater.state.count]
        let lines = SymbolLines(symbols, startsOnLine: true, grammar: reader.grammar, isProven: true)
        try send(symbols, lines, .proven, guarded: 0, &outlet)
        try outlet.flush()
        var summary = outlet.summary
        summary.isProven = true
        return summary
    }

    /// Sends the text before the damage and what follows behind it.
    private func sendAround(
        _ input: DeflateInput, _ wrapper: DeflateWrapper, _ judge: LineJudge, _ grammar: RowGrammar?,
        _ zeros: Range<Int>?, _ damage: inout [Damage]
    ) throws -> (TableSummary, [Damage]) {
        var outlet = RowOutlet(reader: reader)
        let scan = TextScan(input, wrapper, judge)
        guard let evidence = scan.run() else {
            let symbols = scan.inflater.text[..<scan.inflater.state.count]
            let lines = SymbolLines(symbols, startsOnLine: true, grammar: grammar)
            // The checksum differs and nothing says where: no row is above doubt.
            try send(symbols, lines, .inferred(score: 0.99), guarded: 0, &outlet)
            try outlet.flush()
            damage.append(
                Damage(
                    kind: .checksum, range: stream.fileRange(wrapper.dataStart..<input.count), table: reader.table,
                    explanation: "the checksum differs, and no single bit explains it: every row is held back"))
            return (outlet.summary, damage)
        }
        let isCut = endsEarly(evidence, input)
        let count =
            zeros.map { min(textCount(at: $0.lowerBound * 8, scan), evidence.textOffset) } ?? evidence.textOffset
        let symbols = scan.inflater.text[..<count]
        let lines = SymbolLines(symbols, startsOnLine: true, grammar: grammar)
        try send(symbols, lines, .intact, guarded: zeros != nil || isCut ? 0 : Self.guardRows, &outlet)
        damage.append(first(evidence, zeros, isCut: isCut))
        let bridge = HoleBridge(input: input, wrapper: wrapper, grammar: grammar)
        var place: Int? = isCut ? nil : zeros.map { $0.upperBound * 8 } ?? evidence.bit
        while let from = place, let piece = bridge.next(after: from) {
            damage.append(
                Damage(
                    kind: .hole, range: stream.fileRange((from >> 3)..<max(piece.bit >> 3, from >> 3)),
                    table: reader.table,
                    explanation: "rows compressed in these bytes are lost; read on at the next block behind"))
            try send(
                piece.symbols, piece.lines, .intact, guarded: piece.nextDamage == nil ? 0 : Self.guardRows, &outlet)
            place = piece.nextDamage.map { max($0, piece.bit + 1) }
        }
        try outlet.flush()
        return (outlet.summary, damage)
    }

    private func endsEarly(_ evidence: TextScan.Evidence, _ input: DeflateInput) -> Bool {
        evidence.failure == .inputEnds && evidence.bit + 64 >= input.bitCount
    }

    private func first(_ evidence: TextScan.Evidence, _ zeros: Range<Int>?, isCut: Bool) -> Damage {
        if let zeros {
            return Damage(
                kind: .hole, range: stream.fileRange(zeros), table: reader.table,
                explanation: "\(zeros.count) bytes of the compressed data are zeros")
        }
        let byte = min(evidence.bit >> 3, max(stream.bytes.count - 1, 0))
        if isCut {
            let end = stream.fileOffset(of: stream.bytes.count)
            return Damage(
                kind: .truncated, range: end..<end, table: reader.table,
                explanation: "the compressed data ends too early: rows behind are lost")
        }
        let reason = evidence.failure?.explanation ?? "the text turns into lines that are no rows"
        return Damage(
            kind: .compressedData, range: stream.fileRange(byte..<(byte + 1)), table: reader.table,
            explanation: "\(reason); the damage lies here or shortly before, and no single bit explains it")
    }

    /// Sends lines as `confidence`, the last `guarded` good ones as inferred.
    private func send(
        _ symbols: ArraySlice<UInt16>, _ lines: SymbolLines, _ confidence: Confidence, guarded: Int,
        _ outlet: inout RowOutlet
    ) throws {
        let sure = lines.ranges.count - min(guarded, lines.ranges.count)
        for (index, range) in lines.ranges.enumerated() {
            let grade: Confidence =
                switch lines.forms[index] {
                case .bad: .suspect(reason: "not of the table's form")
                case .unknown: .suspect(reason: "bytes of it are lost")
                case .good: index < sure ? confidence : .inferred(score: 0.5)
                }
            try outlet.add(symbols[range], grade, at: range.lowerBound)
        }
    }

    /// The run of zeros that explains a sign of damage.
    private func zeros(before evidence: TextScan.Evidence, _ input: DeflateInput) -> Range<Int>? {
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

    /// How much text was made by whole symbols before `bit`.
    private func textCount(at bit: Int, _ scan: TextScan) -> Int {
        let inflater = scan.inflater
        let kept = inflater.state
        defer { inflater.state = kept }
        inflater.state = scan.step(beforeBit: bit).state
        var count = inflater.state.count
        while inflater.state.position <= bit {
            count = inflater.state.count
            guard inflater.run(until: count + 1) == .full else { break }
        }
        return count
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
                explanation: "the header of the compressed data is broken; without it the checksum holds")
            return try DeflateSalvage(reader: reader, stream: stream).read(wrapper, header: [lost])
        }
        return nil
    }
}
