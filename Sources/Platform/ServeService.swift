internal import Foundation
internal import Gateway
internal import Postgres
internal import PostgresServer
internal import Recovery
internal import Rest
internal import Tokens
internal import Web

/// What `digitalbank serve` was asked for.
public struct ServeRequest: Sendable {
    public var dataDirectory: String
    public var host = "127.0.0.1"
    public var port = 8000
    public var adminPort: Int? = 8001
    public var accessLog: String?
    public var certificate: String?
    public var privateKey: String?
    public var origins: [String] = []

    public init(dataDirectory: String) { self.dataDirectory = dataDirectory }
}

/// Serves the restored bank.
public enum ServeService {
    /// Serves until the process is told to end.
    ///
    /// - Parameter onReady: told what to connect with, once the server listens.
    public static func serve(
        _ request: ServeRequest, onReady: @escaping @Sendable ([String]) -> Void
    ) async throws {
        let data = DataDirectory(request.dataDirectory)
        guard Cluster.exists(in: data.cluster) else {
            throw RecoveryError(
                code: "bank_not_found", message: "there is no bank in \(data.path)",
                hint: "Make one with: digitalbank up, or digitalbank recover DUMP --data-dir \(data.path)",
                exitStatus: .conflict)
        }
        let cluster = try Cluster.attach(data.cluster)
        if !cluster.isRunning { try await cluster.start() }
        let keys = try ApiKeys.open(data)
        try await cluster.withSuperuser { connection in
            for statement in ApiRolesStore.make(password: keys.password) { try await connection.run(statement) }
        }
        var shared = cluster.configuration(
            database: UpService.databaseName, user: ApiRolesStore.name, password: keys.password)
        shared.limits.statementTimeout = .seconds(8)
        let api = Database(shared)
        var own = cluster.configuration(database: UpService.databaseName)
        own.limits.connectionsMax = 2
        let catalog = Database(own)
        do {
            try await serve(request, keys, api, catalog, onReady)
            await api.close()
            await catalog.close()
        } catch {
            await api.close()
            await catalog.close()
            throw error
        }
    }

    private static func serve(
        _ request: ServeRequest, _ keys: ApiKeys, _ api: Database, _ catalog: Database,
        _ onReady: @escaping @Sendable ([String]) -> Void
    ) async throws {
        let settings = RestSettings()
        let cache = SchemaCache(database: catalog, schemas: settings.schemas)
        try await cache.reload()
        let rest = RestService(database: api, cache: cache, settings: settings)
        let verifier = TokenVerifier(
            keys: KeySet(keys.signingKey.map { [$0] } ?? []), audience: nil,
            clock: { Int64(Date().timeIntervalSince1970) })
        let server = GatewayServer(
            settings: gatewaySettings(request),
            mounts: [
                Mount("/rest/v1") { request, actor in
                    guard let actor else {
                        return TokenRefusal(code: "PGRST302", message: "Anonymous access is disabled").response
                    }
                    return await rest.handle(request, actor: actor)
                }
            ],
            tokens: { token in
                do throws(TokenError) {
                    return .success(try verifier.verify(token))
                } catch {
                    return .failure(TokenRefusal(code: error.restCode, message: error.message))
                }
            },
            anonymous: nil,
            unready: { cache.isLoaded ? nil : "the schema is not read yet" },
            onListening: { port, adminPort in
                onReady(lines(request, keys, port, adminPort))
            })
        try await server.run(beside: [{ try await cache.run() }])
    }

    private static func gatewaySettings(_ request: ServeRequest) -> GatewaySettings {
        var settings = GatewaySettings()
        settings.host = request.host
        settings.port = request.port
        settings.adminPort = request.adminPort
        settings.accessLog = request.accessLog
        settings.certificate = request.certificate
        settings.privateKey = request.privateKey
        settings.origins = Set(request.origins)
        return settings
    }

    private static func lines(_ request: ServeRequest, _ keys: ApiKeys, _ port: Int, _ adminPort: Int?) -> [String] {
        let scheme = request.certificate == nil ? "http" : "https"
        var lines = ["serving      \(scheme)://\(request.host):\(port)"]
        if let adminPort { lines.append("admin        http://\(request.host):\(adminPort)/ready") }
        return lines + ["keys         digitalbank keys api --data-dir \(request.dataDirectory)"]
    }

    /// The address and the standing keys as lines of an environment file.
    public static func environment(dataDirectory: String, url: String) throws -> [String] {
        let data = DataDirectory(dataDirectory)
        guard Cluster.exists(in: data.cluster) else {
            throw RecoveryError(
                code: "bank_not_found", message: "there is no bank in \(data.path)",
                hint: "Make one with: digitalbank up, or digitalbank recover DUMP --data-dir \(data.path)",
                exitStatus: .conflict)
        }
        let keys = try ApiKeys.open(data)
        return [
            "SUPABASE_URL=\(url)", "SUPABASE_ANON_KEY=\(try keys.key(for: "anon"))",
            "SUPABASE_SERVICE_ROLE_KEY=\(try keys.key(for: "service_role"))",
        ]
    }
}
