internal import Foundation

/// How many different clients were seen within the last one to two hours, in 16 KB: linear counting, right to a few
/// hundredths up to some 300,000.
struct RecentClients {
    private var now = Bits()
    private var before = Bits()
    private var since: Int64 = 0
    private static let span = 3_600 * Instant.second

    private struct Bits {
        static let count = 1 << 16
        var words = [UInt64](repeating: 0, count: count / 64)

        mutating func insert(_ hash: UInt64) {
            let bit = Int(truncatingIfNeeded: hash >> 8) & (Self.count - 1)
            words[bit >> 6] |= 1 << UInt64(bit & 63)
        }
    }

    mutating func saw(_ actor: UInt64, at time: Int64) {
        turn(time)
        now.insert(actor)
    }

    mutating func estimate(at time: Int64) -> Int {
        turn(time)
        let set = zip(now.words, before.words).reduce(0) { $0 + ($1.0 | $1.1).nonzeroBitCount }
        let size = Double(Bits.count)
        return Int((size * log(size / max(1, size - Double(set)))).rounded())
    }

    private mutating func turn(_ time: Int64) {
        guard time >= since + Self.span || time < since else { return }
        before = time < since + 2 * Self.span && time >= since ? now : Bits()
        now = Bits()
        since = time
    }
}
