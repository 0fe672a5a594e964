internal import Postgres
internal import Synchronization

/// The days between which an operation can have been booked, as ISO dates.
struct PlausibleDays: Sendable, RowDecodable {
    let first: String
    let last: String

    init(first: String, last: String) {
        self.first = first
        self.last = last
    }

    init(row: Row) throws {
        first = try row.decode(0)
        last = try row.decode(1)
    }

    /// Whether a time as COPY writes it (`2024-02-29 10:00:00+00`) is of one of these days.
    func holds(_ time: UnsafeBufferPointer<UInt8>) -> Bool {
        guard Self.isDay(time) else { return false }
        let day = time.prefix(10)
        return !day.lexicographicallyPrecedes(first.utf8) && !Array(last.utf8).lexicographicallyPrecedes(day)
    }

    /// Whether it is a day of a four-digit year: not infinite, not before our era.
    static func isDay(_ time: UnsafeBufferPointer<UInt8>) -> Bool {
        guard time.count >= 10, time[4] == UInt8(ascii: "-"), time[7] == UInt8(ascii: "-") else { return false }
        return time.prefix(4).allSatisfy { (48...57).contains($0) } && time.last != UInt8(ascii: "C")
    }
}

extension Rebuilder {
    /// A hundred thousand million, in minor units: no operation and no balance is beyond it.
    private static let amountMinorMax: Int64 = 10_000_000_000_000
    /// The ledger's sums are 64-bit numbers, and each amount stands on two sides.
    private static let bookedMinorMax = Int64.max / 4

    /// Sequences go on behind the highest key: one at the end of the numbers would be the bank's last row.
    static let keyMax = Int64.max / 2

    /// Whether an amount fits in the ledger beside those that are in it; when it does, it takes its place.
    func takesPlace(_ minor: Int64) -> Bool {
        guard minor.magnitude <= Self.amountMinorMax.magnitude else { return false }
        return state.withLock { state in
            guard state.bookedMinor <= Self.bookedMinorMax - Self.amountMinorMax else { return false }
            state.bookedMinor += abs(minor)
            return true
        }
    }
}
