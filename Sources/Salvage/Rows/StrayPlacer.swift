/// Finds the table of lines that stand where no table was announced.
struct StrayPlacer {
    let catalog: StreamCatalog
    /// Tables whose data is announced elsewhere in the dump.
    let present: Set<String>

    /// A piece of a row fits a table that asks for little.
    private static let strictnessMin = 10

    /// Runs of lines with the table each fits; lines that fit none are left out.
    func place(_ lines: [StrayLine], notIn own: String?) -> [(table: String, run: [StrayLine])] {
        var placed: [(String, [StrayLine])] = []
        var index = 0
        while index < lines.count {
            let candidates = fitting(lines[index], among: catalog.shapes, notIn: own)
            guard !candidates.isEmpty else {
                index += 1
                continue
            }
            let first = index
            var common = candidates
            index += 1
            while index < lines.count {
                let still = fitting(lines[index], among: common, notIn: own)
                guard !still.isEmpty else { break }
                common = still
                index += 1
            }
            let table = name(common)
            placed.append((table, Self.whole(Array(lines[first..<index]), RowGrammar(columns: common[0].columns))))
        }
        return placed
    }

    /// Without a first line whose key is not of the same kind as the next one's: it may be cut at its beginning.
    private static func whole(_ run: [StrayLine], _ grammar: RowGrammar) -> [StrayLine] {
        guard run.count > 1 else { return grammar.columns.first?.type.hasFixedForm == true ? run : [] }
        let keys = run.prefix(2).map { line in line.bytes.withUnsafeBufferPointer { grammar.key(of: $0) } }
        guard let first = keys[0], let second = keys[1] else { return run }
        let (distance, overflow) = second.subtractingReportingOverflow(first)
        return !overflow && (-1000...1000).contains(distance) ? run : Array(run.dropFirst())
    }

    private func fitting(_ line: StrayLine, among shapes: [TableShape], notIn own: String?) -> [TableShape] {
        line.bytes.withUnsafeBufferPointer { bytes in
            guard bytes.contains(9) else { return [] }
            return shapes.filter {
                $0.name != own && $0.columns.count > 2 && $0.strictness >= Self.strictnessMin
                    && RowGrammar(columns: $0.columns).check(bytes) == .good
            }
        }
    }

    /// The strictest; of several as strict the one whose data is announced nowhere; else none can be named.
    private func name(_ shapes: [TableShape]) -> String {
        let most = shapes.map(\.strictness).max() ?? 0
        let strict = shapes.filter { $0.strictness == most }
        if strict.count == 1 { return strict[0].name }
        let absent = strict.filter { !present.contains($0.name) }
        return absent.count == 1
            ? absent[0].name
            : "inconnu.\(strict.map { $0.name.split(separator: ".").last ?? "" }.joined(separator: "_ou_"))"
    }
}

/// The stream of rows whose table can not be named.
enum StreamPlacerName {
    static func unknown(_ table: String, _ lines: [StrayLine]) -> StreamCatalog.Stream {
        let count = (lines.first?.bytes.count { $0 == 9 } ?? 0) + 1
        return StreamCatalog.Stream(table: table, columns: (1...count).map { "c\($0)" }, grammar: nil)
    }
}
