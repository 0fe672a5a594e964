/// Finds the table of lines that stand where no table was announced.
struct StrayPlacer {
    let catalog: StreamCatalog
    /// Tables whose data is announced elsewhere in the dump.
    let present: Set<String>

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
            placed.append((name(common, at: lines[first].offset), Array(lines[first..<index])))
        }
        return placed
    }

    private func fitting(_ line: StrayLine, among shapes: [TableShape], notIn own: String?) -> [TableShape] {
        line.bytes.withUnsafeBufferPointer { bytes in
            guard bytes.contains(9) else { return [] }
            return shapes.filter {
                $0.name != own && $0.columns.count > 1 && RowGrammar(columns: $0.columns).check(bytes) == .good
            }
        }
    }

    /// The strictest; of several as strict the one whose data is announced nowhere; else none can be named.
    private func name(_ shapes: [TableShape], at offset: Int) -> String {
        let most = shapes.map(\.strictness).max() ?? 0
        let strict = shapes.filter { $0.strictness == most }
        if strict.count == 1 { return strict[0].name }
        let absent = strict.filter { !present.contains($0.name) }
        return absent.count == 1
            ? absent[0].name : "inconnu.\(strict.map { $0.name.split(separator: ".").last ?? "" }.joined(separator: "_ou_"))"
    }
}

/// The stream of rows whose table can not be named.
enum StreamPlacerName {
    static func unknown(_ table: String, _ lines: [StrayLine]) -> StreamCatalog.Stream {
        let count = (lines.first?.bytes.count { $0 == 9 } ?? 0) + 1
        return StreamCatalog.Stream(table: table, columns: (1...count).map { "c\($0)" }, grammar: nil)
    }
}
