internal import Auth
internal import Bank
internal import Foundation
internal import Fraud
internal import Gateway
internal import Migrations
internal import Postgres
internal import PostgresServer
internal import Recovery
internal import Tokens
internal import Web

/// The fraud desk alone: `/fraud/v1`, health and figures, over any PostgreSQL; nothing else of the bank is served.
public enum FraudOnlyService {
    /// - Parameter onReady: told where it serves.
    public static func serve(
        _ request: ServeRequest, onReady: @escaping @Sendable ([String]) -> Void
    ) async throws {
        let data = DataDirectory(request.dataDirectory)
        let configuration = try await configuration(request, data)
        let keys = try ApiKeys.open(data)
        var limited = configuration
        limited.limits.connectionsMax = 8
        let database = Database(limited)
        let result: Result<Void, any Error>
        do {
            result = .success(try await serve(request, data, keys, database, onReady))
        } catch {
            result = .failure(error)
        }
        await database.close()
        try result.get()
    }

    /// The bank below the data directory, started when it is stopped; or, with `--database`, one that others run.
    private static func configuration(
        _ request: ServeRequest, _ data: DataDirectory
    ) async throws -> DatabaseConfiguration {
        if let address = request.database {
            try data.prepare()
            return DatabaseConfiguration(address, password: ServerPassword.fromEnvironment)
        }
        guard Cluster.exists(in: data.cluster) else {
            throw RecoveryError(
                code: "bank_not_found", message: "there is no bank in \(data.path)",
                hint: "Name a database with --database, or make a bank with: digitalbank up", exitStatus: .conflict)
        }
        let cluster = try Cluster.attach(data.cluster)
        if !cluster.isRunning { try await cluster.start() }
        return cluster.configuration(database: UpService.databaseName)
    }

    private static func serve(
        _ request: ServeRequest, _ data: DataDirectory, _ keys: ApiKeys, _ database: Database,
        _ onReady: @escaping @Sendable ([String]) -> Void
    ) async throws {
        let desk = try await FraudDeskService.open(database, data: data, retrainingDays: request.fraudRetrainingDays)
        let verifier = TokenVerifier(
            keys: KeySet(keys.signingKey.map { [$0] } ?? []), audience: nil,
            clock: { Int64(Date().timeIntervalSince1970) })
        let gate = ApiGate(verifier: verifier, sessions: RevokedSessions())
        var settings = GatewaySettings()
        settings.host = request.host
        settings.port = request.port
        settings.adminPort = request.adminPort
        settings.accessLog = request.accessLog
        settings.certificate = request.certificate
        settings.privateKey = request.privateKey
        settings.trustedProxies = try request.believedProxies()
        let routes = FraudRoutes(desk: desk.desk) { Int64(Date().timeIntervalSince1970 * 1_000_000) }
        let server = GatewayServer(
            settings: settings, mounts: routes.mounts, tokens: gate.check, anonymous: nil,
            onListening: { port, adminPort in
                var lines = ["serving      \(request.address(port: port))/fraud/v1"]
                if let adminPort { lines.append("admin        http://\(request.host):\(adminPort)/ready") }
                onReady(lines + ["keys         digitalbank keys api --data-dir \(request.dataDirectory)"])
            })
        try await server.run(beside: [{ try await desk.run() }])
    }
}
