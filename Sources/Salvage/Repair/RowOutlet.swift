/// Sends the lines of a salvaged text, each with its own confidence, in batches of one confidence.
struct RowOutlet {
    let reader: StreamReader
    private(set) var summary: TableSummary
    private var text: [UInt8] = []
    private var starts: [Int] = []
    private var confidence = Confidence.intact
    private var offset = 0

    init(reader: StreamReader) {
        self.reader = reader
        summary = TableSummary(table: reader.table)
    }

    /// `line` has no newline; bytes of it that are not known are written as question marks.
    mutating func add(_ line: ArraySlice<UInt16>, _ confidence: Confidence, at place: Int) throws {
        if confidence != self.confidence || text.count >= RowAssembler.batchBytes { try flush() }
        if starts.isEmpty { (self.confidence, offset) = (confidence, place) }
        starts.append(text.count)
        for symbol in line { text.append(symbol < 256 ? UInt8(symbol) : UInt8(ascii: "?")) }
        text.append(10)
        switch confidence {
        case .proven: summary.proven += 1
        case .intact: summary.intact += 1
        case .inferred: summary.inferred += 1
        case .suspect: summary.suspect += 1
        }
    }

    mutating func flush() throws {
        guard !starts.isEmpty else { return }
        let batch = RowBatch(
            table: reader.table, columns: reader.columns, text: text, rowStarts: starts, confidence: confidence,
            source: reader.source, textOffset: offset)
        text = []
        starts = []
        try reader.emit(.rows(batch))
    }
}

/// The whole lines of a decoded piece of text, with what is known of each.
struct SymbolLines {
    enum Form { case good, bad, unknown }

    /// Without newlines.
    private(set) var ranges: [Range<Int>] = []
    private(set) var forms: [Form] = []
    private(set) var hasTerminator = false

    /// - Parameter startsOnLine: false when the piece may begin inside a line, which is then left out.
    init(_ symbols: ArraySlice<UInt16>, startsOnLine: Bool, grammar: RowGrammar?, isProven: Bool = false) {
        var start: Int? = startsOnLine ? symbols.startIndex : nil
        var line: [UInt8] = []
        for index in symbols.indices where symbols[index] == 10 {
            defer { start = index + 1 }
            guard let from = start else { continue }
            line.removeAll(keepingCapacity: true)
            var isKnown = true
            for symbol in symbols[from..<index] {
                isKnown = isKnown && symbol < 256
                line.append(UInt8(truncatingIfNeeded: symbol))
            }
            if isKnown, line.elementsEqual([UInt8(ascii: "\\"), UInt8(ascii: ".")]) {
                hasTerminator = true
                return
            }
            ranges.append(from..<index)
            forms.append(isKnown ? Self.form(line, grammar, isProven) : .unknown)
        }
    }

    private static func form(_ line: [UInt8], _ grammar: RowGrammar?, _ isProven: Bool) -> Form {
        guard let grammar else { return .good }
        return line.withUnsafeBufferPointer { bytes in
            switch grammar.check(bytes) {
            case .good: .good
            case .badField: isProven ? .good : .bad
            case .wrongFieldCount, .forbiddenByte: .bad
            }
        }
    }
}
