internal import Foundation
internal import Postgres

/// One family of rules at work on the clean room's rows, in a session and a transaction of its own. It adds findings and
/// proposed repairs; nothing of the bank is changed.
///
/// Each family is an extension in a file of its own; `RuleFamily` lists them, `RuleRunner` runs them side by side.
struct Reconciler: Sendable {
    private(set) var connection: Connection
    let sources: [RoleTable: RoleSource]
    /// Roles whose rows all survived: only there does a gap mean a deletion.
    let wholeTables: Set<RoleTable>
    let setAside: [RoleTable: SetAside]
    /// The next id of each sequence, by source table, as the dump has it.
    let lastIDs: [RoleTable: Int64]
    /// When the dump was made, when it says so.
    let dumpedAt: String?

    /// What the families that this one needs have found out.
    var facts = ReconciliationFacts()
    private(set) var findings: [RowFinding] = []
    private(set) var repairs: [Repair] = []
    private var repairIDs: Set<String> = []
    /// By family.
    var seconds: [String: Double] = [:]

    init(
        connection: Connection, mapping: Mapping, wholeTables: Set<RoleTable>,
        setAside: [RoleTable: SetAside], lastIDs: [RoleTable: Int64], dumpedAt: String?
    ) {
        self.connection = connection
        sources = Dictionary(
            RoleTable.allCases.compactMap { role in RoleSource(role, in: mapping).map { (role, $0) } },
            uniquingKeysWith: { first, _ in first })
        self.wholeTables = wholeTables
        self.setAside = setAside
        self.lastIDs = lastIDs
        self.dumpedAt = dumpedAt
    }

    /// The same in another session, with other facts and nothing found yet.
    func branch(on connection: Connection, _ facts: ReconciliationFacts) -> Reconciler {
        var branch = self
        branch.connection = connection
        branch.facts = facts
        (branch.findings, branch.repairs, branch.repairIDs) = ([], [], [])
        return branch
    }

    /// Adds what a family found; the order of these calls is that of the findings and of the repairs.
    mutating func take(_ branch: Reconciler) {
        findings += branch.findings
        for repair in branch.repairs { propose(repair) }
    }

    /// Runs a family of rules; what the server refuses takes back that family only.
    mutating func run(_ family: RuleFamily) async throws {
        try Task.checkCancellation()
        let kept = self
        try await connection.run(CleanRoomStore.begin)
        do {
            try await family.body(&self)
            try await connection.run(CleanRoomStore.commit)
        } catch let error as PostgresError where error.kind == .server {
            try await connection.run(CleanRoomStore.rollback)
            self = kept
            add(.ruleNotRun, nil, "*", family.name, note: "\(error.sqlState ?? "") \(error.message)")
            if let role = family.role { try await layOutEmpty(role) }
        }
    }

    /// Whether the clean room holds the rows of a role.
    func exists(_ role: RoleTable) async throws -> Bool {
        guard let source = sources[role] else { return false }
        return try await connection.one(ReconcileStore.exists(source.relation), as: Bool.self)
    }

    mutating func layOut(_ role: RoleTable) async throws {
        guard let source = sources[role] else { return }
        try await connection.run(ReconcileStore.layOut(source))
        try await connection.run(ReconcileStore.analyze(role))
        try await findBreaksInSequence(role)
        facts.profiles[role] = try await connection.one(
            ReconcileStore.profile(role, time: Self.time[role]), as: TableProfile.self)
    }

    /// A role is empty when its rows are not there or its columns can not be read.
    func layOutEmpty(_ role: RoleTable) async throws {
        try await connection.run(ReconcileStore.layOutEmpty(role))
        try await findBreaksInSequence(role)
    }

    private func findBreaksInSequence(_ role: RoleTable) async throws {
        guard let time = Self.time[role] else { return }
        for statement in ReconcileStore.findBreaksInSequence(role, time: time) { try await connection.run(statement) }
    }

    /// The column that should grow with the id.
    static let time: [RoleTable: String] = [.transactions: "booked_at", .logs: "horodatage"]

    func profile(_ role: RoleTable) -> TableProfile { facts.profiles[role] ?? .empty }

    func has(_ role: RoleTable, _ columns: String...) -> Bool {
        guard let source = sources[role], facts.profiles[role] != nil else { return false }
        return columns.allSatisfy { source.expression(of: $0) != nil }
    }

    /// Whether running balances are there and their order is that of time and id.
    var hasChain: Bool { has(.transactions, "solde_apres") && !profile(.transactions).knowsDaysOnly }

    mutating func add(
        _ rule: ReconciliationRule, _ kind: RowFinding.Kind?, _ table: String, _ key: String, column: String? = nil,
        expected: String? = nil, found: String? = nil, _ confidence: RowFinding.Confidence = .likely,
        at: String? = nil, note: String? = nil
    ) {
        findings.append(
            RowFinding(
                rule: rule.id, kind: kind, table: table, key: key, column: column, expected: expected, found: found,
                confidence: confidence, at: at, note: note))
    }

    /// Proposes a repair, unless the row has one already.
    mutating func propose(_ repair: Repair) {
        guard repairIDs.insert(repair.id).inserted else { return }
        repairs.append(repair)
    }
}

/// How the ids of a table run.
struct TableProfile: Sendable, RowDecodable {
    let rows: Int64
    let ids: Int64
    /// Rows whose time is well before that of lower ids.
    let late: Int64
    private let timesOfDay: Int64
    let first: Int64
    let last: Int64

    static let empty = TableProfile()

    private init() { (rows, ids, late, timesOfDay, first, last) = (0, 0, 0, 99, 0, 0) }

    init(row: Row) throws {
        rows = try row.decode(0)
        ids = try row.decode(1)
        late = try row.decode(2)
        timesOfDay = try row.decode(3)
        first = try row.decode(4)
        last = try row.decode(5)
    }

    /// Ids that no row has are so few that each is a sign.
    var isDense: Bool {
        guard ids > 0 else { return false }
        let missing = last &- first &+ 1 &- ids
        return missing >= 0 && missing <= max(20, ids / 50)
    }

    /// Ids were given in the order of time, but for a few rows.
    var isChronological: Bool { rows > 0 && !knowsDaysOnly && late <= max(20, rows / 100) }

    /// The history has dates without times of day.
    var knowsDaysOnly: Bool { timesOfDay <= 2 }
}
