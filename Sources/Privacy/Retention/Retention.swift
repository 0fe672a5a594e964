internal import Evidence
internal import Foundation
internal import Postgres
internal import Vault

/// What one schedule came to.
public struct RetentionRun: Sendable, Hashable {
    public let code: String
    public let isDry: Bool
    /// Rows that were older than they may be.
    public let found: Int64
    public let treated: Int64
    public let batches: Int
}

extension PrivacyDesk {
    static let retentionBatch = 1_000

    /// Runs the schedules, or the one that is named. A dry run counts and changes nothing.
    public func retain(
        only code: String? = nil, isDry: Bool, by requester: Requester
    ) async throws -> [RetentionRun] {
        let store = RetentionStore(database: database)
        let codes = try await store.codes()
        if let code, !codes.contains(code) { throw PrivacyError.request("there is no schedule \(code)") }
        var runs: [RetentionRun] = []
        for each in codes where code == nil || each == code {
            runs.append(try await run(each, isDry: isDry, by: requester))
        }
        return runs
    }

    private func run(_ code: String, isDry: Bool, by requester: Requester) async throws -> RetentionRun {
        if code == "clients_partis", !isDry { try await RetentionStore(database: database).noteClosings() }
        let found = try await RetentionStore(database: database).due(code)
        var treated: Int64 = 0
        var batches = 0
        while !isDry, treated < found {
            try Task.checkCancellation()
            let count = try await database.transaction { tx in
                try await RetentionStore(database: tx).treat(code, most: Self.retentionBatch)
            }
            guard count > 0 else { break }
            treated += count
            batches += 1
        }
        let done = RetentionRun(code: code, isDry: isDry, found: found, treated: treated, batches: batches)
        let fields = ["dry": "\(isDry)", "found": "\(found)", "treated": "\(treated)", "batches": "\(batches)"]
        try await database.transaction { tx in
            try await RetentionStore(database: tx).note(done, by: requester.name)
            try await EvidenceJournal.append(
                EvidenceEvent("privacy.retention", code, fields: fields, actor: requester.name), in: tx)
        }
        if ["identites", "clients_partis"].contains(code), treated > 0 {
            try await synchroniseLedger()
            try await VaultKeyStore(database: database).vacuum()
        }
        return done
    }

    private static let keeper = Requester(name: "retention", channel: .command)
    /// Also how long a server that has just started waits: a bank that was brought up to be looked at is left as it is.
    static let retentionPause: Duration = .seconds(900)

    /// All schedules once a day, by one of the servers. Nil when it was done within the day, or another one does it now. A schedule
    /// that fails takes no other down; that it did is in the journal.
    @discardableResult
    public func retainDaily() async throws -> [RetentionRun]? {
        guard try await RetentionStore(database: database).isDailyDue(Self.keeper.name) else { return nil }
        return try await database.withConnection { connection in
            let lock = RetentionStore(database: connection)
            guard try await lock.tryLock() else { return nil }
            // It may have been done while this one asked.
            guard try await lock.isDailyDue(Self.keeper.name) else {
                try await lock.unlock()
                return nil
            }
            var runs: [RetentionRun] = []
            for code in try await lock.codes() {
                do {
                    runs += try await retain(only: code, isDry: false, by: Self.keeper)
                } catch {
                    try Task.checkCancellation()
                    let reason = (error as? PostgresError)?.sqlState ?? String(describing: type(of: error))
                    var failure = try EvidenceEvent(
                        "privacy.retention", code, fields: ["refused": reason], actor: Self.keeper.name)
                    failure.outcome = .refused
                    try await journal.append(failure)
                }
            }
            try await lock.unlock()
            return runs
        }
    }

    /// Works until the task is cancelled; what failed is tried again.
    public func watchRetention() async throws {
        while !Task.isCancelled {
            try await Task.sleep(for: Self.retentionPause)
            _ = try? await retainDaily()
        }
    }

    /// What should have gone and is still there.
    public func overdue() async throws -> [String: Int64] {
        Dictionary(try await RetentionStore(database: database).overdue(), uniquingKeysWith: { first, _ in first })
    }
}
