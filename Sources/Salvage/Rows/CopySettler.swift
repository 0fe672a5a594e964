/// Condemns rows that came twice, and rows whose key says that two ran together.
struct CopySettler {
    let feed: StreamReader.Feed
    let isBounded: Bool
    let judge: TableJudge

    private struct Row {
        let key: Int64
        let hash: Int
        let offset: Int
        let length: Int
    }

    /// More rows than this are not held to look for copies.
    private static let rowsMax = 8 << 20
    /// So many rows, one behind the other, make a block that stands twice.
    private static let copiedRowsMin = 3

    func settle(isBroken: Bool) throws {
        let isKeyLike = judge.keys.isKeyLike
        let mayBeCut = isKeyLike && isBroken && judge.condemned.isEmpty && judge.keys.gapCount <= Self.gapsMax
        if isKeyLike, judge.keys.descents == 0, !mayBeCut { return }
        let rows = try gather(needsKey: isKeyLike)
        guard rows.count < Self.rowsMax else { return }
        if mayBeCut { settleGaps(rows) }
        if isKeyLike { settleKeys(rows) } else { settleBlocks(rows) }
    }

    private static let gapsMax = 64

    /// The framing says that bytes are missing and every line looks like a row: one may be of two, where keys are missing.
    private func settleGaps(_ rows: [Row]) {
        let keys = Set(rows.map(\.key))
        let lengths = Dictionary(rows.map { ($0.offset, $0.length) }, uniquingKeysWith: { first, _ in first })
        for gap in judge.keys.gaps where !keys.contains(gap.key &+ 1) {
            judge.condemn(gap.offset, lengths[gap.offset] ?? 0, "bytes are missing here: it may be two rows in one")
        }
    }

    private func gather(needsKey: Bool) throws -> [Row] {
        var rows: [Row] = []
        let judge = judge
        let cutter = LineCutter(isBounded: isBounded) { line, offset in
            guard judge.condemned[offset] == nil, !judge.isHandedOver(offset), rows.count < Self.rowsMax else { return }
            let key = needsKey ? judge.grammar?.key(of: line) : 0
            guard let key else { return }
            var hasher = Hasher()
            hasher.combine(bytes: UnsafeRawBufferPointer(line))
            rows.append(Row(key: key, hash: hasher.finalize(), offset: offset, length: line.count))
        }
        _ = try feed { bytes, offset in
            if bytes.isEmpty { _ = cutter.breakOff() } else { try cutter.take(bytes, at: offset) }
        }
        return rows
    }

    private func settleKeys(_ gathered: [Row]) {
        let spikes = Set(judge.keys.spikes.map(\.offset))
        let greatest = gathered.lazy.filter { !spikes.contains($0.offset) }.map(\.key).max() ?? 0
        let outliers = Dictionary(
            judge.keys.outliers(greatest: greatest).map { ($0.offset, $0) }, uniquingKeysWith: { first, _ in first })
        for row in gathered where outliers[row.offset] != nil {
            judge.condemn(row.offset, row.length, "its key is out of all order: two rows may have run together")
        }
        let rows = gathered.sorted { ($0.key, $0.offset) < ($1.key, $1.offset) }
        for (first, second) in zip(rows, rows.dropFirst()) where first.key == second.key {
            if first.hash != second.hash, judge.keys.turns.contains(first.offset) || spikes.contains(first.offset) {
                judge.condemn(first.offset, first.length, "another row has its key, and it is out of order")
            } else {
                let isSame = first.hash == second.hash
                judge.condemn(
                    second.offset, second.length,
                    isSame ? "the same row stands in the dump before" : "another row has its key")
            }
        }
    }

    /// Without a key, only a block of rows that repeats one before it, row for row, in a table that else repeats none.
    private func settleBlocks(_ rows: [Row]) {
        var firstSeen: [Int: Int] = [:]
        firstSeen.reserveCapacity(rows.count)
        var copies: [(index: Int, distance: Int)] = []
        for (index, row) in rows.enumerated() {
            if let first = firstSeen[row.hash] {
                copies.append((index, index - first))
            } else {
                firstSeen[row.hash] = index
            }
        }
        guard !copies.isEmpty, copies.count <= max(rows.count / 4, Self.copiedRowsMin) else { return }
        var start = 0
        while start < copies.count {
            var end = start + 1
            while end < copies.count, copies[end].index == copies[end - 1].index + 1,
                copies[end].distance == copies[start].distance
            {
                end += 1
            }
            guard end - start >= Self.copiedRowsMin else { return }
            for copy in copies[start..<end] {
                let row = rows[copy.index]
                judge.condemn(row.offset, row.length, "the same rows stand in the dump before")
            }
            let seam = copies[start].index - 1
            if seam >= 0, rows[seam].offset + rows[seam].length + 1 == rows[seam + 1].offset {
                judge.condemn(
                    rows[seam].offset, rows[seam].length, "a block of rows that stands twice begins inside it")
            }
            start = end
        }
    }
}
