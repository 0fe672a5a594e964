/// Reads a sound script for its COPY data, in one pass.
final class PlainRows {
    private let catalog: StreamCatalog
    private let isProven: Bool
    /// Where the COPY statements stand.
    private let copies: Set<Int>
    private let source: String
    private let emit: (ReadEvent) throws -> Void
    private(set) var summaries: [TableSummary] = []
    private(set) var damage: [Damage] = []
    private var table: PlainTable?
    private var statement: [UInt8] = []
    private lazy var lines = ScriptLines { [unowned self] line, offset in try self.take(line, at: offset) }

    private static let statementBytesMax = 1 << 20

    init(
        catalog: StreamCatalog, isProven: Bool, copies: Set<Int>, source: String,
        emit: @escaping (ReadEvent) throws -> Void
    ) {
        self.catalog = catalog
        self.isProven = isProven
        self.copies = copies
        self.source = source
        self.emit = emit
    }

    func take(_ bytes: UnsafeBufferPointer<UInt8>) throws { try lines.take(bytes) }

    func finish() throws {
        let rest = try lines.finish()
        if table != nil, !rest.isEmpty {
            damage.append(
                Damage(
                    kind: .truncated, range: lines.offset..<(lines.offset + rest.count), table: table?.name,
                    explanation: .init(
                        fr: "le fichier s’arrête au milieu d’une ligne",
                        en: "the dump ends inside a row")))
        }
        try endTable(hasTerminator: false)
    }

    private func take(_ line: UnsafeBufferPointer<UInt8>, at offset: Int) throws {
        if table == nil { return try takeScript(line, at: offset) }
        if line.count == 2, line[0] == UInt8(ascii: "\\"), line[1] == UInt8(ascii: ".") {
            return try endTable(hasTerminator: true)
        }
        let isGood = table?.accepts(line) ?? false
        if !isGood, ScriptWords.begin(line) {
            damage.append(
                Damage(
                    kind: .terminatorLost, range: offset..<(offset + line.count), table: table?.name,
                    explanation: .init(
                        fr: "les données passent aux instructions sans leur ligne de fin",
                        en: "the data goes over into statements without its closing line")))
            try endTable(hasTerminator: false)
            return try takeScript(line, at: offset)
        }
        if !isGood {
            damage.append(
                Damage(
                    kind: .rows, range: offset..<(offset + line.count), table: table?.name,
                    explanation: .init(
                        fr: "cette ligne n’est pas une ligne de \(table?.name ?? "") (octets du script)",
                        en: "this line is no row of \(table?.name ?? "") (bytes of the script)")))
        }
        try table?.take(line, isGood: isGood, offset: offset, emit)
    }

    /// Looks for `COPY … FROM stdin;`, which pg_dump writes on one line.
    private func takeScript(_ line: UnsafeBufferPointer<UInt8>, at offset: Int) throws {
        guard copies.contains(offset), line.count < Self.statementBytesMax, line.count > 10,
            line[0] | 32 == UInt8(ascii: "c"),
            line[1] | 32 == UInt8(ascii: "o")
        else { return }
        guard let copy = CreateTableParser.copy(String(decoding: line, as: UTF8.self)) else { return }
        let stream = catalog.stream(table: copy.table, listed: copy.columns)
        table = PlainTable(stream: stream, isProven: isProven, source: source, startOffset: offset)
        try emit(.begin(table: stream.table, columns: stream.columns))
    }

    private func endTable(hasTerminator: Bool) throws {
        guard var ended = table else { return }
        table = nil
        try ended.flush(emit)
        if !hasTerminator {
            damage.append(
                Damage(
                    kind: .terminatorLost, range: lines.offset..<lines.offset, table: ended.name,
                    explanation: .init(
                        fr: "la ligne de fin des données manque",
                        en: "the closing line of the data is missing")))
        }
        summaries.append(ended.summary)
        try emit(.end(ended.summary))
    }
}

/// The open table of a script: rows gathered until a batch is full or their kind changes.
struct PlainTable {
    private let stream: StreamCatalog.Stream
    private let isProven: Bool
    private let source: String
    private var text: [UInt8] = []
    private var rowStarts: [Int] = []
    private var batchIsGood = true
    private var batchOffset: Int
    private(set) var summary: TableSummary

    init(stream: StreamCatalog.Stream, isProven: Bool, source: String, startOffset: Int) {
        self.stream = stream
        self.isProven = isProven
        self.source = source
        batchOffset = startOffset
        summary = TableSummary(table: stream.table)
    }

    var name: String { stream.table }

    func accepts(_ line: UnsafeBufferPointer<UInt8>) -> Bool {
        guard let grammar = stream.grammar else { return !line.contains(0) }
        switch grammar.check(line) {
        case .good: return true
        case .badField: return isProven
        case .wrongFieldCount, .forbiddenByte: return false
        }
    }

    mutating func take(
        _ line: UnsafeBufferPointer<UInt8>, isGood: Bool, offset: Int, _ emit: (ReadEvent) throws -> Void
    ) throws {
        if isGood != batchIsGood || text.count >= RowAssembler.batchBytes { try flush(emit) }
        if text.isEmpty {
            batchOffset = offset
            batchIsGood = isGood
        }
        rowStarts.append(text.count)
        text.append(contentsOf: line)
        text.append(10)
        if !isGood { summary.suspect += 1 } else if isProven { summary.proven += 1 } else { summary.intact += 1 }
    }

    mutating func flush(_ emit: (ReadEvent) throws -> Void) throws {
        guard !rowStarts.isEmpty else { return }
        let batch = RowBatch(
            table: stream.table, columns: stream.columns, text: text, rowStarts: rowStarts,
            confidence: !batchIsGood ? .suspect(reason: "not of the table's form") : isProven ? .proven : .intact,
            source: source, textOffset: batchOffset)
        text = []
        text.reserveCapacity(RowAssembler.batchBytes + 4096)
        rowStarts = []
        try emit(.rows(batch))
    }
}
