/// Says which table a data stream belongs to: by the table of contents, or by what its rows look like.
struct StreamCatalog: Sendable {
    struct Stream {
        let table: String
        let columns: [String]
        let grammar: RowGrammar?
    }

    /// How much of a stream is decoded to recognise it.
    static let headBytes = 64 << 10

    /// The dump's own tables first, then those the caller knows.
    let shapes: [TableShape]
    private let byID: [Int: ArchiveEntry]

    init(entries: [ArchiveEntry], shapes known: [TableShape]) {
        let own = entries.filter { $0.kind == "TABLE" }.compactMap { CreateTableParser.shape(of: $0.definition) }
        let names = Set(own.map(\.name))
        shapes = own + known.filter { !names.contains($0.name) }
        byID = Dictionary(
            entries.filter { $0.kind == "TABLE DATA" }.map { ($0.dumpID, $0) }, uniquingKeysWith: { first, _ in first })
    }

    init(shapes: [TableShape]) {
        self.shapes = shapes
        byID = [:]
    }

    func shape(of table: String) -> TableShape? { shapes.first { $0.name == table } }

    func tableName(of entry: ArchiveEntry) -> String {
        CreateTableParser.copy(entry.copyStatement)?.table
            ?? "\(entry.schema.isEmpty ? "public" : entry.schema).\(entry.tag)"
    }

    func stream(of dumpID: Int, head: [UInt8], codec: Codec, place: Int) throws -> Stream {
        if let entry = byID[dumpID] { return stream(of: entry) }
        let text = Self.decodedHead(head, codec)
        if let shape = bestShape(for: text) {
            return Stream(
                table: shape.name, columns: shape.columns.map(\.name), grammar: RowGrammar(columns: shape.columns))
        }
        let fieldCount = Self.fieldCount(text)
        return Stream(
            table: "inconnu.flux_\(dumpID)_\(place)", columns: (1...fieldCount).map { "c\($0)" }, grammar: nil)
    }

    func stream(of entry: ArchiveEntry) -> Stream {
        let table = tableName(of: entry)
        let listed = CreateTableParser.copy(entry.copyStatement)?.columns ?? []
        return stream(table: table, listed: listed)
    }

    /// The stream of `table`, whose COPY statement lists `listed` (empty: all columns in the table's order).
    func stream(table: String, listed: [String]) -> Stream {
        guard let shape = shape(of: table) else { return Stream(table: table, columns: listed, grammar: nil) }
        let names = listed.isEmpty ? shape.columns.map(\.name) : listed
        let byName = Dictionary(shape.columns.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
        let columns = names.map { byName[$0] ?? ColumnShape(name: $0, type: .other("")) }
        return Stream(table: table, columns: names, grammar: RowGrammar(columns: columns))
    }

    /// The shape that most of the head's lines fit; nil when none fits at least nine of ten.
    func bestShape(for text: [UInt8]) -> TableShape? {
        let lines = LineIndex(text)
        let sample = lines.ranges.prefix(200)
        guard !sample.isEmpty else { return nil }
        var best: (shape: TableShape, good: Int)?
        for shape in shapes.sorted(by: { $0.strictness > $1.strictness }) {
            let grammar = RowGrammar(columns: shape.columns)
            let good = text.withUnsafeBufferPointer { bytes in
                sample.count { grammar.check(UnsafeBufferPointer(rebasing: bytes[$0])) == .good }
            }
            if good * 10 >= sample.count * 9, good > best?.good ?? 0 { best = (shape, good) }
        }
        return best?.shape
    }

    private static func decodedHead(_ head: [UInt8], _ codec: Codec) -> [UInt8] {
        guard let decoder = try? codec.decoder() else { return [] }
        var text: [UInt8] = []
        head.withUnsafeBufferPointer { bytes in
            try? decoder.decode(bytes) { text.append(contentsOf: $0.prefix(max(4 * headBytes - text.count, 0))) }
        }
        return text
    }

    private static func fieldCount(_ text: [UInt8]) -> Int {
        let line = text.prefix { $0 != 10 }
        return min(line.count { $0 == 9 } + 1, 1600)
    }
}

extension TableShape {
    /// How much the shape demands of a row: a stream that fits two shapes is told by the stricter one.
    fileprivate var strictness: Int {
        columns.reduce(0) { sum, column in
            switch column.type {
            case .text, .other: sum + (column.isNullable ? 0 : 1)
            case .character, .interval, .time: sum + 2
            default: sum + (column.isNullable ? 4 : 5)
            }
        }
    }
}
