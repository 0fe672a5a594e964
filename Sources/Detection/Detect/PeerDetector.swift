/// What is known of one address at the portal.
struct PeerState: TableValue {
    var lastSeen: UInt32 = 0
    var windowStart: UInt32 = 0
    var requests: UInt32 = 0
    var missing: UInt32 = 0
    var refused: UInt32 = 0
    var missingPaths = DistinctBits()
    var objects = DistinctBits()
    var objectPath: UInt64 = 0
    var objectMisses: UInt32 = 0
    var lastObject: Int64 = 0
    var ascending: UInt32 = 0
    var hourStart: UInt32 = 0
    var bytes: Int64 = 0
    var raised: UInt32 = 0
    var raisedAt: UInt32 = 0
    var tool: UInt64 = 0

    var weight: Int { Int(missing) * 4 + Int(refused) * 4 + Int(requests) + (raised != 0 ? 100_000 : 0) }
}

/// What is known of one account at the portal.
struct UserReads: TableValue {
    var lastSeen: UInt32 = 0
    var reads = PeerState()
    /// The hour in which its addresses are told apart, the first of them, and whether there are others.
    var since: UInt32 = 0
    var first: UInt64 = 0
    var isMany = false

    var weight: Int { reads.weight }
}

public struct PeerLimits: Sendable {
    public var window: UInt32 = 300
    public var missing: UInt32 = 20
    public var missingPaths = 12
    public var refused: UInt32 = 25
    public var objects = 80
    public var ascending: UInt32 = 30
    /// An address with more requests than this within the window is a flood: over 20 a second.
    public var requests: UInt32 = 6_000
    public var responseBytes: Int64 = 20_000_000
    public var hourBytes: Int64 = 150_000_000

    public init() {}
}

/// Scanners, floods, enumeration of objects, refusals in series, volumes: by address; what is read, by account too.
final class PeerDetector {
    private let limits: PeerLimits
    private let table = BoundedTable<PeerState>(capacityMax: 1 << 19)
    /// The same by account, for one that works from many addresses.
    private let users = BoundedTable<UserReads>(capacityMax: 1 << 15)
    private static let placesWindow: UInt32 = 3_600
    private static let largeBytes: Int64 = 1_000_000
    private let sink: FindingSink
    private var agents: BoundedAgents

    init(_ limits: PeerLimits, _ sink: FindingSink) throws(DetectionError) {
        agents = try BoundedAgents()
        self.limits = limits
        self.sink = sink
    }

    private static let scannerMark: UInt32 = 1
    private static let refusedMark: UInt32 = 2
    private static let enumerationMark: UInt32 = 4
    private static let floodMark: UInt32 = 8
    private static let volumeMark: UInt32 = 16
    private static let toolMark: UInt32 = 32

    func take(_ event: LogEvent, _ place: LinePlace) {
        let now = UInt32(truncatingIfNeeded: max(0, event.time / Instant.second))
        if !event.user.isEmpty { takeUser(event, place, now) }
        guard !event.address.isNone else { return }
        let state = table.at(event.address.actor, now: now)
        if now >= state.pointee.windowStart &+ limits.window || now &+ limits.window < state.pointee.windowStart {
            reset(state, now)
        }
        state.pointee.requests &+= 1
        if event.status == 404 || event.status == 400 || event.status == 405 {
            state.pointee.missing &+= 1
            state.pointee.missingPaths.insert(event.path.hash())
        } else if event.status == 401 || event.status == 403 {
            state.pointee.refused &+= 1
        }
        if let tool = agents.tool(event.agent) { knownTool(state, tool, event, place, now) }
        countObject(state, event)
        judge(state, event, place, now)
        if event.size > Self.largeBytes { volume(state, event, place, now) }
    }

    /// What one identity reads, from wherever: objects one by one, refusals, volumes. A finding of an account names no
    /// address, since no single one is to be banned for it; an account at one address is told of by that one's count.
    private func takeUser(_ event: LogEvent, _ place: LinePlace, _ now: UInt32) {
        let user = users.at(event.user.hash(8), now: now)
        var event = event
        let actor = event.address.isNone ? 1 : event.address.actor
        event.address = .none
        withUnsafeMutablePointer(to: &user.pointee.reads) { state in
            if now >= state.pointee.windowStart &+ limits.window || now &+ limits.window < state.pointee.windowStart {
                reset(state, now)
            }
            state.pointee.requests &+= 1
            if event.status == 401 || event.status == 403 { state.pointee.refused &+= 1 }
            countObject(state, event)
        }
        if now >= user.pointee.since &+ Self.placesWindow {
            (user.pointee.since, user.pointee.first, user.pointee.isMany) = (now, actor, false)
        }
        if user.pointee.first != actor { user.pointee.isMany = true }
        let isMany = user.pointee.isMany
        withUnsafeMutablePointer(to: &user.pointee.reads) { state in
            if isMany { judge(state, event, place, now) }
            if event.size > Self.largeBytes { volume(state, event, place, now, isTold: isMany) }
        }
    }

    private func reset(_ state: UnsafeMutablePointer<PeerState>, _ now: UInt32) {
        state.pointee.windowStart = now
        state.pointee.requests = 0
        state.pointee.missing = 0
        state.pointee.refused = 0
        state.pointee.missingPaths.removeAll()
        state.pointee.objects.removeAll()
        state.pointee.objectMisses = 0
        state.pointee.ascending = 0
        if now > state.pointee.raisedAt &+ 86_400 { state.pointee.raised = 0 }
    }

    /// `/api/comptes/123`: a number at the end, or as the last argument.
    @inline(__always)
    private func countObject(_ state: UnsafeMutablePointer<PeerState>, _ event: LogEvent) {
        let path = event.path
        var text = path
        if !Bytes.isDigit(path[path.count - 1]) {
            guard !event.query.isEmpty, Bytes.isDigit(event.query[event.query.count - 1]) else { return }
            text = event.query
        }
        var start = text.count
        while start > 0, Bytes.isDigit(text[start - 1]) { start -= 1 }
        guard start > 0, text.count - start <= 15,
            text[start - 1] == 47 || text[start - 1] == 61 || text[start - 1] == 46,
            let number = text.from(start).integer
        else { return }
        let template = text.prefix(start).hash(path.count == text.count ? 0 : path.hash())
        if template != state.pointee.objectPath {
            state.pointee.objectPath = template
            state.pointee.objects.removeAll()
            state.pointee.ascending = 0
            state.pointee.objectMisses = 0
        }
        let step = number - state.pointee.lastObject
        state.pointee.ascending = (1...3).contains(step) ? state.pointee.ascending &+ 1 : 0
        state.pointee.lastObject = number
        state.pointee.objects.insert(Hash.mix(UInt64(bitPattern: number)))
        if event.status == 403 || event.status == 404 || event.status == 401 { state.pointee.objectMisses &+= 1 }
    }

    private func judge(
        _ state: UnsafeMutablePointer<PeerState>, _ event: LogEvent, _ place: LinePlace, _ now: UInt32
    ) {
        // Nearly all lines: nothing is near its limit.
        if state.pointee.missing < limits.missing, state.pointee.refused < limits.refused,
            state.pointee.ascending < limits.ascending, state.pointee.requests < limits.requests,
            state.pointee.objectMisses * 3 < limits.objects / 3
        {
            return
        }
        let value = state.pointee
        if value.missing >= limits.missing, value.missing * 2 >= value.requests,
            value.missingPaths.estimate >= limits.missingPaths
        {
            raise(
                Rules.scanner, Self.scannerMark, state, event, place, now,
                "\(value.missing) absent pages, \(value.missingPaths.estimate) different")
        }
        if value.refused >= limits.refused, value.refused * 2 >= value.requests {
            raise(Rules.denials, Self.refusedMark, state, event, place, now, "\(value.refused) refusals")
        }
        if value.ascending >= limits.ascending
            || value.objects.estimate >= limits.objects && value.objectMisses * 3 >= limits.objects / 3
        {
            raise(
                Rules.enumeration, Self.enumerationMark, state, event, place, now,
                "\(value.objects.estimate) objects, \(value.ascending) in a row")
        }
        if value.requests >= limits.requests {
            raise(
                Rules.flood, Self.floodMark, state, event, place, now,
                "\(value.requests) requests within \(limits.window) s")
        }
    }

    private func knownTool(
        _ state: UnsafeMutablePointer<PeerState>, _ tool: String, _ event: LogEvent, _ place: LinePlace,
        _ now: UInt32
    ) {
        guard state.pointee.raised & Self.toolMark == 0 else { return }
        raise(Rules.tool, Self.toolMark, state, event, place, now, "the client calls itself \(tool)", tool: tool)
    }

    /// What leaves for one address or account in an hour; files that are meant to be fetched do not count.
    private func volume(
        _ state: UnsafeMutablePointer<PeerState>, _ event: LogEvent, _ place: LinePlace, _ now: UInt32,
        isTold: Bool = true
    ) {
        guard !Self.isFile(event.path), event.status < 400 else { return }
        if now >= state.pointee.hourStart &+ 3600 {
            state.pointee.hourStart = now
            state.pointee.bytes = 0
        }
        state.pointee.bytes = min(state.pointee.bytes &+ event.size, 1 << 60)
        guard isTold, event.size >= limits.responseBytes || state.pointee.bytes >= limits.hourBytes else { return }
        raise(
            Rules.volume, Self.volumeMark, state, event, place, now,
            "\(state.pointee.bytes / 1_000_000) MB within an hour, \(event.size / 1_000_000) MB at once")
    }

    private static func isFile(_ path: Bytes) -> Bool {
        let slash = path.last(47) ?? 0
        guard let dot = path.last(46), dot > slash, path.count - dot <= 8 else { return false }
        return !path.hasSuffix(".php") && !path.hasSuffix(".csv") && !path.hasSuffix(".json") && !path.hasSuffix(".sql")
            && !path.hasSuffix(".jsp")
    }

    private func raise(
        _ rule: Rule, _ mark: UInt32, _ state: UnsafeMutablePointer<PeerState>, _ event: LogEvent,
        _ place: LinePlace, _ now: UInt32, _ words: @autoclosure () -> String, tool: String? = nil
    ) {
        guard state.pointee.raised & mark == 0 else { return }
        state.pointee.raised |= mark
        state.pointee.raisedAt = now
        var subject = FindingSink.Subject()
        subject.address = event.address
        subject.user = event.user
        subject.host = event.host
        subject.target = event.path
        subject.words = words()
        subject.tool = tool
        sink.raise(rule, event, place, subject)
    }
}

/// Names that attack tools give themselves. The verdict on an agent is remembered, since few differ.
struct BoundedAgents {
    private var seen: [UInt64] = Array(repeating: 0, count: 1 << 14)
    private let seed = UInt64.random(in: 0 ... .max)
    private static let names: [StaticString] = [
        "sqlmap", "nikto", "nmap", "masscan", "zgrab", "wpscan", "gobuster", "dirbuster", "dirb/", "ffuf", "nuclei",
        "acunetix", "netsparker", "feroxbuster", "hydra", "havij", "w3af", "arachni", "wfuzz", "jaeles", "commix",
        "xsser", "openvas", "nessus", "qualys", "whatweb", "sqlninja", "bbqsql", "absinthe", "zmeu", "morfeus",
        "jorgee", "metasploit", "burpcollaborator", "burp suite", "owasp zap", "zaproxy", "skipfish", "joomscan",
        "httprint",
        "paros", "vega/", "dotdotpwn", "fimap", "grendel-scan", "webshag", "crackmapexec", "medusa", "patator",
        "censysinspect", "katana", "leakix", "l9explore", "tplmap", "xspear", "interactsh", "cobalt",
    ]

    private let set: PatternSet
    private var found: [Int32] = []

    init() throws(DetectionError) {
        set = try PatternSet(Self.names.map { PatternSet.escaped("\($0)") }, ignoresCase: true)
    }

    mutating func tool(_ agent: Bytes) -> String? {
        guard agent.count >= 4 else { return nil }
        let hash = agent.hash(seed) | 1
        let slot = Int(truncatingIfNeeded: hash >> 20) & (seen.count - 1)
        if seen[slot] == hash { return nil }
        let number = set.match(agent.prefix(256), &found)
        guard let first = found.prefix(number).min() else {
            seen[slot] = hash
            return nil
        }
        return "\(Self.names[Int(first)])"
    }
}
