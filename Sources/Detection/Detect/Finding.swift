/// How grave a finding or an incident is.
public enum Gravity: Int, Comparable, Codable, Sendable, CaseIterable {
    case info, low, medium, high, critical

    public static func < (left: Gravity, right: Gravity) -> Bool { left.rawValue < right.rawValue }

    public var name: String { "\(self)" }

    /// For people: French first.
    public var label: String {
        switch self {
        case .info: "information"
        case .low: "faible"
        case .medium: "moyenne"
        case .high: "élevée"
        case .critical: "critique"
        }
    }

    init?(name: String) {
        if name == "informational" {
            self = .info
            return
        }
        guard let found = Self.allCases.first(where: { $0.name == name }) else { return nil }
        self = found
    }
}

/// Where in an attack a finding belongs, in the order attacks have.
public enum Phase: Int, Comparable, Codable, Sendable, CaseIterable {
    case reconnaissance, credentialAccess, initialAccess, execution, persistence, privilegeEscalation, defenseEvasion
    case discovery, collection, exfiltration, impact

    public static func < (left: Phase, right: Phase) -> Bool { left.rawValue < right.rawValue }

    public var label: String {
        switch self {
        case .reconnaissance: "reconnaissance"
        case .credentialAccess: "vol d'identifiants"
        case .initialAccess: "accès initial"
        case .execution: "exécution"
        case .persistence: "persistance"
        case .privilegeEscalation: "élévation de privilèges"
        case .defenseEvasion: "effacement des traces"
        case .discovery: "découverte"
        case .collection: "collecte"
        case .exfiltration: "exfiltration"
        case .impact: "sabotage et fraude"
        }
    }

    /// MITRE's name of the tactic.
    public var tactic: String {
        switch self {
        case .credentialAccess: "credential-access"
        case .initialAccess: "initial-access"
        case .privilegeEscalation: "privilege-escalation"
        case .defenseEvasion: "defense-evasion"
        default: "\(self)"
        }
    }

    init?(tactic: String) {
        guard let found = Self.allCases.first(where: { $0.tactic == tactic }) else { return nil }
        self = found
    }
}

/// What a detector looks for: constant, one value for all its findings.
public struct Rule: Hashable, Sendable {
    public let id: String
    /// The class of attack: `sql_injection`, `ssh_brute_force`.
    public let kind: String
    public let gravity: Gravity
    public let phase: Phase
    /// ATT&CK.
    public let technique: String
    /// French, for the report.
    public let title: String
    /// What to do about it, French.
    public let advice: String

    init(
        _ id: String, _ kind: String, _ gravity: Gravity, _ phase: Phase, _ technique: String, _ title: String,
        advice: String = ""
    ) {
        self.id = id
        self.kind = kind
        self.gravity = gravity
        self.phase = phase
        self.technique = technique
        self.title = title
        self.advice = advice
    }
}

/// Something that a detector found, and the line that made it sure.
public struct Finding: Sendable {
    public let rule: Rule
    public let gravity: Gravity
    /// Microseconds since 1970; of a threshold, when it was reached.
    public var time: Int64
    public var until: Int64
    public let file: String
    public let line: Int64
    public let offset: Int64
    public let address: NetworkAddress?
    public let user: String?
    public let host: String?
    /// The database that it was done in.
    public var database: String?
    /// What was attacked: a path, a table, an account.
    public let target: String?
    public let words: String
    /// Events behind it.
    public var count: Int64
    /// A mark of the tool: `sqlmap`.
    public let tool: String?
    /// SHA-256 of the line.
    public let digest: String
    /// The line itself, at most 2,000 bytes.
    public let evidence: String
    public var decision: String?

    /// The rule's title and what it was about.
    var act: String { target.map { "\(rule.title) (\($0))" } ?? rule.title }
}
