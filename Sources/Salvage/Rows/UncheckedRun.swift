/// Reads the streams of a dump whose bytes no checksum covers: first judges every line, then hands out the rows.
///
/// Nothing is sent before the whole dump has been judged, because a row may stand among another table's: rows that moved,
/// or whose COPY line or member header is lost, go to the one table they fit.
final class UncheckedRun {
    struct Source {
        let stream: StreamCatalog.Stream
        /// For people: `entry 12`, `3392.dat`.
        let name: String
        let feed: StreamReader.Feed
        /// True for text of one table from its beginning to its closing line; false for text whose end need not be a
        /// line's end.
        let endsInTerminator: Bool
    }

    private let catalog: StreamCatalog
    private let emit: (ReadEvent) throws -> Void
    private var judges: [TableJudge] = []
    /// Whether the framing of each source is damaged.
    private var isBroken: [Bool] = []
    private(set) var damage: [Damage] = []
    private(set) var summaries: [TableSummary] = []
    private var adopted: [String: [StrayLine]] = [:]

    init(catalog: StreamCatalog, emit: @escaping (ReadEvent) throws -> Void) {
        self.catalog = catalog
        self.emit = emit
    }

    /// `loose` are lines found outside all streams.
    func read(_ sources: [Source], loose: [StrayLine] = []) throws {
        for source in sources { try judge(source) }
        try handOver(sources)
        for (index, source) in sources.enumerated() {
            let settler = CopySettler(
                feed: source.feed, isBounded: source.endsInTerminator, judge: judges[index])
            try settler.settle(isBroken: isBroken[index])
            try SeamJudge(feed: source.feed, isBounded: source.endsInTerminator, judge: judges[index]).settle()
        }
        try placeStrays(sources, loose)
        var done: Set<String> = []
        var sent: Set<[String]> = []
        for (index, source) in sources.enumerated() where sent.insert(Self.form(source)).inserted {
            done.insert(source.stream.table)
            // Parts that list other columns are sent by themselves: their fields mean something else.
            let same = sources.indices.filter { $0 >= index && Self.form(sources[$0]) == Self.form(source) }
            try send(same.map { (sources[$0], judges[$0]) })
        }
        for table in adopted.keys.sorted() where !done.contains(table) {
            try sendAdopted(table)
        }
    }

    private func judge(_ source: Source) throws {
        let judge = TableJudge(source.stream.grammar)
        let cutter = LineCutter(isBounded: source.endsInTerminator) { line, offset in judge.take(line, at: offset) }
        let broken = try source.feed { bytes, offset in
            if bytes.isEmpty { judge.mark(cutter.breakOff()) } else { try cutter.take(bytes, at: offset) }
        }
        if let broken { damage.append(broken) }
        isBroken.append(broken != nil)
        if let open = cutter.openLine {
            damage.append(
                Damage(
                    kind: .truncated, range: open.offset..<(open.offset + open.bytes.count),
                    table: source.stream.table,
                    explanation: .init(
                        fr: "les données s’arrêtent au milieu d’une ligne",
                        en: "the data ends inside a row")))
        } else if source.endsInTerminator, !cutter.sawTerminator {
            damage.append(
                Damage(
                    kind: .terminatorLost, range: 0..<0, table: source.stream.table,
                    explanation: .init(
                        fr: "la ligne de fin des données de \(source.stream.table) manque",
                        en: "the closing line of the data of \(source.stream.table) is missing")))
        }
        judges.append(judge)
    }

    // MARK: Strays

    /// Gives rows behind a lost border to the table they are of.
    private func handOver(_ sources: [Source]) throws {
        let present = Set(sources.map(\.stream.table))
        for (index, source) in sources.enumerated() {
            let border = TwinBorder(catalog: catalog, present: present.union(adopted.keys), source: source)
            guard let (table, lines) = try border.settle(judges[index]) else { continue }
            adopted[table, default: []] += lines
        }
    }

    private func placeStrays(_ sources: [Source], _ loose: [StrayLine]) throws {
        let placer = StrayPlacer(catalog: catalog, present: Set(sources.map(\.stream.table)))
        for (index, judge) in judges.enumerated() where !judge.strays.isEmpty {
            for (table, run) in placer.place(judge.strays, notIn: sources[index].stream.table) {
                let whole = judge.adopt(run)
                if !whole.isEmpty { adopted[table, default: []] += whole }
            }
        }
        for (table, run) in placer.place(loose, notIn: nil) { adopted[table, default: []] += run }
    }

    // MARK: Sending

    private func send(_ parts: [(source: Source, judge: TableJudge)]) throws {
        guard let first = parts.first else { return }
        let stream = first.source.stream
        try emit(.begin(table: stream.table, columns: stream.columns))
        var sender = RowSender(stream, source: first.source.name, emit: emit)
        sender.summary.parts = parts.count
        // The rows of the parts before this one: within a part, a table without a key may have the same row twice.
        var seen = Set<Int>()
        let isRepeated = parts.count > 1 || adopted[stream.table] != nil
        for (source, judge) in parts {
            var own = Set<Int>()
            defer { seen.formUnion(own) }
            let strays = Set(judge.strays.lazy.map(\.offset).filter { judge.condemned[$0] == nil })
            let cutter = LineCutter(isBounded: source.endsInTerminator) { line, offset in
                guard !strays.contains(offset), !judge.isHandedOver(offset), !Self.isTerminator(line) else { return }
                if let reason = judge.condemned[offset] {
                    return try sender.send(line, at: offset, as: .suspect(reason: reason))
                }
                if isRepeated {
                    let hash = Self.hash(line)
                    guard !seen.contains(hash) else {
                        return try sender.send(
                            line, at: offset, as: .suspect(reason: "the same row stands in the dump before"))
                    }
                    own.insert(hash)
                }
                try sender.send(line, at: offset, as: .intact)
            }
            _ = try source.feed { bytes, offset in
                guard bytes.isEmpty else { return try cutter.take(bytes, at: offset) }
                if let open = cutter.breakOff() {
                    try open.bytes.withUnsafeBufferPointer {
                        try sender.send($0, at: open.offset, as: .suspect(reason: "its place in the dump is damaged"))
                    }
                }
            }
            report(judge, stream.table)
        }
        try sendAdopted(stream.table, &sender, &seen)
        adopted[stream.table] = nil
        try end(&sender)
    }

    private static func form(_ source: Source) -> [String] { [source.stream.table] + source.stream.columns }

    private static func isTerminator(_ line: UnsafeBufferPointer<UInt8>) -> Bool {
        line.count == 2 && line[0] == UInt8(ascii: "\\") && line[1] == UInt8(ascii: ".")
    }

    private static func hash(_ line: UnsafeBufferPointer<UInt8>) -> Int {
        var hasher = Hasher()
        hasher.combine(bytes: UnsafeRawBufferPointer(line))
        return hasher.finalize()
    }

    private func sendAdopted(_ table: String) throws {
        let stream =
            catalog.shape(of: table).map {
                StreamCatalog.Stream(
                    table: table, columns: $0.columns.map(\.name), grammar: RowGrammar(columns: $0.columns))
            } ?? StreamPlacerName.unknown(table, adopted[table] ?? [])
        try emit(.begin(table: table, columns: stream.columns))
        var sender = RowSender(stream, source: "rows without a name", emit: emit)
        var seen = Set<Int>()
        try sendAdopted(table, &sender, &seen)
        try end(&sender)
    }

    private func sendAdopted(_ table: String, _ sender: inout RowSender, _ seen: inout Set<Int>) throws {
        guard let strays = adopted[table], let first = strays.first, let last = strays.last else { return }
        damage.append(
            Damage(
                kind: .framing, range: first.offset..<max(last.offset + last.bytes.count, first.offset + 1),
                table: table,
                explanation: .init(
                    fr: "\(strays.count) lignes de \(table) se trouvent où ses données ne sont pas annoncées",
                    en: "\(strays.count) rows of \(table) stand where its data is not announced")))
        for stray in strays {
            try stray.bytes.withUnsafeBufferPointer { line in
                let isNew = seen.insert(Self.hash(line)).inserted
                try sender.send(
                    line, at: stray.offset,
                    as: isNew ? .intact : .suspect(reason: "the same row stands in the dump before"))
            }
        }
    }

    private func end(_ sender: inout RowSender) throws {
        try sender.flush()
        summaries.append(sender.summary)
        try emit(.end(sender.summary))
    }

    private func report(_ judge: TableJudge, _ table: String) {
        for wound in judge.wounds.prefix(1000) {
            damage.append(
                Damage(
                    kind: .rows, range: wound, table: table,
                    explanation: .init(
                        fr: "ces octets ne sont pas des lignes de \(table)",
                        en: "these bytes are no rows of \(table)")))
        }
    }
}
