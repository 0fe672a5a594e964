internal import Foundation
internal import Postgres

/// The SQL of schema `evidence`.
struct EvidenceStore: Sendable {
    let database: any SQLExecutor

    func append(_ event: EvidenceEvent) async throws -> Int64 {
        try await database.one(
            """
            select evidence.append(\(event.kind), \(event.subject), \(event.body), \(event.outcome.rawValue),
                \(event.actor))
            """, as: Int64.self)
    }
}
