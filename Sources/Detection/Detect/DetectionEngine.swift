/// Everything that watches: one event goes in, findings come out of the sink. Memory is bounded whatever comes.
final class DetectionEngine {
    let sink = FindingSink()
    private let logins: LoginDetector
    private let peers: PeerDetector
    private let databases: DatabaseDetector
    private let systems: SystemDetector
    private let sequences = SequenceDetector()
    private let clock: ZoneClock
    private let web: WebDetector?
    private let exports: ExportDetector
    private var newcomers = Newcomers()
    private(set) var sigma: SigmaEngine?

    init(_ options: DetectionOptions) throws(DetectionError) {
        clock = ZoneClock(options.reading.zone)
        logins = LoginDetector(options.logins, sink, places: options.places)
        peers = try PeerDetector(options.peers, sink)
        databases = DatabaseDetector(sink)
        systems = SystemDetector(sink, clock)
        exports = ExportDetector(sink, clock)
        web = options.watchesWeb ? try WebDetector(sink) : nil
        sink.suppressions = options.suppressions
        if let folder = options.rules { sigma = try SigmaEngine(SigmaEngine.load(folder), sink) }
    }

    func take(_ event: inout LogEvent, _ place: LinePlace) {
        switch event.source {
        case .web: takeWeb(&event, place)
        case .postgres: takeDatabase(&event, place)
        case .secureShell, .system, .audit, .application, .unknown: takeOther(&event, place)
        }
        if let sigma { sigma.take(event, place) }
    }

    @inline(__always)
    private func takeWeb(_ event: inout LogEvent, _ place: LinePlace) {
        WebLogin.classify(&event)
        web?.take(event, place)
        peers.take(event, place)
        if event.kind == .loginFailure {
            logins.failure(&event, place)
        } else if event.kind == .login {
            logins.success(&event, place)
        }
    }

    private func takeDatabase(_ event: inout LogEvent, _ place: LinePlace) {
        switch event.kind {
        case .statement: databases.statement(event, place)
        case .databaseError: databases.error(event, place)
        case .loginFailure: logins.failure(&event, place)
        case .connection: logins.success(&event, place)
        default: break
        }
        if !event.address.isNone, !event.address.isInside, event.kind == .statement || event.kind == .connection {
            outside(event, place)
        }
        guard event.sequence > 0, !event.session.isEmpty else { return }
        let now = UInt32(truncatingIfNeeded: max(0, event.time / Instant.second))
        let missing = sequences.missing(event.session.hash(9), event.sequence, now: now)
        if missing > 0 { sequenceGap(event, place, missing) }
    }

    private func outside(_ event: LogEvent, _ place: LinePlace) {
        guard newcomers.isNew(event.address.actor ^ event.user.hash(2)) else { return }
        var subject = FindingSink.Subject()
        subject.address = event.address
        subject.user = event.user
        subject.words = "the database is used from outside the bank's networks"
        sink.raise(Rules.outsideDatabase, event, place, subject)
    }

    private func sequenceGap(_ event: LogEvent, _ place: LinePlace, _ missing: Int64) {
        var subject = FindingSink.Subject()
        subject.user = event.user
        subject.target = event.session
        subject.words = "\(missing) numbers are absent from a session"
        sink.raise(Rules.sequenceGap, event, place, subject)
    }

    private func takeOther(_ event: inout LogEvent, _ place: LinePlace) {
        switch event.kind {
        case .loginFailure: logins.failure(&event, place)
        case .login:
            logins.success(&event, place)
            systems.login(event, place)
        case .command: systems.command(event, place)
        case .execution: systems.execution(event, place)
        case .accountChange: systems.account(event, place)
        case .export: exports.take(event, place)
        default: break
        }
    }
}

/// What the engine is told once.
public struct DetectionOptions: Sendable {
    public var reading = ReadingOptions()
    public var logins = LoginLimits()
    public var peers = PeerLimits()
    public var suppressions = SuppressionList()
    /// Addresses of the bank's own that are never banned.
    public var protected: [AddressBlock] = []
    public var watchesWeb = true
    /// Folder of Sigma rules; nil: none.
    public var rules: String?
    /// Where addresses are; nil: travel is not looked at.
    public var places: GeoDatabase?

    public init() {}
}

/// What was seen lately. When much is new, what was seen longest ago is new again.
struct Newcomers {
    private var seen: Set<UInt64> = []
    private var before: Set<UInt64> = []
    private static let most = 50_000

    mutating func isNew(_ key: UInt64) -> Bool {
        guard !seen.contains(key) else { return false }
        if seen.count >= Self.most { (before, seen) = (seen, []) }
        seen.insert(key)
        return !before.contains(key)
    }
}

/// Requests that try to come in, by path: what a login page is called in French and English.
enum WebLogin {
    private static let words: [StaticString] = [
        "login", "connexion", "signin", "sign-in", "sign_in", "authenticate", "oauth/token", "/token", "/auth",
        "session",
    ]

    @inline(__always)
    static func classify(_ event: inout LogEvent) {
        guard event.kind == .request, event.method.count == 4, event.method.equals("POST") else { return }
        let path = event.path
        if path.hasSuffix("wp-login.php") || path.hasSuffix("xmlrpc.php") {
            event.kind =
                event.status == 302 ? .login : event.status == 200 || event.status == 403 ? .loginFailure : .request
            return
        }
        guard words.contains(where: { path.contains($0) }), !path.contains("logout"), !path.contains("deconnexion")
        else {
            return
        }
        switch event.status {
        case 200, 201, 204, 302, 303: event.kind = .login
        case 400, 401, 403, 422, 423, 429: event.kind = .loginFailure
        default: break
        }
    }
}

/// Exports of whole tables that the application itself logs.
final class ExportDetector {
    private let sink: FindingSink
    private let clock: ZoneClock
    private let users = BoundedTable<Exports>(capacityMax: 1 << 14)

    private struct Exports: TableValue {
        var lastSeen: UInt32 = 0
        var since: Int64 = 0
        var objects = DistinctBits()
        var weight: Int { objects.estimate }
    }

    init(_ sink: FindingSink, _ clock: ZoneClock) {
        self.sink = sink
        self.clock = clock
    }

    func take(_ event: LogEvent, _ place: LinePlace) {
        let now = UInt32(truncatingIfNeeded: max(0, event.time / Instant.second))
        let entry = users.at(event.user.hash(4), now: now)
        if event.time > entry.pointee.since + 86_400 * Instant.second {
            entry.pointee.since = event.time
            entry.pointee.objects.removeAll()
        }
        entry.pointee.objects.insert(event.object.hash())
        let count = entry.pointee.objects.estimate
        let (hour, weekday) = clock.local(event.time)
        let isNight = hour < 6 || hour >= 22 || weekday == 6
        guard count >= 3 || isNight else { return }
        var subject = FindingSink.Subject()
        subject.address = event.address
        subject.user = event.user
        subject.target = event.object
        subject.words = isNight ? "an export at night" : "\(count) exports within a day"
        sink.raise(Rules.massExport, event, place, subject)
    }
}
