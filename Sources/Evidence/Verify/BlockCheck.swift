internal import Cryptography

/// Compares a block with the entries that stand below it in an export, and names those that differ.
///
/// While everything fits, only a counter moves; from the first difference on, each entry's id and mark are kept.
struct BlockCheck {
    let block: JournalBlock
    private var tree = MerkleTree()
    /// Entries that stood where the block says, before the first difference.
    private var matchedCount = 0
    private var lastMatchedID: Int64?
    private var rest: [Seen] = []
    private var lastID = Int64.min
    private var lastAt: String?
    private var firstID: Int64?

    private struct Seen {
        let id: Int64
        let mark: UInt64
        /// The whole entry, for the first few: to tell a swap from two changes.
        let entry: JournalEntry?
    }

    private static let wholeEntriesMax = 64

    init(_ block: JournalBlock) { self.block = block }

    var entryCount: Int { matchedCount + rest.count }

    mutating func add(_ entry: JournalEntry, _ problems: inout Problems) {
        if entry.id <= lastID {
            problems.add(
                "block \(block.number): entry \(entry.id) stands behind entry \(lastID): their order was changed")
        }
        if entry.cluster != block.cluster || entry.xid < block.firstXid || entry.xid >= block.endXid {
            problems.add("block \(block.number): entry \(entry.id) is of a transaction that the block does not cover")
        }
        firstID = firstID ?? entry.id
        lastID = entry.id
        lastAt = entry.at
        let digest = entry.digest
        tree.add(digest)
        let mark = Self.mark(digest, at: 0)
        if rest.isEmpty, matchedCount < markCount, mark == self.mark(matchedCount) {
            matchedCount += 1
            lastMatchedID = entry.id
        } else {
            rest.append(Seen(id: entry.id, mark: mark, entry: rest.count < Self.wholeEntriesMax ? entry : nil))
        }
    }

    /// Call when all of the block's entries have been added.
    func finish(_ problems: inout Problems) {
        let before = problems.count
        explain(&problems)
        guard problems.count == before else { return }
        if tree.root != block.root || entryCount != block.rowCount {
            problems.add("block \(block.number): its entries are not those that were sealed")
        } else if firstID != block.firstID || (entryCount > 0 ? lastID : nil) != block.lastID || lastAt != block.lastAt
        {
            problems.add("block \(block.number): its first or last entry is not what it says")
        }
    }

    private var markCount: Int { block.marks.count / JournalBlock.markBytes }

    private func mark(_ index: Int) -> UInt64 { Self.mark(block.marks, at: index * JournalBlock.markBytes) }

    private static func mark(_ bytes: [UInt8], at start: Int) -> UInt64 {
        bytes[start..<start + JournalBlock.markBytes].reduce(0) { $0 << 8 | UInt64($1) }
    }

    // MARK: What differs

    /// Aligns the entries with the marks: entries found again in order are anchors; between two anchors stand changed,
    /// deleted and inserted ones.
    private func explain(_ problems: inout Problems) {
        guard !rest.isEmpty || matchedCount < markCount else { return }
        var places: [UInt64: Int] = [:]
        for index in matchedCount..<max(matchedCount, markCount) { places[mark(index)] = index }
        var changes: [(seen: Seen, place: Int)] = []
        var gap: [Seen] = []
        var next = matchedCount
        var anchor = lastMatchedID
        for seen in rest {
            guard let place = places[seen.mark] else {
                gap.append(seen)
                continue
            }
            guard place >= next else {
                problems.add("block \(block.number): entry \(seen.id) stands out of its place")
                continue
            }
            close(gap, next..<place, after: anchor, before: seen.id, &changes, &problems)
            gap = []
            next = place + 1
            anchor = seen.id
        }
        close(gap, next..<max(next, markCount), after: anchor, before: nil, &changes, &problems)
        report(changes, &problems)
    }

    /// `gap` entries stand where those of `missing` stood.
    private func close(
        _ gap: [Seen], _ missing: Range<Int>, after: Int64?, before: Int64?,
        _ changes: inout [(seen: Seen, place: Int)], _ problems: inout Problems
    ) {
        let pairs = min(gap.count, missing.count)
        changes += zip(gap, missing).map { ($0, $1) }
        for seen in gap.dropFirst(pairs) {
            problems.add("block \(block.number): entry \(seen.id) was inserted after the sealing")
        }
        let deleted = missing.count - pairs
        guard deleted > 0 else { return }
        let place =
            switch (gap.last?.id ?? after, before) {
            case (let after?, let before?): "between entries \(after) and \(before)"
            case (let after?, nil): "after entry \(after)"
            case (nil, let before?): "before entry \(before)"
            case (nil, nil): "all that it had"
            }
        problems.add(
            "block \(block.number): \(deleted == 1 ? "an entry was" : "\(deleted) entries were") deleted \(place)")
    }

    private func report(_ changes: [(seen: Seen, place: Int)], _ problems: inout Problems) {
        var told: Set<Int64> = []
        for (index, change) in changes.enumerated() where !told.contains(change.seen.id) {
            let other = changes[(index + 1)...].first { isSwapped(change, $0) }
            if let other {
                told.insert(other.seen.id)
                problems.add("block \(block.number): entries \(change.seen.id) and \(other.seen.id) were swapped")
            } else {
                problems.add("block \(block.number): entry \(change.seen.id) was changed")
            }
        }
    }

    /// Whether each of the two is what was sealed in the other's place, but for the id.
    private func isSwapped(_ left: (seen: Seen, place: Int), _ right: (seen: Seen, place: Int)) -> Bool {
        guard var one = left.seen.entry, var two = right.seen.entry else { return false }
        swap(&one.id, &two.id)
        return Self.mark(one.digest, at: 0) == mark(right.place) && Self.mark(two.digest, at: 0) == mark(left.place)
    }
}
