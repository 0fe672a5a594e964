import ApiTestSupport
import Auth
import Foundation
import Gateway
import HTTPTypes
import Postgres
import Realtime
import Rest
import Synchronization
import TestSupport
import Testing
import Tokens
import Web

/// A server on a free port over a fresh copy of the films.
struct Served: Sendable {
    let port: Int
    let adminPort: Int
    let database: Database
    let keys: KeySet
    let mailFolder: String
    let hub: RealtimeHub

    var url: String { "http://127.0.0.1:\(port)" }

    func token(_ claims: JSON) throws -> String { try keys.token(claims) }

    func key(_ role: String) throws -> String {
        try keys.token(["role": .string(role), "exp": .integer(Int(Date().timeIntervalSince1970) + 3600)])
    }

    static func run(
        _ change: @Sendable (inout GatewaySettings) -> Void = { _ in }, mounts extra: [Mount] = [],
        gateMounts: @escaping @Sendable (ApiGate) -> [Mount] = { _ in [] },
        _ body: @escaping @Sendable (Served) async throws -> Void
    ) async throws {
        var settings = GatewaySettings()
        settings.port = 0
        settings.adminPort = 0
        change(&settings)
        let fixed = settings
        try await withTestDatabase(servedCinema) { database in
            var rest = RestSettings()
            rest.servesUnguarded = true
            let cache = SchemaCache(database: database, schemas: rest.schemas)
            try await cache.reload()
            let service = RestService(database: database, cache: cache, settings: rest)
            let clock = { @Sendable in Int64(Date().timeIntervalSince1970) }
            let secret = try #require(AuthKeys(secret: Array("a secret of this test, long enough".utf8)))
            let folder = FileManager.default.temporaryDirectory.path + "/mail-\(UInt64.random(in: .min ... .max))"
            try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
            defer { try? FileManager.default.removeItem(atPath: folder) }
            var accounts = AuthSettings(
                externalURL: "http://127.0.0.1/auth/v1", siteURL: "http://127.0.0.1:3000")
            accounts.isAnonymousEnabled = true
            accounts.argon2.memoryKiB = 1024
            let auth = try AuthService(
                database: database, settings: accounts, keys: secret,
                mail: FileMailSink(folder: folder, sender: "banque@localhost"), clock: clock)
            try await auth.prepare()
            let gate = ApiGate(
                verifier: TokenVerifier(keys: auth.keys, audience: nil, clock: clock), sessions: auth.sessions)
            var changes = RealtimeSettings()
            changes.slot = TestCluster.freshName("served")
            let check = gate.check
            let hub = RealtimeHub(
                database: database, replication: database.configuration, settings: changes,
                verify: { token in try? check(token).get() })
            auth.sessions.watch { hub.revoke(sessionID: $0) }
            let (ports, listening) = AsyncStream.makeStream(of: (Int, Int).self)
            let server = GatewayServer(
                settings: fixed,
                mounts: [gate.mount(service), gate.mount(auth), gate.mount(hub)] + extra
                    + gateMounts(gate),
                sockets: [gate.socket(hub)], tokens: gate.check,
                anonymous: nil, readings: hub.readings, onListening: { listening.yield(($0, $1 ?? 0)) })
            let keys = auth.keys
            let result: Result<Void, any Error>
            do {
                try await Self.run(server, beside: [{ try await auth.run() }, { try await hub.run() }], ports) {
                    // A busy machine may take its time to make the slot; joins would be told to try again.
                    try await eventually { hub.figures.isReading }
                    try await body(
                        Served(
                            port: $0, adminPort: $1, database: database, keys: keys, mailFolder: folder, hub: hub))
                }
                result = .success(())
            } catch {
                result = .failure(error)
            }
            try await Self.drop(slot: changes.slot, database)
            try result.get()
        }
    }

    private static func run(
        _ server: GatewayServer, beside work: [@Sendable () async throws -> Void], _ ports: AsyncStream<(Int, Int)>,
        _ body: @escaping @Sendable (Int, Int) async throws -> Void
    ) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await server.run(beside: work) }
            group.addTask {
                for await (port, adminPort) in ports { return try await body(port, adminPort) }
            }
            try await group.next()
            group.cancelAll()
            while let result = await group.nextResult() {
                if case .failure(let error) = result, !(error is CancellationError) { throw error }
            }
        }
    }

    /// A database with a slot cannot be dropped; its reader may need a moment to be gone.
    private static func drop(slot: String, _ database: Database) async throws {
        for _ in 0..<500 {
            do {
                try await database.run(
                    "select pg_drop_replication_slot(slot_name) from pg_replication_slots where slot_name = \(slot)")
                return
            } catch let error as PostgresError where error.sqlState == "55006" {
                try await Task.sleep(for: .milliseconds(20))
            }
        }
    }
}

/// Waits for what has to come, at most half a minute.
func eventually(_ holds: @Sendable () async throws -> Bool) async throws {
    for _ in 0..<6000 {
        if try await holds() { return }
        try await Task.sleep(for: .milliseconds(5))
    }
    throw WaitError()
}

struct WaitError: Error {}
