internal import Auth
internal import Foundation
internal import Gateway
internal import Postgres
internal import Recovery
internal import Rest
internal import Tokens
internal import Web

/// Any PostgreSQL database served as PostgREST serves it, at the root path, with PostgREST's own settings.
public enum RestOnlyService {
    /// - Parameter onReady: told where it serves and which settings had no effect.
    public static func serve(
        configuration path: String?, accessLog: String?, onReady: @escaping @Sendable ([String]) -> Void
    ) async throws {
        var text: String?
        if let path {
            guard let read = try? String(contentsOfFile: path, encoding: .utf8) else {
                throw RecoveryError(
                    code: "settings_not_found", message: "the configuration \(path) can not be read",
                    hint: "Give PostgREST's configuration file, or PGRST_ variables.", exitStatus: .badInput)
            }
            text = read
        }
        let settings = try PostgRESTSettings.read(file: text, environment: ProcessInfo.processInfo.environment) {
            try? String(contentsOfFile: $0, encoding: .utf8)
        }
        guard let roleClaim = ClaimPath(settings.roleClaim) else {
            throw SettingsError(
                message: "jwt-role-claim-key cannot be \"\(settings.roleClaim)\"",
                hint: "Give a path into the token, for example .role or .app_metadata.roles[0].")
        }
        let keys = try keys(settings)
        var configuration = DatabaseConfiguration(settings.databaseURI)
        configuration.limits.connectionsMax = max(settings.poolSize, 2)
        let database = Database(configuration)
        var own = DatabaseConfiguration(settings.databaseURI)
        own.limits.connectionsMax = 2
        let catalog = Database(own)
        let cache = SchemaCache(database: catalog, schemas: settings.rest.schemas)
        do {
            try await cache.reload()
            var served = settings.rest
            served.keepsAnswers = try await RestService.canKeepAnswers(in: database)
            let rest = RestService(database: database, cache: cache, settings: served)
            let verifier = TokenVerifier(
                keys: keys, audience: settings.audience,
                roleClaim: roleClaim,
                anonymousRole: settings.rest.anonymousRole ?? "",
                clock: { Int64(Date().timeIntervalSince1970) })
            let anonymous = settings.rest.anonymousRole.map { role in
                Actor(role: role, claims: "{\"role\":\(JSON.string(role).text)}", isAnonymous: true)
            }
            let gate = ApiGate(verifier: verifier, sessions: RevokedSessions())
            let server = GatewayServer(
                settings: gateway(settings, accessLog), mounts: [gate.mount(rest, at: "")], tokens: gate.check,
                anonymous: anonymous, unready: { cache.isLoaded ? nil : "the schema is not read yet" },
                onListening: { port, adminPort in
                    var lines = ["serving      http://\(settings.host):\(port)"]
                    if let adminPort { lines.append("admin        http://\(settings.host):\(adminPort)/ready") }
                    if !settings.ignored.isEmpty {
                        lines.append("no effect    \(settings.ignored.sorted().joined(separator: ", "))")
                    }
                    onReady(lines)
                })
            try await server.run(beside: [{ try await cache.run() }])
            await database.close()
            await catalog.close()
        } catch {
            await database.close()
            await catalog.close()
            throw error
        }
    }

    private static func gateway(_ settings: PostgRESTSettings, _ accessLog: String?) -> GatewaySettings {
        var gateway = GatewaySettings()
        gateway.host = settings.host
        gateway.port = settings.port
        gateway.adminPort = settings.adminPort
        gateway.accessLog = accessLog
        gateway.origins = ["*"]
        return gateway
    }

    /// A secret of 32 bytes, a JWK or a set of them. Without any, tokens are refused.
    private static func keys(_ settings: PostgRESTSettings) throws -> KeySet {
        guard let secret = settings.secret else { return KeySet([]) }
        if secret.hasPrefix("{"), let json = try? JSONReader.read(secret), let set = KeySet(jwks: json) { return set }
        let bytes = settings.isSecretBase64 ? Data(base64Encoded: secret).map(Array.init) : Array(secret.utf8)
        guard let key = bytes.flatMap({ TokenKey(secret: $0) }) else {
            throw RecoveryError(
                code: "jwt_secret_short", message: "jwt-secret is no secret of 32 bytes or more, and no JWK set",
                hint: "Give 32 random bytes or more; a shorter secret can be guessed.", exitStatus: .badInput)
        }
        return KeySet([key])
    }
}
