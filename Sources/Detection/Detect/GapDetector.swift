/// The silences of one log, its numbers and its clock.
struct GapDetector {
    struct Pause: Sendable {
        var from: Int64 = 0
        var to: Int64 = 0
        var line: Int64 = 0
        var offset: Int64 = 0
        var length: Int64 { to - from }
    }

    /// The longest pauses, longest first.
    private(set) var pauses: [Pause] = []
    private static let keptMax = 12
    private(set) var events: Int64 = 0
    private(set) var first: Int64 = 0
    private(set) var last: Int64 = 0
    /// The farthest that time went back from one line to the next.
    private(set) var setback = Pause()
    private static let least: Int64 = 20 * 60 * Instant.second

    @inline(__always)
    mutating func tick(_ time: Int64, _ place: LinePlace) {
        guard time > 0 else { return }
        events += 1
        if first == 0 || time < first { first = time }
        if last > 0 {
            let step = time - last
            if step > Self.least {
                note(Pause(from: last, to: time, line: place.number, offset: place.offset))
            } else if step < 0, -step > setback.length {
                setback = Pause(from: time, to: last, line: place.number, offset: place.offset)
            }
        }
        if time > last { last = time }
    }

    private mutating func note(_ pause: Pause) {
        if pauses.count == Self.keptMax, let least = pauses.last, least.length >= pause.length { return }
        let place = pauses.firstIndex { $0.length < pause.length } ?? pauses.count
        pauses.insert(pause, at: place)
        if pauses.count > Self.keptMax { pauses.removeLast() }
    }

    /// From which length a pause would stand out; nil while too little is known of the log.
    var limit: Int64? {
        guard events >= 500 else { return nil }
        let usual = pauses.count > 3 ? pauses[3].length : Self.least * 2 / 3
        return max(Self.least, usual / 100 * 180)
    }

    /// Pauses that stand out: over twice as long as the fourth longest, which a steady log's nights and weekends fill.
    /// At most three can stand out.
    var unusual: [Pause] {
        guard events >= 500, let longest = pauses.first, longest.length > Self.least else { return [] }
        let rank = min(3, pauses.count - 1)
        let usual = pauses.count > 3 ? pauses[rank].length : Self.least * 2 / 3
        return pauses.prefix(3).filter { $0.length / 180 > usual / 100 && $0.length > Self.least }
    }
}

/// Numbers that a log gives its lines, by session.
final class SequenceDetector {
    struct State: TableValue {
        var lastSeen: UInt32 = 0
        var last: Int64 = 0
        var steady: UInt32 = 0
        var weight: Int { Int(steady) }
    }

    private let table = BoundedTable<State>(capacityMax: 1 << 15)

    /// How many numbers are absent before this one; 0 unless the session counted one by one until now.
    func missing(_ session: UInt64, _ number: Int64, now: UInt32) -> Int64 {
        let state = table.at(session, now: now)
        defer { state.pointee.last = number }
        let step = number - state.pointee.last
        if step == 1 {
            state.pointee.steady &+= 1
            return 0
        }
        let wasSteady = state.pointee.steady >= 4
        if step <= 0 { state.pointee.steady = 0 }
        return wasSteady && step > 1 && step < 1_000_000 ? step - 1 : 0
    }
}
