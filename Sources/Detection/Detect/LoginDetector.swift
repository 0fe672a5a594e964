/// What is known of one address at one door (SSH, portal, database).
struct LoginState: TableValue {
    var lastSeen: UInt32 = 0
    var address = NetworkAddress.none
    /// Seconds of the last failures, oldest at `head`.
    var ring = InlineArray<16, UInt32>(repeating: 0)
    var head: UInt8 = 0
    var slow: Float = 0
    var slowAt: UInt32 = 0
    var users = DistinctBits()
    var usersSince: UInt32 = 0
    var failures: UInt32 = 0
    var successes: UInt32 = 0
    var windowFailures: UInt32 = 0
    /// Invalid users that were announced and whose failed password is still to come.
    var announced: UInt8 = 0
    var announcedAt: UInt32 = 0
    var flaggedAt: UInt32 = 0
    var raisedBrute: UInt32 = 0
    var raisedSlow: UInt32 = 0
    var raisedMany: UInt32 = 0

    var weight: Int { Int(min(failures, 1_000_000)) + (flaggedAt > 0 ? 1_000_000 : 0) }
}

/// What is known of one account: how many addresses fail on it.
struct AccountState: TableValue {
    var lastSeen: UInt32 = 0
    var addresses = DistinctBits()
    var since: UInt32 = 0
    var failures: UInt32 = 0
    var raised: UInt32 = 0
    var latitude: Float = 1000
    var longitude: Float = 1000
    var locatedAt: UInt32 = 0

    var weight: Int { Int(failures) + (latitude < 999 ? 5 : 0) }
}

/// Thresholds, with the reason for each.
public struct LoginLimits: Sendable {
    /// fail2ban's own: five in ten minutes.
    public var sshFailures = 5
    /// People mistype on a portal, and several share an address.
    public var webFailures = 10
    public var window: UInt32 = 600
    /// Leaks one in `slowLeak` seconds: twenty a week stay unseen, forty do not.
    public var slowFailures: Float = 20
    public var slowLeak: Float = 30_240
    /// Accounts from one address within an hour.
    public var manyUsers = 8
    /// After that long a flagged address is a stranger again.
    public var memory: UInt32 = 86_400
    /// Nearer than this is one place: files of addresses are wrong by some hundred kilometres.
    public var travelKilometres: Double = 500
    /// Kilometres an hour that nobody travels at.
    public var travelSpeed: Double = 1_000

    public init() {}
}

/// Brute force (fast and slow), spraying, stuffing, and the success after them.
final class LoginDetector {
    private let limits: LoginLimits
    private let table = BoundedTable<LoginState>(capacityMax: 1 << 18)
    private let accounts = BoundedTable<AccountState>(capacityMax: 1 << 17)
    private let sink: FindingSink
    private let places: GeoDatabase?
    private var wave = FailureWave()

    init(_ limits: LoginLimits, _ sink: FindingSink, places: GeoDatabase? = nil) {
        self.limits = limits
        self.sink = sink
        self.places = places
    }

    private enum Door: UInt64 {
        case secureShell = 1, portal, application, database

        init(_ source: LogEvent.Source) {
            switch source {
            case .secureShell, .system, .audit, .unknown: self = .secureShell
            case .postgres: self = .database
            case .web: self = .portal
            case .application: self = .application
            }
        }
    }

    func failure(_ event: inout LogEvent, _ place: LinePlace) {
        let now = UInt32(truncatingIfNeeded: max(0, event.time / Instant.second))
        let door = Door(event.source)
        var count = Int(max(1, event.count))
        account(event, place, now, count)
        if door == .application || door == .portal { wave.failure(event, now, sink, place) }
        guard !event.address.isNone else { return }
        let state = table.at(Hash.mix(event.address.actor ^ door.rawValue), now: now)
        state.pointee.address = event.address
        if door == .secureShell { count -= announced(event, state, now, count) }
        guard count > 0 else { return }
        note(state, event, now, count)
        judge(state, event, place, now, door)
    }

    /// sshd says `Invalid user` and then `Failed password for invalid user`: one failure, not two.
    private func announced(
        _ event: LogEvent, _ state: UnsafeMutablePointer<LoginState>, _ now: UInt32, _ count: Int
    ) -> Int {
        guard event.marks & 1 != 0 else { return 0 }
        if event.action.equals("invalid-user") {
            state.pointee.announced = UInt8(min(255, Int(state.pointee.announced) + 1))
            state.pointee.announcedAt = now
            return 0
        }
        guard state.pointee.announced > 0, now &- state.pointee.announcedAt <= 120 else { return 0 }
        state.pointee.announced -= 1
        return 1
    }

    private func note(_ state: UnsafeMutablePointer<LoginState>, _ event: LogEvent, _ now: UInt32, _ count: Int) {
        state.pointee.failures &+= UInt32(count)
        for _ in 0..<min(count, 16) {
            state.pointee.ring[Int(state.pointee.head & 15)] = max(now, 1)
            state.pointee.head &+= 1
        }
        let passed = Float(now > state.pointee.slowAt ? now - state.pointee.slowAt : 0)
        state.pointee.slow = max(0, state.pointee.slow - passed / limits.slowLeak) + Float(count)
        state.pointee.slowAt = max(now, state.pointee.slowAt)
        if now > state.pointee.usersSince &+ 3600 {
            state.pointee.users.removeAll()
            state.pointee.usersSince = now
            state.pointee.windowFailures = 0
        }
        state.pointee.windowFailures &+= UInt32(count)
        if !event.user.isEmpty { state.pointee.users.insert(event.user.hash()) }
    }

    /// The time of the n-th last failure.
    private func failedAgo(_ state: UnsafeMutablePointer<LoginState>, _ n: Int) -> UInt32 {
        state.pointee.ring[(Int(state.pointee.head) - n) & 15]
    }

    private func judge(
        _ state: UnsafeMutablePointer<LoginState>, _ event: LogEvent, _ place: LinePlace, _ now: UInt32, _ door: Door
    ) {
        let needed = door == .secureShell || door == .database ? limits.sshFailures : limits.webFailures
        let oldest = failedAgo(state, needed)
        let value = state.pointee
        // Lines may come out of order: a time before the others is no interval.
        let isFast = oldest > 0 && oldest <= now && now - oldest <= limits.window
        let users = value.users.estimate
        let isMany =
            users >= limits.manyUsers && Int(value.windowFailures) <= users * 3 && value.failures > value.successes
        if isMany, now > value.raisedMany &+ limits.memory || value.raisedMany == 0 {
            state.pointee.raisedMany = max(now, 1)
            state.pointee.flaggedAt = max(now, 1)
            let rule = door == .secureShell ? Rules.sshSpray : door == .database ? Rules.databaseBrute : Rules.stuffing
            raise(
                rule, event, place, "\(users) accounts within an hour, \(value.windowFailures) failures",
                Int64(value.windowFailures))
        }
        if isFast, now > value.raisedBrute &+ limits.memory || value.raisedBrute == 0 {
            state.pointee.raisedBrute = max(now, 1)
            state.pointee.flaggedAt = max(now, 1)
            let rule =
                door == .secureShell ? Rules.sshBrute : door == .database ? Rules.databaseBrute : Rules.webBrute
            raise(rule, event, place, "\(needed) failures within \(now - oldest) s", Int64(needed))
        } else if isFast || isMany {
            state.pointee.flaggedAt = max(now, 1)
        }
        let isSlow = value.slow >= limits.slowFailures && value.failures > value.successes &* 3
        if isSlow, !isFast, value.raisedBrute == 0, now > value.raisedSlow &+ 7 * limits.memory || value.raisedSlow == 0
        {
            state.pointee.raisedSlow = max(now, 1)
            state.pointee.flaggedAt = max(now, 1)
            let rule =
                door == .secureShell ? Rules.sshSlow : door == .database ? Rules.databaseBrute : Rules.webSlow
            raise(rule, event, place, "\(value.failures) failures, slowly", Int64(value.failures))
        }
    }

    private func account(_ event: LogEvent, _ place: LinePlace, _ now: UInt32, _ count: Int) {
        guard !event.user.isEmpty, !event.address.isNone else { return }
        let state = accounts.at(event.user.hash(11), now: now)
        if now > state.pointee.since &+ 3600 {
            state.pointee.since = now
            state.pointee.addresses.removeAll()
            state.pointee.failures = 0
        }
        state.pointee.failures &+= UInt32(count)
        state.pointee.addresses.insert(event.address.actor)
        let addresses = state.pointee.addresses.estimate
        guard state.pointee.failures >= 30, addresses >= 10, now > state.pointee.raised &+ limits.memory else { return }
        state.pointee.raised = now
        var subject = FindingSink.Subject()
        subject.user = event.user
        subject.host = event.host
        subject.words = "\(state.pointee.failures) failures from \(addresses) addresses within an hour"
        sink.raise(Rules.distributed, event, place, subject)
    }

    private func raise(_ rule: Rule, _ event: LogEvent, _ place: LinePlace, _ words: String, _ count: Int64) {
        var subject = FindingSink.Subject()
        subject.address = event.address
        subject.user = event.user
        subject.host = event.host
        subject.target = event.path
        subject.words = words
        subject.count = count
        sink.raise(rule, event, place, subject)
    }

    /// A success from an address that was failing is a takeover.
    func success(_ event: inout LogEvent, _ place: LinePlace) {
        guard !event.address.isNone else { return }
        let now = UInt32(truncatingIfNeeded: max(0, event.time / Instant.second))
        let door = Door(event.source)
        if door == .application || door == .portal { wave.success(now) }
        if places != nil { travel(event, place, now) }
        guard let state = table.find(Hash.mix(event.address.actor ^ door.rawValue)) else { return }
        let value = state.pointee
        let isFlagged = value.flaggedAt > 0 && now <= value.flaggedAt &+ limits.memory
        if isFlagged || isRecent(state, now, door) {
            let rule: Rule =
                switch door {
                case .secureShell: Rules.takeoverSSH
                case .database: Rules.takeoverDatabase
                case .portal, .application: Rules.takeoverWeb
                }
            raise(rule, event, place, "a success after \(value.failures) failures", 1)
        }
        state.pointee.successes &+= 1
    }

    /// One account at two places, faster than an airliner goes from one to the other.
    private func travel(_ event: LogEvent, _ place: LinePlace, _ now: UInt32) {
        guard let places, !event.user.isEmpty, now > 0, let here = places.place(of: event.address) else { return }
        let state = accounts.at(event.user.hash(11), now: now)
        let before = GeoDatabase.Place(
            latitude: Double(state.pointee.latitude), longitude: Double(state.pointee.longitude))
        let then = state.pointee.locatedAt
        // Lines may come out of order: the last place is the one with the latest time.
        if now >= then {
            state.pointee.latitude = Float(here.latitude)
            state.pointee.longitude = Float(here.longitude)
            state.pointee.locatedAt = now
        }
        guard before.latitude <= 90 else { return }
        let distance = before.distance(to: here)
        let hours = Double(now > then ? now - then : then - now) / 3600
        guard distance >= limits.travelKilometres, distance - 100 > limits.travelSpeed * hours else { return }
        var subject = FindingSink.Subject()
        subject.address = event.address
        subject.user = event.user
        subject.host = event.host
        let minutes = Int((hours * 60).rounded())
        subject.words =
            "\(Int(distance)) km within \(minutes) minutes" + (here.country.isEmpty ? "" : ", now in \(here.country)")
        sink.raise(Rules.travel, event, place, subject)
    }

    /// Several failures just before, from the same address, though too few for a finding of their own.
    private func isRecent(_ state: UnsafeMutablePointer<LoginState>, _ now: UInt32, _ door: Door) -> Bool {
        let oldest = failedAgo(state, door == .portal || door == .application ? 8 : 5)
        return oldest > 0 && oldest <= now && now - oldest <= 1800
    }
}

/// All of a portal's failures: a wave from thousands of addresses shows in no single one.
struct FailureWave {
    private var hour: UInt32 = 0
    private var failures: UInt32 = 0
    private var successes: UInt32 = 0
    private var users = DistinctBits()
    private var addresses = DistinctBits()
    private var usual: Double = 0
    private var hours = 0
    private var raisedAt: UInt32 = 0

    mutating func failure(_ event: LogEvent, _ now: UInt32, _ sink: FindingSink, _ place: LinePlace) {
        roll(now)
        failures &+= UInt32(max(1, event.count))
        if !event.user.isEmpty { users.insert(event.user.hash()) }
        addresses.insert(event.address.actor)
        guard failures >= 60, hours >= 24, Double(failures) > 8 * max(usual, 2), failures > successes,
            addresses.estimate >= 20, now > raisedAt &+ 86_400
        else { return }
        raisedAt = now
        var subject = FindingSink.Subject()
        subject.words = "\(failures) failures this hour from \(addresses.estimate) addresses; usually \(Int(usual))"
        subject.count = Int64(failures)
        sink.raise(Rules.stuffingWave, event, place, subject)
    }

    mutating func success(_ now: UInt32) {
        roll(now)
        successes &+= 1
    }

    private mutating func roll(_ now: UInt32) {
        let current = now / 3600
        guard current > hour else { return }
        if hour > 0 {
            usual = hours == 0 ? Double(failures) : usual * 0.95 + Double(failures) * 0.05
            hours += 1
        }
        hour = current
        (failures, successes) = (0, 0)
        users.removeAll()
        addresses.removeAll()
    }
}
