internal import Cryptography

/// What the detectors raise. Each raise is told; of the same rule, actor, day and target one finding is kept, with its
/// count. What is kept is bounded: the least grave give way first, of those the oldest, and never is a raise untold
/// because too much was kept.
final class FindingSink {
    static let keptMax = 20_000
    /// Of one rule, actor and day; what is attacked beyond that is counted together, so that one peer does not push out
    /// what others did.
    static let targetsMax = 500
    private(set) var findings: [Finding] = []
    /// Of the findings, in their order; 0: never met again.
    private var keys: [UInt64] = []
    private var byKey: [UInt64: Int] = [:]
    /// Findings that gave way.
    private(set) var dropped: Int64 = 0
    private(set) var raised: Int64 = 0
    /// Called for raises, with the finding as it is then.
    var onRaise: ((Finding) -> Void)?
    /// Whether of a long series of one actor only some raises are told: a follower must not drown in one scanner.
    var isThrifty = false
    private let targets = BoundedTable<Targets>(capacityMax: 1 << 14)
    private let series = BoundedTable<Series>(capacityMax: 1 << 15)
    /// The file that is read at the moment.
    var file = ""
    /// Addresses and users of the bank's own that raise nothing above this.
    var suppressions = SuppressionList()

    private struct Targets: TableValue {
        var lastSeen: UInt32 = 0
        var count = 0
        var weight: Int { count }
    }

    /// What was told of one rule and actor lately. It ages, so that whoever goes on is told of again.
    private struct Series: TableValue {
        var lastSeen: UInt32 = 0
        var told = SlidingCount()
        var nextAt: UInt32 = 0
        var untold: Int64 = 0
        var weight: Int { Int(min(untold, 1 << 30)) }

        static let hour: UInt32 = 3_600
        static let toldMax = 100
        static let pause: UInt32 = 60

        /// The raises that this one stands for; nil: it is told with a later one.
        mutating func take(at now: UInt32, _ amount: Int64) -> Int64? {
            let isEarly = told.add(1, at: now, window: Self.hour) <= Self.toldMax
            guard isEarly || now >= nextAt || nextAt - now > Self.pause else {
                untold += amount
                return nil
            }
            nextAt = now &+ Self.pause
            defer { untold = 0 }
            return untold + amount
        }
    }

    struct Subject {
        var address = NetworkAddress.none
        var user = Bytes.empty
        var host = Bytes.empty
        var target = Bytes.empty
        var words = ""
        var tool: String?
        var count: Int64 = 1
    }

    func raise(
        _ rule: Rule, _ event: LogEvent, _ place: LinePlace, gravity: Gravity? = nil, _ subject: Subject
    ) {
        if suppressions.isSilenced(rule: rule.id, address: subject.address, user: subject.user, at: event.time) {
            return
        }
        raised += 1
        let actor = subject.address.isNone ? subject.user.hash(7) : subject.address.actor
        let key = meet(rule, actor, event.time, subject)
        var count = subject.count
        var isTold = onRaise != nil
        if isThrifty, isTold {
            let now = UInt32(truncatingIfNeeded: max(0, event.time / Instant.second))
            let place = series.at(Self.mark(rule) ^ actor, now: now)
            if let all = place.pointee.take(at: now, count) { count = all } else { isTold = false }
        }
        guard key != nil || isTold else { return }
        var made = make(rule, event, place, gravity ?? rule.gravity, subject)
        if let key { keep(made, key) }
        made.count = count
        if isTold { onRaise?(made) }
    }

    private static func mark(_ rule: Rule) -> UInt64 { Hash.mix(UInt64(bitPattern: Int64(rule.id.hashValue))) }

    /// Counts a raise with the finding that is kept of it; a key when there is none yet.
    private func meet(_ rule: Rule, _ actor: UInt64, _ time: Int64, _ subject: Subject) -> UInt64? {
        let day = UInt64(truncatingIfNeeded: time / (86_400 * Instant.second))
        let group = Hash.mix(Self.mark(rule) ^ actor ^ (day << 40)) | 1
        var key = group ^ subject.target.prefix(64).hash(3)
        if byKey[key] == nil {
            let now = UInt32(truncatingIfNeeded: max(0, time / Instant.second))
            let known = targets.at(group, now: now)
            known.pointee.count += 1
            if known.pointee.count > Self.targetsMax { key = group }
        }
        guard let index = byKey[key] else { return key }
        findings[index].count += subject.count
        findings[index].until = max(findings[index].until, time)
        return nil
    }

    private func keep(_ finding: Finding, _ key: UInt64) {
        if findings.count >= Self.keptMax { giveUp() }
        if key != 0 { byKey[key] = findings.count }
        findings.append(finding)
        keys.append(key)
    }

    /// A quarter goes: the least grave first, of those the oldest.
    private func giveUp() {
        let order = findings.indices.sorted {
            (findings[$0].gravity, findings[$0].until) < (findings[$1].gravity, findings[$1].until)
        }
        let gone = Set(order.prefix(Self.keptMax / 4))
        dropped += Int64(gone.count)
        let stay = findings.indices.filter { !gone.contains($0) }
        findings = stay.map { findings[$0] }
        keys = stay.map { keys[$0] }
        byKey.removeAll(keepingCapacity: true)
        for (index, key) in keys.enumerated() where key != 0 { byKey[key] = index }
    }

    private func make(
        _ rule: Rule, _ event: LogEvent, _ place: LinePlace, _ gravity: Gravity, _ subject: Subject
    ) -> Finding {
        let line = event.line
        let digest = SHA256.hash(Array(UnsafeBufferPointer(start: line.start, count: line.count))).hex
        var made = Finding(
            rule: rule, gravity: gravity, time: event.time, until: event.time, file: file, line: place.number,
            offset: place.offset, address: subject.address.isNone ? nil : subject.address,
            user: subject.user.isEmpty ? nil : subject.user.text(max: 200),
            host: subject.host.isEmpty ? nil : subject.host.text(max: 200),
            target: subject.target.isEmpty ? nil : subject.target.text(max: 300), words: subject.words,
            count: subject.count, tool: subject.tool, digest: digest, evidence: line.text(max: 2000), decision: nil)
        if !event.database.isEmpty { made.database = event.database.text(max: 100) }
        return made
    }

    /// A finding about a whole file: a silence, numbers that are absent.
    func add(_ finding: Finding) {
        raised += 1
        keep(finding, 0)
        onRaise?(finding)
    }
}

/// What people decided not to hear about, until a date.
public struct SuppressionList: Sendable {
    public struct Entry: Sendable {
        public var rule: String?
        public var block: AddressBlock?
        public var user: String?
        /// Microseconds since 1970; nil: for good.
        public var until: Int64?

        public init(rule: String? = nil, block: AddressBlock? = nil, user: String? = nil, until: Int64? = nil) {
            self.rule = rule
            self.block = block
            self.user = user
            self.until = until
        }
    }

    public var entries: [Entry] = []

    public init() {}

    func isSilenced(rule: String, address: NetworkAddress, user: Bytes, at time: Int64) -> Bool {
        entries.contains { entry in
            if let until = entry.until, time > until { return false }
            if let name = entry.rule, name != rule { return false }
            if let block = entry.block, address.isNone || !block.contains(address) { return false }
            if let name = entry.user, name != user.text { return false }
            return true
        }
    }
}
