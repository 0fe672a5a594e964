internal import Auth
internal import Foundation
internal import Gateway
internal import Postgres
internal import Realtime

/// Realtime beside the server: its hub, its figures, and the sessions whose end closes channels.
struct RealtimeService: Sendable {
    let hub: RealtimeHub

    /// `database` is reached as the owner, who may replicate.
    init(database: Database, gate: ApiGate, sessions: RevokedSessions) {
        let check = gate.check
        let hub = RealtimeHub(
            database: database, replication: database.configuration,
            verify: { token in
                guard case .success(let actor) = check(token) else { return nil }
                return actor
            })
        sessions.watch { hub.revoke(sessionID: $0) }
        self.hub = hub
    }

    /// Reads changes until the task is cancelled. A server that keeps no logical log is said once; the rest of the API
    /// works without, and joins that ask for changes are refused.
    func run() async throws {
        do {
            try await hub.run()
        } catch let error as RealtimeError {
            FileHandle.standardError.write(Data("realtime: \(error)\n".utf8))
            while !Task.isCancelled { try await Task.sleep(for: .seconds(3600)) }
        }
    }
}
