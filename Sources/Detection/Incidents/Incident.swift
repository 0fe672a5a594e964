internal import Cryptography

/// One attack as people think of it: what was found of it, in order.
public struct Incident: Sendable {
    public let id: String
    public let findings: [Finding]
    /// What its actors read and changed.
    public internal(set) var touched = Touched()
    /// Rows that a recovery found tampered with in its time.
    public internal(set) var tampered: [TamperedLink] = []
    /// Whom that concerns, once the bank's books were asked.
    public internal(set) var persons: PersonsTouched?

    init(_ findings: [Finding]) {
        let ordered = findings.sorted { ($0.time, $0.line) < ($1.time, $1.line) }
        self.findings = ordered
        let first = ordered.first
        let seed = "\(first?.rule.id ?? "")|\(first?.time ?? 0)|\(first?.digest ?? "")"
        id = "INC-\(Instant.text(first?.time ?? 0).prefix(10))-\(SHA256.hash(Array(seed.utf8)).hex.prefix(6))"
    }

    public var from: Int64 { findings.first?.time ?? 0 }
    public var until: Int64 { findings.map(\.until).max() ?? 0 }
    public var gravity: Gravity { findings.map(\.gravity).max() ?? .info }
    public var phases: [Phase] { Set(findings.map(\.rule.phase)).sorted() }
    public var techniques: [String] { Set(findings.map(\.rule.technique)).sorted() }

    /// Addresses of the attack from outside, by their first act.
    public var addresses: [NetworkAddress] {
        var seen: Set<NetworkAddress> = []
        return findings.compactMap(\.address).filter { !$0.isInside && seen.insert($0).inserted }
    }

    /// The first thing that let them in: a success, an injection that was answered, a command.
    public var entry: Finding? {
        findings.first { $0.rule.phase >= .initialAccess && $0.gravity >= .high } ?? findings.first
    }

    private func texts(_ kinds: Set<String>, _ value: (Finding) -> String?) -> [String] {
        var seen: Set<String> = []
        return findings.filter { kinds.contains($0.rule.kind) }.compactMap(value).filter { seen.insert($0).inserted }
    }

    /// Accounts that somebody else came in with.
    public var accounts: [String] { texts(["account_takeover", "outside_admin_login"], \.user) }

    public var dataRead: [String] { texts(["pg_mass_read", "exfiltration", "pg_file_access"], \.target) }

    public var dataChanged: [String] {
        texts(["pg_mass_update", "pg_mass_delete", "pg_mass_drop", "ransom", "log_tampering"], \.target)
    }

    /// What they may have left behind.
    public var persistence: [Finding] {
        findings.filter { [.persistence, .privilegeEscalation].contains($0.rule.phase) && $0.gravity >= .medium }
    }

    /// What to do, the gravest first.
    public var advice: [String] {
        var seen: Set<String> = []
        return findings.sorted { $0.gravity > $1.gravity }.map(\.rule.advice).filter {
            !$0.isEmpty && seen.insert($0).inserted
        }
    }

    /// When the data were last in order: just before the first act that could change them. Recovery chooses its
    /// restore point by it.
    public var safePoint: Int64? {
        let changing: Set<Phase> = [.execution, .persistence, .privilegeEscalation, .impact]
        return findings.first { changing.contains($0.rule.phase) && $0.gravity >= .medium }.map {
            $0.time - Instant.second
        }
    }
}
