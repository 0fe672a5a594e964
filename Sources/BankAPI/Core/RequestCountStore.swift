internal import Foundation
internal import Postgres

/// The counts of all servers.
struct RequestCountStore: Sendable {
    let store: BankStore

    /// Adds what one server counted in a minute; gives the sums of the same users.
    func count(_ told: [(UUID, Int)], minute: Int64) async throws -> [(UUID, Int)] {
        try await store.asBank(
            """
            select utilisateur, nombre from public.compter_requetes(
                \(minute), \(SQLArray(told.map(\.0.uuidString)))::uuid[], \(SQLArray(told.map { Int64($0.1) }))::integer[])
            """
        ).map { (try $0.decode(0), try $0.decode(1)) }
    }
}
