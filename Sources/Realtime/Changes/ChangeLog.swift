internal import Postgres

/// The last changes, for those who come back. Bounded by number and by bytes; the oldest go first.
struct ChangeLog: Sendable {
    private let countMax: Int
    private let bytesMax: Int
    private var changes: [Change] = []
    private var head = 0
    private var byteCount = 0
    /// Everything behind this is in the log.
    private(set) var floor: ChangeID

    init(countMax: Int, bytesMax: Int, floor: ChangeID) {
        self.countMax = max(1, countMax)
        self.bytesMax = max(1, bytesMax)
        self.floor = floor
    }

    var count: Int { changes.count - head }
    /// Where the oldest change of the log was committed.
    var oldest: LogPosition? { head < changes.count ? changes[head].id.commit : nil }
    var last: ChangeID { changes.last?.id ?? floor }

    mutating func append(_ change: Change) {
        changes.append(change)
        byteCount += change.byteCount
        while count > 1, count > countMax || byteCount > bytesMax { dropFirst() }
    }

    private mutating func dropFirst() {
        byteCount -= changes[head].byteCount
        floor = changes[head].id
        head += 1
        if head > 1024, head * 2 > changes.count {
            changes.removeFirst(head)
            head = 0
        }
    }

    /// What came behind `id`; nil when some of it is gone.
    func changes(behind id: ChangeID) -> ArraySlice<Change>? {
        guard id >= floor else { return nil }
        // The first that is larger, by halving.
        var low = head
        var high = changes.count
        while low < high {
            let middle = (low + high) / 2
            if changes[middle].id > id { high = middle } else { low = middle + 1 }
        }
        return changes[low...]
    }
}
