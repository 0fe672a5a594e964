internal import Foundation
internal import Postgres
internal import Synchronization

/// What was acknowledged to clients outside, and when.
final class Acknowledgements: Sendable {
    struct Entry: Sendable {
        let key: String
        /// Seconds of the monotonic clock.
        let at: Double
    }

    private let state = Mutex<(entries: [Entry], isOver: Bool)>(([], false))

    static func now() -> Double {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
    }

    var all: [Entry] { state.withLock { $0.entries } }
    var isOver: Bool { state.withLock { $0.isOver } }

    func add(_ key: String) {
        let entry = Entry(key: key, at: Self.now())
        state.withLock { $0.entries.append(entry) }
    }

    func end() { state.withLock { $0.isOver = true } }

    func count(since moment: Double) -> Int {
        state.withLock { $0.entries.reversed().prefix { $0.at > moment }.count }
    }

    /// The longest time between two answers, of those that reach behind `start`.
    func longestPause(from start: Double, to end: Double) -> Double {
        let moments = all.map(\.at).sorted()
        let before = moments.last { $0 <= start } ?? start
        var (last, longest) = (before, 0.0)
        for moment in moments where moment > start && moment <= end {
            longest = max(longest, moment - last)
            last = moment
        }
        return max(longest, end - last)
    }
}

/// Clients that move money all the time, each order with a key of its own, sent again until it is answered.
struct FailoverWriters: Sendable {
    static let accounts: ClosedRange<Int64> = 1...20
    let prefix: String
    let acknowledged: Acknowledgements
    let pause: Duration = .milliseconds(20)

    /// Through libpq with all hosts of the cluster.
    func write(_ writer: Int, _ database: Database) async {
        let store = ClusterStore(database: database)
        await order(writer) { key, debit, credit in
            (try? await store.transfer(debit, credit, key)) != nil
        }
    }

    /// Sends orders until the drill is over; `send` says whether the answer came.
    func order(_ writer: Int, _ send: (String, Int64, Int64) async -> Bool) async {
        var number = 0
        while !acknowledged.isOver {
            number += 1
            let key = "\(prefix)\(writer)-\(number)"
            let debit = Int64.random(in: Self.accounts)
            let credit = debit % Int64(Self.accounts.count) + 1
            while !acknowledged.isOver {
                if await send(key, debit, credit) {
                    acknowledged.add(key)
                    break
                }
                try? await Task.sleep(for: pause)
            }
            try? await Task.sleep(for: pause)
        }
    }
}
