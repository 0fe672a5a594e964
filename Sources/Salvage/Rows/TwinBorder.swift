/// Finds where the rows of one table go over into those of another of the same form, whose beginning is lost.
///
/// The keys begin anew there and most of them come a second time, rising to the stream's end. That is believed only when
/// the catalog knows a table of this form that has no data elsewhere in the dump.
struct TwinBorder {
    let catalog: StreamCatalog
    /// Tables whose data is announced.
    let present: Set<String>
    let source: UncheckedRun.Source

    private struct Row {
        let key: Int64
        let offset: Int
        let length: Int
    }

    /// Shorter runs are rows out of order, not a table.
    private static let rowsMin = 20

    /// The other table and its rows, which `judge` then no longer counts as its own.
    func settle(_ judge: TableJudge) throws -> (table: String, lines: [StrayLine])? {
        guard judge.keys.descents > 0, judge.keys.isKeyLike, let table = twin() else { return nil }
        let rows = try gather(judge)
        guard let start = rows.indices.dropFirst().last(where: { rows[$0].key <= rows[$0 - 1].key }),
            rows.count - start >= Self.rowsMin
        else { return nil }
        let before = Set(rows[..<start].map(\.key))
        let repeated = rows[start...].count { before.contains($0.key) }
        guard repeated * 2 >= rows.count - start, let lines = try lines(from: rows[start].offset, judge) else {
            return nil
        }
        let last = rows[start - 1]
        if last.offset + last.length + 1 == rows[start].offset {
            judge.condemn(last.offset, last.length, "the rows of another table begin inside it or behind it")
        }
        judge.handOver(from: rows[start].offset)
        return (table, lines)
    }

    private func twin() -> String? {
        guard let own = catalog.shape(of: source.stream.table) else { return nil }
        let types = own.columns.map(\.type)
        let twins = catalog.shapes.filter {
            $0.name != own.name && !present.contains($0.name) && $0.columns.map(\.type) == types
        }
        guard twins.count > 1 else { return twins.first?.name }
        return "inconnu." + twins.map { $0.name.split(separator: ".").last ?? "" }.joined(separator: "_ou_")
    }

    private func gather(_ judge: TableJudge) throws -> [Row] {
        var rows: [Row] = []
        try follow { line, offset in
            guard judge.condemned[offset] == nil, let key = judge.grammar?.key(of: line) else { return }
            rows.append(Row(key: key, offset: offset, length: line.count))
        }
        return rows
    }

    /// Nil when they are more than are held in memory.
    private func lines(from border: Int, _ judge: TableJudge) throws -> [StrayLine]? {
        var lines: [StrayLine] = []
        var bytes = 0
        try follow { line, offset in
            guard offset >= border, judge.condemned[offset] == nil, bytes <= TableJudge.strayBytesMax else { return }
            bytes += line.count
            lines.append(StrayLine(offset: offset, bytes: Array(line)))
        }
        return bytes <= TableJudge.strayBytesMax ? lines : nil
    }

    private func follow(_ receive: @escaping (UnsafeBufferPointer<UInt8>, Int) -> Void) throws {
        let cutter = LineCutter(isBounded: source.endsInTerminator) { receive($0, $1) }
        _ = try source.feed { bytes, offset in
            if bytes.isEmpty { _ = cutter.breakOff() } else { try cutter.take(bytes, at: offset) }
        }
    }
}
