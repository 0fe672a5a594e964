/// How far the clocks of sources are apart: the same sign-in stands in the log of the web server and in that of the
/// application, and the difference of their times is the difference of the clocks.
enum ClockSkew {
    /// Addresses that two sources must share.
    private static let sharedMin = 8
    /// Of the shared addresses, the part that must agree.
    private static let agreeing = 0.6
    private static let spread: Int64 = 3 * Instant.second
    /// Below this it is the time that a request takes.
    private static let least: Int64 = 3 * Instant.second

    /// What has to be taken off each source's times, in microseconds; 0 where nothing is known.
    ///
    /// - Parameter anchors: by source, the first sign-in of each address. The source that most others agree with is
    ///   taken to be right; of equals the one with the most sign-ins.
    static func estimate(_ anchors: [SignIns]) -> [Int64] {
        var links: [[(other: Int, difference: Int64)]] = Array(repeating: [], count: anchors.count)
        for left in anchors.indices {
            for right in anchors.indices where right > left {
                guard let difference = difference(anchors[left], anchors[right]) else { continue }
                links[left].append((right, difference))
                links[right].append((left, -difference))
            }
        }
        var skews = Array(repeating: Int64(0), count: anchors.count)
        var seen: Set<Int> = []
        func rank(_ source: Int) -> (Int, Int, Int) {
            (links[source].count { abs($0.difference) < least }, anchors[source].times.count, -source)
        }
        for start in anchors.indices.sorted(by: { rank($0) > rank($1) }) where seen.insert(start).inserted {
            var queue = [start]
            while let source = queue.popLast() {
                for link in links[source] where seen.insert(link.other).inserted {
                    let skew = skews[source] + link.difference
                    skews[link.other] = abs(skew) < least ? 0 : skew
                    queue.append(link.other)
                }
            }
        }
        return skews
    }

    /// The right source's time less the left one's; nil when they do not agree on one.
    private static func difference(_ left: SignIns, _ right: SignIns) -> Int64? {
        let differences = left.times.compactMap { address, time in right.times[address].map { $0 - time } }.sorted()
        guard differences.count >= sharedMin else { return nil }
        let median = differences[differences.count / 2]
        let close = differences.count { abs($0 - median) <= spread }
        return Double(close) >= agreeing * Double(differences.count) ? median : nil
    }
}

/// The first sign-in of each address in one source, well or failed. Bounded.
struct SignIns {
    private(set) var times: [UInt64: Int64] = [:]
    private static let most = 20_000

    @inline(__always)
    mutating func take(_ event: LogEvent) {
        guard event.kind == .login || event.kind == .loginFailure, event.time > 0, !event.address.isNone else { return }
        let actor = event.address.actor
        if let known = times[actor] {
            if event.time < known { times[actor] = event.time }
        } else if times.count < Self.most {
            times[actor] = event.time
        }
    }
}
