import Auth
import Cryptography
import Foundation
import Gateway
import HTTPTypes
import PostgresServer
import TestSupport
import Testing
import Tokens
import Web

@Suite struct AuthClientSuiteTests {
    private static let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().path

    @Test func `Supabase's own Python client signs up, in and out, unchanged`() async throws {
        let made = try await ToolRun.run("/bin/bash", [Self.root + "/scripts/client-venv"])
        try #require(made.status == 0, "\(made.errorText)")
        let venv = made.outputText.trimmingCharacters(in: .whitespacesAndNewlines)
        try await withTemporaryDirectory { folder in
            let mails = folder + "/mail"
            try FileManager.default.createDirectory(atPath: mails, withIntermediateDirectories: true)
            let file = SigningKeyFile(path: folder + "/keys", sealingKey: try SecureRandom.bytes(32))
            try await serve(keys: file.load(), mails: mails) { url, keys in
                let now = Int64(Date().timeIntervalSince1970)
                func key(_ role: String) throws -> String {
                    try keys.token(["role": .string(role), "iat": .integer(now), "exp": .integer(now + 3600)])
                }
                let run = try await ToolRun.run(
                    venv + "/bin/python",
                    ["-m", "pytest", "-q", "--tb=short", "-p", "no:cacheprovider", Self.root + "/Tests/AuthClients"],
                    environment: [
                        "SUPABASE_URL": url, "SUPABASE_ANON_KEY": try key("anon"),
                        "SUPABASE_SERVICE_ROLE_KEY": try key("service_role"), "TEST_MAIL_FOLDER": mails,
                        "PATH": "/usr/bin:/bin", "PYTHONDONTWRITEBYTECODE": "1",
                    ])
                #expect(run.status == 0, "\(run.outputText.suffix(6000))\(run.errorText.suffix(1000))")
                #expect(run.outputText.contains(" passed"))
            }
        }
    }

    /// The gateway with Auth alone on a port of its own.
    private func serve(
        keys: AuthKeys, mails: String, _ body: @escaping @Sendable (String, KeySet) async throws -> Void
    ) async throws {
        var settings = testSettings()
        let provider = try TestProvider()
        settings.provider = provider.settings
        settings.limits.signupByAddress = AttemptWindow(10_000, per: 300)
        settings.limits.codeByAddress = AttemptWindow(10_000, per: 300)
        settings.limits.verifyByAddress = AttemptWindow(10_000, per: 300)
        let chosen = settings
        let clock: @Sendable () -> Int64 = { Int64(Date().timeIntervalSince1970) }
        try await withTestDatabase(authTemplate) { database in
            let service = try AuthService(
                database: database, settings: chosen, keys: keys,
                mail: FileMailSink(folder: mails, sender: "bank@bank.example"), clock: clock)
            let verifier = TokenVerifier(keys: service.keys, audience: nil, clock: clock)
            let (ports, listening) = AsyncStream.makeStream(of: Int.self)
            var gateway = GatewaySettings()
            gateway.port = 0
            gateway.adminPort = 0
            let server = GatewayServer(
                settings: gateway, mounts: [mount(service, verifier)],
                tokens: { _ in .failure(TokenRefusal(code: "x", message: "x")) }, anonymous: nil,
                onListening: { port, _ in listening.yield(port) })
            try await service.prepare()
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { try await service.run() }
                group.addTask { try await server.run() }
                group.addTask {
                    for await port in ports {
                        return try await body("http://127.0.0.1:\(port)", service.keys)
                    }
                }
                try await group.next()
                group.cancelAll()
                while let result = await group.nextResult() {
                    if case .failure(let error) = result, !(error is CancellationError) { throw error }
                }
            }
        }
    }

    private func mount(_ service: AuthService, _ verifier: TokenVerifier) -> Mount {
        Mount("/auth/v1", needsToken: false) { request, _ in
            guard let header = request.fields[.authorization], header.hasPrefix("Bearer ") else {
                return await service.handle(request, actor: nil)
            }
            let actor: Actor
            do throws(TokenError) {
                actor = try verifier.verify(String(header.dropFirst(7)))
            } catch {
                return AuthService.refusal(of: error, for: request)
            }
            return await service.handle(request, actor: actor)
        }
    }
}
