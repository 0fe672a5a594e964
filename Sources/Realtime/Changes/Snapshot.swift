/// Which transactions a reader at some moment saw, as `pg_current_snapshot()` prints it: `100:105:101,103`.
struct Snapshot: Sendable, Hashable {
    private let end: UInt64
    private let running: Set<UInt32>
    private let first: UInt64

    init?(_ text: String) {
        let parts = text.split(separator: ":", omittingEmptySubsequences: false)
        guard parts.count == 3, let first = UInt64(parts[0]), let end = UInt64(parts[1]) else { return nil }
        self.first = first
        self.end = end
        running = Set(parts[2].split(separator: ",").compactMap { UInt64($0) }.map { UInt32(truncatingIfNeeded: $0) })
    }

    /// Whether the changes of a committed transaction were visible. Transaction numbers wrap at 32 bits; the log never
    /// spans half of that.
    func sees(_ transaction: UInt32) -> Bool {
        let distance = Int32(bitPattern: transaction &- UInt32(truncatingIfNeeded: end))
        return distance < 0 && !running.contains(transaction)
    }
}
