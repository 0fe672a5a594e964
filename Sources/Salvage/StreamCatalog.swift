/// Says which table a data stream belongs to: by the table of contents, or by what its rows look like.
struct StreamCatalog: Sendable {
    struct Stream {
        let table: String
        let columns: [String]
        let grammar: RowGrammar?
    }

    /// How much of a stream is decoded to recognise it.
    static let headBytes = 64 << 10
    /// Begins the names of streams whose id another one bears.
    static let twinPrefix = "inconnu.double_"
    /// Contradictions are looked for in no more COPY statements than this.
    private static let copiesMax = 10_000

    /// The dump's own tables first, then those the caller knows.
    let shapes: [TableShape]
    /// Where the dump's definitions contradict what is known of its tables, or themselves.
    private(set) var differences: [Damage] = []
    private let byID: [Int: ArchiveEntry]
    private let keys: TableKeys
    /// The tables that the dump has data of, by their names in it.
    private var copied: Set<String> = []

    init(entries: [ArchiveEntry], shapes known: [TableShape]) {
        let own = entries.filter { $0.kind == "TABLE" }.compactMap { CreateTableParser.shape(of: $0.definition) }
        let settled = ShapeSettler.settle(own: own, known: known)
        shapes = settled.shapes
        byID = Dictionary(
            entries.filter { $0.kind == "TABLE DATA" }.map { ($0.dumpID, $0) }, uniquingKeysWith: { first, _ in first })
        keys = TableKeys(statements: entries.lazy.map(\.definition))
        differences = settled.differences
        let copies = entries.filter { $0.kind == "TABLE DATA" }.compactMap { entry in
            CreateTableParser.copy(entry.copyStatement).map { (table: tableName(of: entry), columns: $0.columns) }
        }
        settle(copies)
    }

    init(
        own: [TableShape], known: [TableShape], keys: TableKeys, copied: [(table: String, columns: [String])] = []
    ) {
        let settled = ShapeSettler.settle(own: own, known: known)
        shapes = settled.shapes
        self.keys = keys
        byID = [:]
        differences = settled.differences
        settle(copied)
    }

    private mutating func settle(_ copies: [(table: String, columns: [String])]) {
        copied = Set(copies.map(\.table))
        for copy in copies.prefix(Self.copiesMax) {
            differences += ShapeSettler.settle(copy.table, copy.columns, among: shapes, copied: copied).differences
        }
    }

    func shape(of table: String) -> TableShape? { shapes.first { $0.name == table } }

    func tableName(of entry: ArchiveEntry) -> String {
        let tagged = TableName.joined(entry.schema.isEmpty ? "public" : entry.schema, entry.tag)
        guard let copied = CreateTableParser.copy(entry.copyStatement)?.table else { return tagged }
        // The name stands in several places: when one of them is damaged, the one that a definition bears is right.
        return shape(of: copied) == nil && shape(of: tagged) != nil ? tagged : copied
    }

    func tableName(of dumpID: Int) -> String? { byID[dumpID].map { tableName(of: $0) } }

    /// The beginning of a stream whose table is to be told.
    struct Head {
        let id: Int
        let place: Int
        /// As they stand in the file: compressed or not.
        let bytes: [UInt8]
    }

    /// The table of each stream: by its id, or by the form of its rows.
    ///
    /// Several tables of the same form are told by their order, because pg_dump writes the data of tables in the order of
    /// their names; only when there are as many streams as such tables. A table that was dumped partition by partition has
    /// a stream under each partition's id; of two streams that bear one id, the second is nobody's.
    func streams(of heads: [Head]) -> [Stream] {
        var named: [Stream?] = heads.map { head in byID[head.id].map { stream(of: $0) } }
        var taken = Set<String>()
        var ids = Set<Int>()
        for index in named.indices {
            guard let stream = named[index] else { continue }
            taken.insert(stream.table)
            if !ids.insert(heads[index].id).inserted {
                named[index] = Stream(
                    table: "\(Self.twinPrefix)\(heads[index].id)_\(heads[index].place)", columns: stream.columns,
                    grammar: stream.grammar)
            }
        }
        var classes: [[String]: [Int]] = [:]
        var texts: [Int: [UInt8]] = [:]
        for index in heads.indices where named[index] == nil {
            let text = Self.decodedHead(heads[index].bytes, Codec.detect(heads[index].bytes))
            texts[index] = text
            let names = bestShapes(for: text).map(\.name).filter { !taken.contains($0) }.sorted()
            if !names.isEmpty { classes[names, default: []].append(index) }
        }
        for (names, members) in classes where names.count == members.count {
            for (name, index) in zip(names, members) { named[index] = stream(table: name, listed: []) }
        }
        for (names, members) in classes where names.count != members.count {
            for index in members {
                let words = names.map { $0.split(separator: ".").last ?? "" }.joined(separator: "_ou_")
                let shape = shape(of: names[0])
                let grammar = shape.map { self.grammar(of: $0, columns: $0.columns) }
                named[index] = Stream(
                    table: "inconnu.\(words)_\(heads[index].place)",
                    columns: shape?.columns.map(\.name) ?? [], grammar: grammar)
            }
        }
        return heads.indices.map { index in
            named[index] ?? unknown(heads[index], fieldCount: Self.fieldCount(texts[index] ?? []))
        }
    }

    private func unknown(_ head: Head, fieldCount: Int) -> Stream {
        Stream(
            table: "inconnu.flux_\(head.id)_\(head.place)", columns: (1...max(fieldCount, 1)).map { "c\($0)" },
            grammar: nil)
    }

    func entry(of dumpID: Int) -> ArchiveEntry? { byID[dumpID] }

    func stream(of entry: ArchiveEntry) -> Stream {
        let table = tableName(of: entry)
        let listed = CreateTableParser.copy(entry.copyStatement)?.columns ?? []
        return stream(table: table, listed: listed)
    }

    /// The stream of `table`, whose COPY statement lists `listed` (empty: all columns in the table's order).
    func stream(table named: String, listed names: [String]) -> Stream {
        let (table, listed, _) = ShapeSettler.settle(named, names, among: shapes, copied: copied)
        guard let shape = shape(of: table) else { return Stream(table: table, columns: listed, grammar: nil) }
        let names = listed.isEmpty ? shape.columns.map(\.name) : listed
        let byName = Dictionary(shape.columns.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
        let columns = names.map { byName[$0] ?? ColumnShape(name: $0, type: .other("")) }
        return Stream(table: table, columns: names, grammar: grammar(of: shape, columns: columns))
    }

    private func grammar(of shape: TableShape, columns: [ColumnShape]) -> RowGrammar {
        RowGrammar(columns: columns, mayBeKeyed: keys.mayBeKey(columns.first, of: shape))
    }

    /// The shapes that most of the head's lines fit, of those the strictest; none when no shape fits nine lines of ten.
    func bestShapes(for text: [UInt8]) -> [TableShape] {
        let lines = LineIndex(text)
        let sample = lines.ranges.prefix(200)
        guard !sample.isEmpty else { return [] }
        let fitting = shapes.filter { shape in
            let grammar = RowGrammar(columns: shape.columns)
            let good = text.withUnsafeBufferPointer { bytes in
                sample.count { grammar.check(UnsafeBufferPointer(rebasing: bytes[$0])) == .good }
            }
            return good * 10 >= sample.count * 9
        }
        let most = fitting.map(\.strictness).max() ?? 0
        return fitting.filter { $0.strictness == most }
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
    var strictness: Int {
        columns.reduce(0) { sum, column in
            switch column.type {
            case .text, .other: sum + (column.isNullable ? 0 : 1)
            case .character, .interval, .time: sum + 2
            default: sum + (column.isNullable ? 4 : 5)
            }
        }
    }
}
