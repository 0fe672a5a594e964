internal import Foundation
internal import Web

/// What is done about findings: addresses are banned for a time by a command of the operator's. Everything is written
/// down before it is done, ends by itself, and can be undone.
public final class ResponseDesk {
    public struct Policy: Sendable {
        /// Nothing is done; what would be is written down.
        public var isDryRun = true
        /// From which gravity a finding bans its address.
        public var gravity = Gravity.high
        /// Kinds that ban whatever their gravity.
        public var kinds: Set<String> = [
            "ssh_brute_force", "web_brute_force", "password_spraying", "credential_stuffing", "web_attack_series",
        ]
        public var duration: Int64 = 3_600 * Instant.second
        /// Never banned: the bank's own networks besides those that are not routed at all.
        public var protected: [AddressBlock] = []
        /// No more at once: a mistake must not shut the bank.
        public var activeMax = 1_000
        public var perHourMax = 200
        /// No more at once than this share of the clients that were seen within the last two hours…
        public var shareMax = 0.2
        /// …unless they are so few.
        public var activeFree = 50

        public init() {}
    }

    public struct Ban: Sendable {
        /// An IPv4 address, or the /64 of an IPv6 one.
        public let block: AddressBlock
        public let rule: String
        public let from: Int64
        public let until: Int64
    }

    public enum Act: Sendable, Equatable {
        case ban(String, seconds: Int64, rule: String)
        case unban(String)
        /// What would be done in earnest.
        case plan(String, seconds: Int64, rule: String)
    }

    private let policy: Policy
    private let journal: AuditLines
    private let clock: () -> Int64
    private var active: [AddressBlock: Ban] = [:]
    private var recent: [Int64] = []
    /// What would be banned, and until when.
    private var planned: [AddressBlock: Int64] = [:]
    /// Refusals that are written down already, and until when that will do.
    private var refused: [AddressBlock: Int64] = [:]
    private var clients = RecentClients()
    private static let rememberedMax = 100_000
    private static let hour = 3_600 * Instant.second

    /// - Parameter journal: a file of lines of JSON; what it says is still banned is taken over.
    public init(_ policy: Policy, journal path: String, clock: @escaping () -> Int64) throws {
        self.policy = policy
        self.clock = clock
        active = try Self.open(path)
        journal = try AuditLines(path: path)
    }

    public var bans: [Ban] { active.values.sorted { ($0.from, $0.block.text) < ($1.from, $1.block.text) } }

    /// The decision on a finding, in a word for its record, and what is to be done now.
    public func decide(_ finding: Finding) -> (decision: String?, act: Act?) {
        guard finding.gravity >= policy.gravity || policy.kinds.contains(finding.rule.kind) else { return (nil, nil) }
        guard let address = finding.address else { return (nil, nil) }
        let block = AddressBlock(actor: address)
        if active[block] != nil { return ("banned", nil) }
        let now = clock()
        guard !address.isInside, !policy.protected.contains(where: { $0.meets(block) }) else {
            return refuse("protected", block, finding, now)
        }
        let seconds = policy.duration / Instant.second
        if policy.isDryRun {
            if let until = planned[block], until > now { return ("would_ban", nil) }
            Self.forget(&planned, before: now)
            planned[block] = now + policy.duration
            note("ban", block, rule: finding.rule.id, until: now + policy.duration, finding)
            return ("would_ban", .plan(block.text, seconds: seconds, rule: finding.rule.id))
        }
        recent.removeAll { $0 < now - Self.hour }
        guard active.count < activeMax(now), recent.count < policy.perHourMax else {
            return refuse("too_many_bans", block, finding, now)
        }
        let ban = Ban(block: block, rule: finding.rule.id, from: now, until: now + policy.duration)
        note("ban", block, rule: finding.rule.id, until: ban.until, finding)
        recent.append(now)
        active[block] = ban
        return ("banned", .ban(block.text, seconds: seconds, rule: finding.rule.id))
    }

    /// Somebody asked for something: of those who are seen, only a share may be banned.
    func saw(_ address: NetworkAddress) {
        if !address.isNone { clients.saw(address.actor, at: clock()) }
    }

    private func activeMax(_ now: Int64) -> Int {
        min(policy.activeMax, max(policy.activeFree, Int(policy.shareMax * Double(clients.estimate(at: now)))))
    }

    private static func forget(_ table: inout [AddressBlock: Int64], before now: Int64) {
        guard table.count >= rememberedMax else { return }
        table = table.filter { $0.value > now }
        if table.count >= rememberedMax { table.removeAll() }
    }

    /// Bans whose time is over.
    public func expired() -> [Act] {
        let now = clock()
        return bans.filter { $0.until <= now }.map { ban in
            active[ban.block] = nil
            note("expire", ban.block, rule: ban.rule, until: ban.until, nil)
            return .unban(ban.block.text)
        }
    }

    /// Takes a ban back, of an address or a block; nil when there is none.
    public func undo(_ text: String) -> Act? {
        let asked = [AddressBlock(target: text), AddressBlock(text)].compactMap { $0 }
        guard let block = asked.first(where: { active[$0] != nil }), let ban = active.removeValue(forKey: block) else {
            return nil
        }
        note("undo", block, rule: ban.rule, until: clock(), nil)
        return .unban(block.text)
    }

    /// Written down once an hour: whoever is not banned may go on for long.
    private func refuse(_ why: String, _ block: AddressBlock, _ finding: Finding, _ now: Int64) -> (String?, Act?) {
        if refused[block] ?? 0 <= now {
            Self.forget(&refused, before: now)
            refused[block] = now + Self.hour
            note(why, block, rule: finding.rule.id, until: now, finding)
        }
        return (why, nil)
    }

    private func note(_ act: String, _ block: AddressBlock, rule: String, until: Int64, _ finding: Finding?) {
        journal.append(
            JSON.object([
                .init("time", .string(Instant.text(clock()))), .init("act", .string(act)),
                .init("ip", .string(block.text)), .init("rule", .string(rule)),
                .init("from_us", .integer(clock())), .init("until_us", .integer(until)),
                .init("dry_run", .bool(policy.isDryRun)),
                .init("source", finding.map { .string(FindingWriter.clean($0.file)) } ?? .null),
                .init("line", finding.map { .integer($0.line) } ?? .null),
            ]).text)
    }

    /// Who is still banned by what was written down.
    private static func open(_ path: String) throws -> [AddressBlock: Ban] {
        guard let data = FileManager.default.contents(atPath: path) else { return [:] }
        var active: [AddressBlock: Ban] = [:]
        for line in String(decoding: data, as: UTF8.self).split(separator: "\n") {
            guard let entry = try? JSONReader.read(String(line)), let act = entry["act"]?.string,
                let block = entry["ip"]?.string.flatMap({ AddressBlock($0) }), entry["dry_run"]?.bool == false
            else { continue }
            switch act {
            case "ban":
                active[block] = Ban(
                    block: block, rule: entry["rule"]?.string ?? "", from: entry["from_us"]?.integer ?? 0,
                    until: entry["until_us"]?.integer ?? 0)
            case "undo", "expire": active[block] = nil
            default: break
            }
        }
        return active
    }
}
