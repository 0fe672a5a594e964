/// Joins findings into stories, by address, by account that acted, by the same act at the same time; and stories into
/// incidents, by what they have in common (`StoryJoiner`).
public struct Correlator: Sendable {
    /// Findings of one actor within this are one story.
    public var actorSpan: Int64 = 7 * 86_400 * Instant.second
    /// Grave stories that have something in common, with no longer pause between them, are one incident: attackers rest
    /// over a weekend.
    public var campaignPause: Int64 = 72 * 3600 * Instant.second

    public init() {}

    /// What alone makes no incident: the noise that every server on the internet hears.
    private static let noise: Set<String> = [
        "ssh_brute_force", "web_brute_force", "scanner", "probe", "distributed_brute_force", "off_hours_admin",
        "request_flood", "clock_tampering",
    ]

    /// Accounts that many share: no bond between two findings.
    static let shared: Set<String> = ["root", "postgres", "admin", "app", "anonymous", "www-data"]

    public func incidents(_ findings: [Finding]) -> [Incident] {
        let findings = findings.filter { $0.gravity >= .low }.sorted { $0.time < $1.time }
        var groups = UnionFind(findings.count)
        joinByActor(findings, &groups)
        joinByAct(findings, &groups)
        var stories = groups.groups().map { members in members.map { findings[$0] } }
        let lone = stories.filter { !Self.isGrave($0) }
        stories = stories.filter(Self.isGrave).sorted { Self.start($0) < Self.start($1) }
        var campaigns = StoryJoiner(pause: campaignPause).campaigns(stories)
        attach(lone, &campaigns)
        return campaigns.map(Incident.init)
    }

    private static func start(_ story: [Finding]) -> Int64 { story.map(\.time).min() ?? 0 }

    /// A grave act, or several medium ones of different phases by one actor.
    private static func isGrave(_ story: [Finding]) -> Bool {
        let serious = story.filter { !noise.contains($0.rule.kind) }
        if serious.contains(where: { $0.gravity >= .high && $0.rule.kind != "log_gap" }) { return true }
        let phases = Set(serious.filter { $0.gravity >= .medium }.map(\.rule.phase))
        return phases.count >= 2
    }

    private func joinByActor(_ findings: [Finding], _ groups: inout UnionFind) {
        var byAddress: [NetworkAddress: Int] = [:]
        var byUser: [String: Int] = [:]
        var byTool: [String: Int] = [:]
        func join<Key: Hashable>(_ key: Key, _ index: Int, _ table: inout [Key: Int]) {
            if let other = table[key], findings[index].time - findings[other].until <= actorSpan {
                groups.join(index, other)
            }
            table[key] = index
        }
        for (index, finding) in findings.enumerated() {
            if let address = finding.address, !address.isInside { join(address.actorBase, index, &byAddress) }
            // Whose password is guessed has done nothing: only those who act are actors.
            if let user = finding.user, finding.rule.phase != .credentialAccess, !Self.shared.contains(user) {
                join(user, index, &byUser)
            }
            if let tool = finding.tool { join(tool, index, &byTool) }
        }
    }

    /// The same uncommon act at the same time from several addresses is one hand: stuffing from a botnet, an erasure in
    /// several logs, an injection and the errors that it makes in the database.
    private func joinByAct(_ findings: [Finding], _ groups: inout UnionFind) {
        let acts: Set<String> = ["credential_stuffing", "sql_injection", "log_gap", "password_spraying"]
        var byKind: [String: Int] = [:]
        for (index, finding) in findings.enumerated()
        where acts.contains(finding.rule.kind) && finding.gravity >= .medium {
            if let other = byKind[finding.rule.kind], finding.time - findings[other].until <= 3600 * Instant.second {
                groups.join(index, other)
            }
            byKind[finding.rule.kind] = index
        }
    }

    /// Findings without an actor of their own belong to the incident in whose hours they fall.
    private func attach(_ lone: [[Finding]], _ campaigns: inout [[Finding]]) {
        let spans = campaigns.map { (Self.start($0), $0.map(\.until).max() ?? 0) }
        for story in lone {
            let hasActor = story.contains { $0.address.map { !$0.isInside } ?? false }
            guard !hasActor else { continue }
            let start = Self.start(story)
            guard
                let index = spans.firstIndex(where: {
                    start >= $0.0 - 3600 * Instant.second && start <= $0.1 + 6 * 3600 * Instant.second
                })
            else { continue }
            campaigns[index] += story
        }
    }
}

/// Sets that are joined and asked for.
struct UnionFind {
    private var parents: [Int]

    init(_ count: Int) { parents = Array(0..<count) }

    private mutating func root(_ index: Int) -> Int {
        var index = index
        while parents[index] != index {
            parents[index] = parents[parents[index]]
            index = parents[index]
        }
        return index
    }

    mutating func join(_ left: Int, _ right: Int) {
        let (a, b) = (root(left), root(right))
        parents[max(a, b)] = min(a, b)
    }

    mutating func groups() -> [[Int]] {
        var byRoot: [Int: [Int]] = [:]
        for index in parents.indices { byRoot[root(index), default: []].append(index) }
        return byRoot.keys.sorted().compactMap { byRoot[$0] }
    }
}
