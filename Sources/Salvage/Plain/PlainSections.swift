internal import Foundation

/// Finds where a script's COPY data stands, whatever of its statements is damaged.
final class PlainSections {
    struct Section {
        let stream: StreamCatalog.Stream
        /// Bytes of the script, without the closing line.
        var range: Range<Int>
        var isClosed = false
    }

    private let catalog: StreamCatalog
    /// COPY statements that are known to be statements, by their place.
    private let copies: Set<Int>
    private let grammars: [RowGrammar]
    private(set) var sections: [Section] = []
    /// Rows that stand among statements.
    private(set) var loose: [StrayLine] = []
    private(set) var damage: [Damage] = []
    private var looseBytes = 0
    private var isInData = false
    /// A COPY statement that may be part of a text: the next line tells.
    private var doubtful: (stream: StreamCatalog.Stream, start: Int)?
    private lazy var lines = ScriptLines { [unowned self] line, offset in self.take(line, at: offset) }

    private static let statementBytesMax = 1 << 20

    init(catalog: StreamCatalog, copies: Set<Int>) {
        self.catalog = catalog
        self.copies = copies
        grammars = catalog.shapes.filter { $0.columns.count > 1 }.map { RowGrammar(columns: $0.columns) }
    }

    func take(_ bytes: UnsafeBufferPointer<UInt8>) throws { try lines.take(bytes) }

    func finish() throws {
        let offset = lines.offset
        let rest = try lines.finish()
        if isInData { close(at: offset + rest.count, isClosed: false) }
    }

    private func take(_ line: UnsafeBufferPointer<UInt8>, at offset: Int) {
        if let (stream, start) = doubtful {
            doubtful = nil
            let fits = stream.grammar?.check(line) == .good || line.contains { $0 == 9 || $0 == 0 }
            if fits || Self.isEnd(line) { open(stream, at: start) }
        }
        guard isInData else { return takeScript(line, at: offset) }
        if Self.isEnd(line) { return close(at: offset, isClosed: true) }
        guard ScriptWords.begin(line), let last = sections.last, last.stream.grammar?.check(line) != .good else {
            return
        }
        damage.append(
            Damage(
                kind: .terminatorLost, range: offset..<(offset + line.count), table: last.stream.table,
                explanation: .init(
                    fr: "les données passent aux instructions sans leur ligne de fin",
                    en: "the data goes over into statements without its closing line")))
        close(at: offset, isClosed: false)
        takeScript(line, at: offset)
    }

    private static func isEnd(_ line: UnsafeBufferPointer<UInt8>) -> Bool {
        line.count == 2 && line[0] == UInt8(ascii: "\\") && line[1] == UInt8(ascii: ".")
    }

    /// Looks for `COPY … FROM stdin;`, which pg_dump writes on one line, and for rows without one.
    private func takeScript(_ line: UnsafeBufferPointer<UInt8>, at offset: Int) {
        guard line.count < Self.statementBytesMax, line.count > 2 else { return }
        if line.count > 10, line[0] | 32 == UInt8(ascii: "c"), line[1] | 32 == UInt8(ascii: "o"),
            let copy = CreateTableParser.copy(String(decoding: line, as: UTF8.self))
        {
            let stream = catalog.stream(table: copy.table, listed: copy.columns)
            let start = offset + line.count + 1
            if copies.contains(offset) { open(stream, at: start) } else { doubtful = (stream, start) }
        } else if line.contains(9), looseBytes < TableJudge.strayBytesMax,
            grammars.contains(where: { $0.check(line) == .good })
        {
            loose.append(StrayLine(offset: offset, bytes: Array(line)))
            looseBytes += line.count
        }
    }

    private func open(_ stream: StreamCatalog.Stream, at start: Int) {
        sections.append(Section(stream: stream, range: start..<start))
        isInData = true
    }

    private func close(at end: Int, isClosed: Bool) {
        let last = sections.count - 1
        sections[last].range = sections[last].range.lowerBound..<max(end, sections[last].range.lowerBound)
        sections[last].isClosed = isClosed
        isInData = false
    }
}
