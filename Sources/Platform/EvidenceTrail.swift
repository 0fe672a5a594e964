internal import Evidence
internal import Postgres

/// What the operator's commands leave in the bank's journal.
enum EvidenceTrail {
    static func record(
        _ kind: String, _ subject: String, _ fields: [String: String], in executor: any SQLExecutor
    ) async throws {
        try await EvidenceJournal.append(
            EvidenceEvent(kind, subject, fields: fields, actor: "operator"), in: executor)
    }
}
