internal import Diagnostics
internal import Foundation
internal import Postgres

/// Runs the rules over the clean room's rows, in one session. Rules add findings and proposed repairs; nothing is changed.
///
/// Each family of rules is an extension in a file of its own. A rule that fails on hostile data is named in the
/// findings and the others go on.
struct Reconciler {
    let connection: Connection
    let sources: [RoleTable: RoleSource]
    /// Roles whose rows all survived: only there does a gap mean a deletion.
    let wholeTables: Set<RoleTable>
    /// The next id of each sequence, by source table, as the dump has it.
    let lastIDs: [RoleTable: Int64]
    /// When the dump was made, when it says so.
    let dumpedAt: String?
    let progress: ProgressSink

    var findings: [RowFinding] = []
    var repairs: [Repair] = []
    private var repairIDs: Set<String> = []
    var seconds: [String: Double] = [:]
    var profiles: [RoleTable: TableProfile] = [:]
    /// Operations that nobody asked for, and the accounts abroad that they went to.
    var collectors: Set<String> = []
    var forgedTimes: [String] = []
    /// Ids of operations that are gone, and those whose account is known.
    var missingOperations: Set<Int64> = []
    var explainedOperations: Set<Int64> = []
    /// Accounts whose chain could not be explained: their balance is not repaired.
    var doubtfulAccounts: Set<Int64> = []

    init(
        connection: Connection, mapping: Mapping, wholeTables: Set<RoleTable>, lastIDs: [RoleTable: Int64],
        dumpedAt: String?, progress: @escaping ProgressSink
    ) {
        self.connection = connection
        sources = Dictionary(
            RoleTable.allCases.compactMap { role in RoleSource(role, in: mapping).map { (role, $0) } },
            uniquingKeysWith: { first, _ in first })
        self.wholeTables = wholeTables
        self.lastIDs = lastIDs
        self.dumpedAt = dumpedAt
        self.progress = progress
    }

    mutating func run() async throws {
        for role in RoleTable.allCases { try await layOut(role) }
        try await rule("keys") { try await $0.checkKeys() }
        try await rule("duplicates") { try await $0.findDuplicates() }
        try await rule("chain") { try await $0.makeChain() }
        try await rule("sequence") { try await $0.findForgedOperations() }
        try await rule("older dump") { try await $0.compareWithOlder() }
        try await rule("gaps") { try await $0.findMissingRows() }
        try await rule("breaks") { try await $0.judgeBreaks() }
        try await rule("balances") { try await $0.checkBalances() }
        try await rule("statements") { try await $0.checkStatements() }
        try await rule("beneficiaries") { try await $0.checkBeneficiaries() }
        try await rule("staff") { try await $0.checkStaff() }
        try await rule("log") { try await $0.checkLog() }
        try await rule("numbers") { try await $0.checkNumbers() }
        try await rule("dates") { try await $0.checkDates() }
        try await rule("outliers") { try await $0.findOutliers() }
    }

    /// Runs a family of rules; what the server refuses takes back that family only.
    mutating func rule(_ name: String, _ body: (inout Reconciler) async throws -> Void) async throws {
        try Task.checkCancellation()
        progress(ProgressUpdate(stage: Stage.reconcile.rawValue, subject: name, done: 0, total: nil, unit: "rules"))
        let start = ContinuousClock.now
        let kept = self
        try await connection.run(ReconcileStore.savepoint)
        do {
            try await body(&self)
            try await connection.run(ReconcileStore.release)
        } catch let error as PostgresError where error.kind == .server {
            try await connection.run(ReconcileStore.rollback)
            self = kept
            add(.ruleNotRun, nil, "*", name, note: "\(error.sqlState ?? "") \(error.message)")
        }
        seconds[name] = (ContinuousClock.now - start) / .seconds(1)
    }

    /// Lays a role out, empty when its rows are not there or its columns can not be read.
    private mutating func layOut(_ role: RoleTable) async throws {
        if let source = sources[role],
            try await connection.one(ReconcileStore.exists(source.relation), as: Bool.self)
        {
            try await rule("read \(role.rawValue)") {
                try await $0.connection.run(ReconcileStore.layOut(source))
                try await $0.connection.run(ReconcileStore.analyze(role))
                $0.profiles[role] = try await $0.connection.one(
                    ReconcileStore.profile(role, time: Self.time[role]), as: TableProfile.self)
            }
        }
        if profiles[role] == nil { try await connection.run(ReconcileStore.layOutEmpty(role)) }
    }

    /// The column that should grow with the id.
    static let time: [RoleTable: String] = [.transactions: "booked_at", .logs: "horodatage"]

    func profile(_ role: RoleTable) -> TableProfile { profiles[role] ?? .empty }

    func has(_ role: RoleTable, _ columns: String...) -> Bool {
        guard let source = sources[role], profiles[role] != nil else { return false }
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
