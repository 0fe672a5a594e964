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
            "ssh_brute_force", "web_brute_force", "password_spraying", "credential_stuffing",
        ]
        public var duration: Int64 = 3_600 * Instant.second
        /// Never banned: the bank's own networks besides those that are not routed at all.
        public var protected: [AddressBlock] = []
        /// No more at once: a mistake must not shut the bank.
        public var activeMax = 1_000
        public var perHourMax = 200

        public init() {}
    }

    public struct Ban: Sendable {
        public let address: NetworkAddress
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
    private var active: [NetworkAddress: Ban] = [:]
    private var recent: [Int64] = []
    private var planned: Set<NetworkAddress> = []
    private static let plannedMax = 100_000

    /// - Parameter journal: a file of lines of JSON; what it says is still banned is taken over.
    public init(_ policy: Policy, journal path: String, clock: @escaping () -> Int64) throws {
        self.policy = policy
        self.clock = clock
        active = try Self.open(path)
        journal = try AuditLines(path: path)
    }

    public var bans: [Ban] { active.values.sorted { ($0.from, $0.address.text) < ($1.from, $1.address.text) } }

    /// The decision on a finding, in a word for its record, and what is to be done now.
    public func decide(_ finding: Finding) -> (decision: String?, act: Act?) {
        guard finding.gravity >= policy.gravity || policy.kinds.contains(finding.rule.kind) else { return (nil, nil) }
        guard let address = finding.address else { return (nil, nil) }
        if active[address] != nil { return ("banned", nil) }
        guard !address.isInside, !policy.protected.contains(where: { $0.contains(address) }) else {
            return refuse("protected", address, finding)
        }
        let now = clock()
        recent.removeAll { $0 < now - 3_600 * Instant.second }
        guard active.count < policy.activeMax, recent.count < policy.perHourMax else {
            return refuse("too_many_bans", address, finding)
        }
        let ban = Ban(address: address, rule: finding.rule.id, from: now, until: now + policy.duration)
        note("ban", address, rule: finding.rule.id, until: ban.until, finding)
        guard !policy.isDryRun else {
            guard planned.count < Self.plannedMax, planned.insert(address).inserted else { return ("would_ban", nil) }
            return (
                "would_ban", .plan(address.text, seconds: policy.duration / Instant.second, rule: finding.rule.id)
            )
        }
        recent.append(now)
        active[address] = ban
        return ("banned", .ban(address.text, seconds: policy.duration / Instant.second, rule: finding.rule.id))
    }

    /// Bans whose time is over.
    public func expired() -> [Act] {
        let now = clock()
        return bans.filter { $0.until <= now }.map { ban in
            active[ban.address] = nil
            note("expire", ban.address, rule: ban.rule, until: ban.until, nil)
            return .unban(ban.address.text)
        }
    }

    /// Takes a ban back; nil when there is none.
    public func undo(_ text: String) -> Act? {
        guard let address = NetworkAddress(text), let ban = active.removeValue(forKey: address) else { return nil }
        note("undo", address, rule: ban.rule, until: clock(), nil)
        return .unban(address.text)
    }

    private func refuse(_ why: String, _ address: NetworkAddress, _ finding: Finding) -> (String?, Act?) {
        note(why, address, rule: finding.rule.id, until: clock(), finding)
        return (why, nil)
    }

    private func note(_ act: String, _ address: NetworkAddress, rule: String, until: Int64, _ finding: Finding?) {
        journal.append(
            JSON.object([
                .init("time", .string(Instant.text(clock()))), .init("act", .string(act)),
                .init("ip", .string(address.text)), .init("rule", .string(rule)),
                .init("from_us", .integer(clock())), .init("until_us", .integer(until)),
                .init("dry_run", .bool(policy.isDryRun)),
                .init("source", finding.map { .string(FindingWriter.clean($0.file)) } ?? .null),
                .init("line", finding.map { .integer($0.line) } ?? .null),
            ]).text)
    }

    /// Who is still banned by what was written down.
    private static func open(_ path: String) throws -> [NetworkAddress: Ban] {
        guard let data = FileManager.default.contents(atPath: path) else { return [:] }
        var active: [NetworkAddress: Ban] = [:]
        for line in String(decoding: data, as: UTF8.self).split(separator: "\n") {
            guard let entry = try? JSONReader.read(String(line)), let act = entry["act"]?.string,
                let address = entry["ip"]?.string.flatMap({ NetworkAddress($0) }), entry["dry_run"]?.bool == false
            else { continue }
            switch act {
            case "ban":
                active[address] = Ban(
                    address: address, rule: entry["rule"]?.string ?? "", from: entry["from_us"]?.integer ?? 0,
                    until: entry["until_us"]?.integer ?? 0)
            case "undo", "expire": active[address] = nil
            default: break
            }
        }
        return active
    }
}
