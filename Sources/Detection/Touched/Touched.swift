/// A thing of the bank that belongs to a person: the way from a line of a log to whom it concerns.
public struct TouchedObject: Hashable, Sendable {
    public enum Kind: String, Sendable, CaseIterable {
        case account, card, client, operation, payee
        /// Somebody who signs in: an address of mail, a name or a number.
        case user
        /// A whole table, or a part of it that the log does not name.
        case table
    }

    public let kind: Kind
    public let key: String
}

/// What was done to a thing, and when.
public struct TouchedAct: Hashable, Sendable {
    public var isRead: Bool
    public var isChanged: Bool
    /// Microseconds since 1970, in the time that the sources share.
    public var first: Int64
    public var last: Int64
    public var count: Int64
}

/// What an incident's actors read and changed. Bounded.
public struct Touched: Sendable {
    static let objectsMax = 500_000

    public private(set) var acts: [TouchedObject: TouchedAct] = [:]
    /// Acts on things that were one too many to keep.
    public private(set) var dropped: Int64 = 0

    public var isEmpty: Bool { acts.isEmpty }

    mutating func add(_ object: TouchedObject, isChange: Bool, at time: Int64) {
        guard var act = acts[object] else {
            guard acts.count < Self.objectsMax else {
                dropped += 1
                return
            }
            acts[object] = TouchedAct(isRead: !isChange, isChanged: isChange, first: time, last: time, count: 1)
            return
        }
        if isChange { act.isChanged = true } else { act.isRead = true }
        act.first = min(act.first, time)
        act.last = max(act.last, time)
        act.count += 1
        acts[object] = act
    }

    public func count(of kind: TouchedObject.Kind) -> Int { acts.keys.reduce(0) { $0 + ($1.kind == kind ? 1 : 0) } }

    /// The keys of a kind, in order.
    public func keys(of kind: TouchedObject.Kind) -> [String] {
        acts.keys.filter { $0.kind == kind }.map(\.key).sorted()
    }
}

/// How many persons an incident concerns, counted in the bank's books when it was kept there.
public struct PersonsTouched: Sendable, Hashable {
    public let count: Int64
    public let read: Int64
    public let changed: Int64
    /// Of rows that a recovery found tampered with.
    public let tampered: Int64

    public init(count: Int64, read: Int64, changed: Int64, tampered: Int64) {
        self.count = count
        self.read = read
        self.changed = changed
        self.tampered = tampered
    }
}

/// Who acted in an incident, and when: whose lines are the attack's own.
struct IncidentActors {
    private struct Line: Hashable {
        let file: String
        let number: Int64
    }

    /// IPv6 as its /64, whose owner may use all of it.
    private let addresses: Set<NetworkAddress>
    private let users: Set<String>
    /// Lines that findings stand on are the attack's, whoever lent his name.
    private let lines: Set<Line>
    private let from: Int64
    private let until: Int64

    /// A threshold is reached behind the first acts; what was begun goes on for a while.
    private static let margin = 3600 * Instant.second
    private static let takeovers: Set<String> = ["account_takeover", "outside_admin_login"]

    init(_ incident: Incident) {
        addresses = Set(incident.addresses.map(\.actorBase))
        // Behind the application's own user stand all clients: only who came from outside, or took an account, is one.
        let own = incident.findings.filter { finding in
            finding.rule.phase != .credentialAccess
                && (Self.takeovers.contains(finding.rule.kind) || finding.address.map { !$0.isInside } ?? false)
        }
        users = Set(own.compactMap(\.user).filter { !Correlator.shared.contains($0) })
        lines = Set(incident.findings.filter { $0.line > 0 }.map { Line(file: $0.file, number: $0.line) })
        from = incident.from - Self.margin
        until = incident.until + Self.margin
    }

    /// A line with an address from outside is the attack's when the address is: the owner of an account that was taken
    /// over goes on using it. Without one the user decides.
    func acted(_ address: NetworkAddress, user: String, at time: Int64, file: String, line: Int64) -> Bool {
        guard time >= from, time <= until else { return false }
        if lines.contains(Line(file: file, number: line)) { return true }
        if !address.isNone, !address.isInside { return addresses.contains(address.actorBase) }
        return !user.isEmpty && users.contains(user)
    }

    func mayHaveActed(from first: Int64, to last: Int64) -> Bool { first <= until && last >= from }
}
