/// Gathers the rows of one table into batches of one confidence and hands them on.
struct RowSender {
    private let stream: StreamCatalog.Stream
    private let source: String
    private let emit: (ReadEvent) throws -> Void
    private var text: [UInt8] = []
    private var rowStarts: [Int] = []
    private var confidence = Confidence.intact
    private var batchOffset = 0
    var summary: TableSummary

    init(_ stream: StreamCatalog.Stream, source: String, emit: @escaping (ReadEvent) throws -> Void) {
        self.stream = stream
        self.source = source
        self.emit = emit
        summary = TableSummary(table: stream.table)
    }

    mutating func send(_ line: UnsafeBufferPointer<UInt8>, at offset: Int, as new: Confidence) throws {
        if new != confidence || text.count >= RowAssembler.batchBytes { try flush() }
        if text.isEmpty {
            batchOffset = offset
            confidence = new
        }
        rowStarts.append(text.count)
        text.append(contentsOf: line)
        text.append(10)
        switch new {
        case .proven: summary.proven += 1
        case .intact: summary.intact += 1
        case .inferred: summary.inferred += 1
        case .suspect: summary.suspect += 1
        }
    }

    mutating func flush() throws {
        guard !rowStarts.isEmpty else { return }
        let batch = RowBatch(
            table: stream.table, columns: stream.columns, text: text, rowStarts: rowStarts, confidence: confidence,
            source: source, textOffset: batchOffset)
        text = []
        text.reserveCapacity(RowAssembler.batchBytes + 4096)
        rowStarts = []
        try emit(.rows(batch))
    }
}
