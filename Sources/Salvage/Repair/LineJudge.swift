/// Judges the lines of a text in their order: a table's rows with their terminator, or a script of pg_dump.
struct LineJudge {
    private enum Kind {
        case rows(RowGrammar)
        case script(StreamCatalog)
        case piece
    }

    private enum Place {
        case rows(RowGrammar?)
        /// Behind COPY's terminator in a table's stream: only empty lines.
        case behind
        case statements
        /// The rest of a line that began elsewhere.
        case rest
    }

    private let kind: Kind
    private var place: Place

    init(rows grammar: RowGrammar) {
        kind = .rows(grammar)
        place = .rows(grammar)
    }

    init(script catalog: StreamCatalog) {
        kind = .script(catalog)
        place = .statements
    }

    private init(_ kind: Kind, _ place: Place) { (self.kind, self.place) = (kind, place) }

    /// Any piece of COPY text or of a script: it may begin within a line.
    static let piece = LineJudge(.piece, .rest)

    /// The grammar for a table about which nothing is known but its text: as many fields as most of the first lines
    /// have. Also for a table whose declared types its own first lines do not keep to.
    static func grammar(for text: ArraySlice<UInt8>, declared: RowGrammar?) -> RowGrammar? {
        let lines = LineIndex(Array(text.prefix(64 << 10)))
        let sample = lines.ranges.prefix(100)
        guard !sample.isEmpty else { return declared }
        let bytes = Array(text.prefix(64 << 10))
        if let declared {
            let good = bytes.withUnsafeBufferPointer { buffer in
                sample.count { declared.check(UnsafeBufferPointer(rebasing: buffer[$0])) == .good }
            }
            if good * 10 >= sample.count * 9 || sample.count < 5 { return declared }
        }
        var votes: [Int: Int] = [:]
        for range in sample { votes[bytes[range].count { $0 == 9 } + 1, default: 0] += 1 }
        guard let count = votes.max(by: { ($0.value, $0.key) < ($1.value, $1.key) })?.key else { return declared }
        return RowGrammar(
            columns: (0..<count).map { ColumnShape(name: "c\($0)", type: .text(limit: nil), isNullable: true) })
    }

    /// `line` without its newline. False when it can not stand where it does.
    mutating func accepts(_ line: UnsafeBufferPointer<UInt8>) -> Bool {
        switch place {
        case .behind: return line.isEmpty
        case .rest:
            place = .rows(nil)
            return true
        case .rows(let grammar):
            if line.count == 2, line[0] == UInt8(ascii: "\\"), line[1] == UInt8(ascii: ".") {
                switch kind {
                case .rows: place = .behind
                case .script: place = .statements
                case .piece: break
                }
                return true
            }
            return grammar.map { $0.check(line) == .good } ?? Self.isText(line)
        case .statements:
            guard Self.isText(line) else { return false }
            if line.count > 10, line[0] | 32 == UInt8(ascii: "c"), line[1] | 32 == UInt8(ascii: "o"),
                line.count < 1 << 20, case .script(let catalog) = kind,
                let copy = CreateTableParser.copy(String(decoding: line, as: UTF8.self))
            {
                place = .rows(catalog.stream(table: copy.table, listed: copy.columns).grammar)
            }
            return true
        }
    }

    private static func isText(_ line: UnsafeBufferPointer<UInt8>) -> Bool {
        line.allSatisfy { $0 >= 32 || $0 == 9 || $0 == 13 } && FieldForm.isUTF8(line)
    }
}
