internal import Diagnostics
internal import Evidence
public import Foundation
internal import Postgres
internal import PostgresServer

/// Brings chosen tables or one client back from a past moment into the living bank, and touches nothing else.
///
/// First a plan that a person reads; then, asked again with it, the rows of the plan that are still as they were. Rows that
/// came since stay. The ledger is never rewritten: its differences are told.
public struct RowsBack: Sendable {
    let desk: BackupDesk

    public init(desk: BackupDesk) { self.desk = desk }

    public struct Order: Sendable {
        /// `schema.table`; none means all that lead to the client.
        public var tables: [String]
        public var client: UUID?
        public var target: RestoreTarget
        /// A cluster that was restored already, instead of restoring one.
        public var from: String?

        public init(tables: [String], client: UUID?, target: RestoreTarget) {
            self.tables = tables
            self.client = client
            self.target = target
        }
    }

    /// What was done.
    public struct Outcome: Sendable {
        public var broughtBack = 0
        public var setBack = 0
        /// Rows that are not as the plan saw them, or that a rule of the bank refuses.
        public var conflicts: [String] = []
        public var isWhole: Bool { conflicts.isEmpty }
    }

    public func plan(_ order: Order) async throws -> RowsPlan {
        try await withBoth(order) { both in try await both.plan(order) }
    }

    /// Gives back what `approved` names, in one transaction with its entry in the journal.
    public func apply(_ approved: RowsPlan, _ order: Order) async throws -> Outcome {
        guard approved.client == order.client else { throw ContinuityError.rows("the plan is another client's") }
        let outcome = try await withBoth(order) { both in
            let fresh = try await both.plan(order)
            guard fresh.target == approved.target else {
                throw ContinuityError.rows("the plan is of \(approved.target), not of \(fresh.target)")
            }
            return try await both.apply(approved, order)
        }
        try await desk.journal.append(
            .givenBack, order.client?.uuidString ?? order.tables.joined(separator: ","),
            ["back": "\(outcome.broughtBack)", "set": "\(outcome.setBack)", "conflicts": "\(outcome.conflicts.count)"])
        return outcome
    }

    private func withBoth<Value: Sendable>(
        _ order: Order, _ body: @Sendable (BothBanks) async throws -> Value
    ) async throws -> Value {
        guard !order.tables.isEmpty || order.client != nil else {
            throw ContinuityError.rows("name tables, a client, or both")
        }
        let living = try Cluster.attach(desk.folder.cluster)
        var moment: String?
        let past: Cluster
        if let from = order.from {
            past = try Cluster.attach(from)
            if !past.isRunning { try await past.start() }
        } else {
            let stem = desk.folder.scratch + "/rows-" + String(UInt32.random(in: .min ... .max), radix: 36)
            var request = Restorer.Request(target: order.target, directory: stem)
            request.isScratch = true
            let restored = try await Restorer(desk: desk).restore(request)
            past = restored.cluster
            moment = restored.lastMoment
        }
        let both = BothBanks(
            past: Database(past.configuration(database: desk.bank)),
            living: Database(living.configuration(database: desk.bank)), moment: moment)
        let result: Result<Value, any Error>
        do { result = .success(try await body(both)) } catch { result = .failure(error) }
        await both.past.close()
        await both.living.close()
        if order.from == nil { try await past.destroy() }
        return try result.get()
    }
}

/// The living bank and the one of the past, side by side.
struct BothBanks: Sendable {
    let past: Database
    let living: Database
    let moment: String?

    private struct Compared: Sendable {
        let shape: RowsBackStore.Shape
        let past: [ComparedRow]
        let present: [ComparedRow]

        func byKey() -> (past: [String: ComparedRow], present: [String: ComparedRow]) {
            (
                Dictionary(past.map { ($0.key, $0) }, uniquingKeysWith: { first, _ in first }),
                Dictionary(present.map { ($0.key, $0) }, uniquingKeysWith: { first, _ in first })
            )
        }
    }

    /// Parents before what points to them.
    private func shapes(_ order: RowsBack.Order, _ store: RowsBackStore) async throws -> [RowsBackStore.Shape] {
        let found = try await store.shapes(order.tables)
        for name in order.tables where !found.contains(where: { $0.qualified == name }) {
            throw ContinuityError.rows("there is no table \(name)")
        }
        for shape in found where !order.tables.isEmpty {
            guard !shape.key.isEmpty else { throw ContinuityError.rows("\(shape.qualified) has no primary key") }
            guard order.client == nil || shape.reachesClients else {
                throw ContinuityError.rows("\(shape.qualified) does not lead to a client")
            }
        }
        let usable = found.filter { !$0.key.isEmpty && (order.client == nil || $0.reachesClients) }
        return Self.sorted(usable, try await store.references())
    }

    static func sorted(
        _ shapes: [RowsBackStore.Shape], _ references: [(from: String, to: String)]
    ) -> [RowsBackStore.Shape] {
        var left = shapes
        var ordered: [RowsBackStore.Shape] = []
        while !left.isEmpty {
            let names = Set(left.map(\.qualified))
            // In a ring of references nothing is free: then the first is as good as any.
            let free =
                left.firstIndex { shape in
                    !references.contains { $0.from == shape.qualified && $0.to != $0.from && names.contains($0.to) }
                } ?? 0
            ordered.append(left.remove(at: free))
        }
        return ordered
    }

    private func compare(_ shape: RowsBackStore.Shape, _ client: UUID?, in tx: Transaction) async throws -> Compared {
        let then = try await past.transaction(isolation: .repeatableRead) { other in
            for statement in RowsBackStore.calm { try await other.run(statement) }
            return try await RowsBackStore(executor: other).rows(of: shape, client: client)
        }
        return Compared(
            shape: shape, past: then, present: try await RowsBackStore(executor: tx).rows(of: shape, client: client))
    }

    func plan(_ order: RowsBack.Order) async throws -> RowsPlan {
        try await living.transaction(isolation: .repeatableRead) { tx in
            for statement in RowsBackStore.calm { try await tx.run(statement) }
            var plan = RowsPlan(target: "\(order.target)", moment: moment, client: order.client)
            for shape in try await shapes(order, RowsBackStore(executor: tx)) {
                let compared = try await compare(shape, order.client, in: tx)
                let found = RowComparison.differences(
                    of: shape.qualified, past: compared.past, present: compared.present)
                let (told, given) = Self.parted(found, shape)
                plan.differences += given
                func count(_ kind: RowsPlan.Difference.Kind) -> Int { told.count { $0.kind == kind } }
                guard !told.isEmpty else { continue }
                plan.untouched.append(
                    .init(
                        table: shape.qualified, missing: count(.missing), changed: count(.changed), added: count(.added)
                    ))
            }
            return plan
        }
    }

    /// What is only told, and what can be given back.
    private static func parted(
        _ found: [RowsPlan.Difference], _ shape: RowsBackStore.Shape
    ) -> (told: [RowsPlan.Difference], given: [RowsPlan.Difference]) {
        func isTold(_ row: RowsPlan.Difference) -> Bool {
            shape.isHistory || (row.kind == .missing && shape.isNeverInserted)
                || (row.kind == .changed && shape.isInsertOnly)
        }
        return (found.filter(isTold), found.filter { !isTold($0) })
    }

    func apply(_ approved: RowsPlan, _ order: RowsBack.Order) async throws -> RowsBack.Outcome {
        try await living.transaction { tx in
            for statement in RowsBackStore.calm { try await tx.run(statement) }
            let store = RowsBackStore(executor: tx)
            let faults = try await store.ledgerFaults()
            var outcome = RowsBack.Outcome()
            for shape in try await shapes(order, store) where !shape.isHistory {
                let wanted = approved.differences.filter { $0.table == shape.qualified && $0.kind != .added }
                guard !wanted.isEmpty else { continue }
                let compared = try await compare(shape, order.client, in: tx)
                let (then, now) = compared.byKey()
                for difference in wanted {
                    try await give(
                        difference, shape, then[difference.key], now[difference.key], in: tx, &outcome)
                }
            }
            guard try await store.ledgerFaults() <= faults else {
                throw ContinuityError.rows("the ledger does not prove itself with these rows: nothing was changed")
            }
            try await store.replayErasures()
            try await EvidenceJournal.append(
                EvidenceEvent(
                    "continuity.rows_given_back", order.client?.uuidString ?? order.tables.joined(separator: ","),
                    fields: [
                        "target": approved.target, "back": "\(outcome.broughtBack)", "set": "\(outcome.setBack)",
                        "conflicts": "\(outcome.conflicts.count)",
                    ], actor: "operator"), in: tx)
            return outcome
        }
    }

    private func give(
        _ difference: RowsPlan.Difference, _ shape: RowsBackStore.Shape, _ then: ComparedRow?, _ now: ComparedRow?,
        in tx: Transaction, _ outcome: inout RowsBack.Outcome
    ) async throws {
        let name = "\(shape.qualified) \(difference.key)"
        guard let then, then.digest == difference.past else {
            return outcome.conflicts.append("\(name): the past is not what the plan saw")
        }
        guard now?.digest == difference.present else {
            return outcome.conflicts.append("\(name): it changed since the plan was made")
        }
        do {
            let isDone = try await tx.savepoint { inner in
                let store = RowsBackStore(executor: inner)
                guard let now else { return try await store.insert(then, into: shape) }
                return try await store.update(then, present: now, in: shape)
            }
            if !isDone { return outcome.conflicts.append("\(name): it changed meanwhile") }
            if now == nil { outcome.broughtBack += 1 } else { outcome.setBack += 1 }
        } catch let error as PostgresError where error.kind == .server {
            outcome.conflicts.append("\(name): \(error.message)")
        }
    }
}
