internal import Foundation
internal import Postgres

/// Applies chosen repairs to the clean room's rows, in the session and transaction of the reconciliation.
struct RepairApplier {
    let connection: Connection
    let sources: [RoleTable: RoleSource]
    let quarantine: QuarantineFile
    private(set) var applied: [Repair] = []
    /// Repairs that could not be applied, and why.
    private(set) var refused: [String: String] = [:]

    init(connection: Connection, sources: [RoleTable: RoleSource], quarantine: QuarantineFile) {
        self.connection = connection
        self.sources = sources
        self.quarantine = quarantine
    }

    mutating func apply(_ repairs: [Repair]) async throws {
        for (table, chosen) in Dictionary(grouping: repairs, by: \.table).sorted(by: { $0.key < $1.key }) {
            guard let role = RoleTable(rawValue: table), let source = sources[role] else { continue }
            var places: [String: [String]] = [:]
            let keys = Set(chosen.map(\.key) + chosen.compactMap(\.like)).sorted()
            for row in try await connection.run(RepairStore.places(role, keys)) {
                places[try row.decode(0), default: []].append(try row.decode(1, as: String.self))
            }
            var older: [String: String] = [:]
            let olderKeys = chosen.filter { $0.fromOlder == true }.map(\.key)
            if !olderKeys.isEmpty {
                for row in try await connection.run(OlderStore.places(role, olderKeys)) {
                    older[try row.decode(0)] = try row.decode(1, as: String.self)
                }
            }
            try await quarantineRows(chosen, role, source, places)
            for repair in chosen.sorted(by: { $0.id < $1.id }) {
                if let reason = try await apply(repair, role, source, places, older[repair.key]) {
                    refused[repair.id] = reason
                } else {
                    applied.append(repair)
                }
            }
        }
    }

    /// Returns why not, when it is not.
    private func apply(
        _ repair: Repair, _ role: RoleTable, _ source: RoleSource, _ places: [String: [String]],
        _ older: String?
    ) async throws -> String? {
        let rows = places[repair.key] ?? []
        switch repair.action {
        case .none: return "only a person can decide"
        case .mark:
            try await connection.run(ReconcileStore.mark(role.rawValue, repair.key))
            return nil
        case .exclude:
            guard rows.count == 1 else { return "\(rows.count) rows bear this key" }
            return try await guarded { RepairStore.exclude(repair, source, place: rows[0]) }
        case .set:
            guard rows.count == 1 else { return "\(rows.count) rows bear this key" }
            guard let (columns, json) = try Self.values(repair, source, isInsert: false) else {
                return "the mapping computes this column"
            }
            return try await guarded {
                RepairStore.set(repair, source, place: rows[0], columns: columns, json: json)
            }
        case .insert:
            guard rows.isEmpty else { return "a row bears this key already" }
            if repair.fromOlder == true {
                guard let older else { return "the older dump has no such row" }
                return try await guarded { OlderStore.insert(repair, source, place: older) }
            }
            let model = repair.like.map { places[$0] ?? [] }
            if let model, model.count != 1 { return "the neighbouring row is not there" }
            guard let (_, json) = try Self.values(repair, source, isInsert: true) else {
                return "the mapping computes a column of this row"
            }
            return try await guarded { RepairStore.insert(repair, source, place: model?.first, json: json) }
        }
    }

    /// One statement that must keep one before image.
    private func guarded(_ statement: () -> Statement) async throws -> String? {
        try await connection.run(ReconcileStore.savepoint)
        do {
            let count = try await connection.execute(statement())
            try await connection.run(ReconcileStore.release)
            return count == 1 ? nil : "no row was changed"
        } catch let error as PostgresError where error.kind == .server {
            try await connection.run(ReconcileStore.rollback)
            return error.message
        }
    }

    /// The raw columns and their values as JSON; nil when one that matters is computed by the mapping.
    static func values(_ repair: Repair, _ source: RoleSource, isInsert: Bool) throws -> ([String], String)? {
        let required: Set<String> = ["id", "numero", "compte_id", "montant"]
        var columns: [String] = []
        var values: [String: String?] = [:]
        for change in repair.changes {
            guard let raw = source.rawColumn(of: change.column) else {
                if !isInsert || required.contains(change.column) { return nil }
                continue
            }
            columns.append(raw)
            values[raw] = change.after
        }
        guard !columns.isEmpty else { return nil }
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys]
        return (columns, String(decoding: try encoder.encode(values), as: UTF8.self))
    }

    private func quarantineRows(
        _ repairs: [Repair], _ role: RoleTable, _ source: RoleSource, _ places: [String: [String]]
    ) async throws {
        let excluded = repairs.filter { $0.action == .exclude && places[$0.key]?.count == 1 }
        guard !excluded.isEmpty else { return }
        let quarantine = quarantine
        let table = source.relation
        try await connection.copyOut(
            RepairStore.rows(source, places: excluded.flatMap { places[$0.key] ?? [] })
        ) { bytes in
            try quarantine.add(
                table: table, row: Array(bytes), kind: .suspect, reason: "excluded by the reconciliation",
                place: "reconcile")
        }
    }
}
