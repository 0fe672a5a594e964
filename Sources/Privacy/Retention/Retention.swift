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
        if code == "identites", treated > 0 {
            try await synchroniseLedger()
            try await VaultKeyStore(database: database).vacuum()
        }
        return done
    }

    /// What should have gone and is still there.
    public func overdue() async throws -> [String: Int64] {
        Dictionary(try await RetentionStore(database: database).overdue(), uniquingKeysWith: { first, _ in first })
    }
}
