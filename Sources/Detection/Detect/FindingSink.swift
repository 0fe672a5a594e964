internal import Cryptography

/// What the detectors raise: each raise can be streamed out; of the same rule, actor and day one finding is kept, with
/// its count. Bounded.
final class FindingSink {
    static let keptMax = 20_000
    private(set) var findings: [Finding] = []
    private var byKey: [UInt64: Int] = [:]
    /// Raises that were only counted because too much was kept already.
    private(set) var dropped: Int64 = 0
    private(set) var raised: Int64 = 0
    /// Called for every raise, with the finding as it is then.
    var onRaise: ((Finding) -> Void)?
    /// The file that is read at the moment.
    var file = ""
    /// Addresses and users of the bank's own that raise nothing above this.
    var suppressions = SuppressionList()

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
        let day = UInt64(truncatingIfNeeded: event.time / (86_400 * Instant.second))
        let actor = subject.address.isNone ? subject.user.hash(7) : subject.address.actor
        let key =
            Hash.mix(UInt64(bitPattern: Int64(rule.id.hashValue)) ^ actor ^ (day << 40))
            ^ subject.target.prefix(64).hash(3)
        let isNew = byKey[key] == nil
        if let index = byKey[key] {
            findings[index].count += subject.count
            findings[index].until = max(findings[index].until, event.time)
        }
        guard isNew || onRaise != nil else { return }
        guard !isNew || findings.count < Self.keptMax else {
            dropped += 1
            return
        }
        let made = make(rule, event, place, gravity ?? rule.gravity, subject)
        if isNew {
            byKey[key] = findings.count
            findings.append(made)
        }
        onRaise?(made)
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
        guard findings.count < Self.keptMax else {
            dropped += 1
            return
        }
        findings.append(finding)
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
