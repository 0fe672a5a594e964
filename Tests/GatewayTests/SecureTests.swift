import Foundation
import Gateway
import PostgresServer
import TestSupport
import Testing

@Suite struct SecureTests {
    /// A key and a certificate of its own for `name`.
    private static func makeCertificate(in folder: String, name: String) async throws {
        let made = try await ToolRun.run(
            "/usr/bin/openssl",
            [
                "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
                "-subj", "/CN=\(name)", "-keyout", folder + "/key.new", "-out", folder + "/cert.new",
            ])
        try #require(made.status == 0, "\(made.errorText)")
        for file in ["key", "cert"] {
            try? FileManager.default.removeItem(atPath: folder + "/\(file).pem")
            try FileManager.default.moveItem(atPath: folder + "/\(file).new", toPath: folder + "/\(file).pem")
        }
    }

    private static func curl(_ arguments: [String]) async throws -> String {
        let run = try await ToolRun.run("/usr/bin/curl", ["-sk", "-m", "20"] + arguments)
        return run.outputText + run.errorText
    }

    private func withCertificate(_ body: @escaping @Sendable (String, Served) async throws -> Void) async throws {
        let folder = FileManager.default.temporaryDirectory.path + "/tls-\(UInt64.random(in: .min ... .max))"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        try await Self.makeCertificate(in: folder, name: "first.example")
        try await Served.run { settings in
            settings.certificate = folder + "/cert.pem"
            settings.privateKey = folder + "/key.pem"
            settings.limits.certificateCheckPause = .milliseconds(50)
        } _: { served in
            try await body(folder, served)
        }
    }

    @Test func `HTTP/2 and HTTP/1.1 are spoken over TLS, old versions are not`() async throws {
        try await withCertificate { _, served in
            let target = "https://127.0.0.1:\(served.port)/rest/v1/rpc/who"
            let key = "apikey: \(try served.key("authenticated"))"
            let two = try await Self.curl(["--http2", "-w", " %{http_version}", "-H", key, target])
            #expect(two == "\"authenticated\" 2")
            let one = try await Self.curl(["--http1.1", "-w", " %{http_version}", "-H", key, target])
            #expect(one == "\"authenticated\" 1.1")
            let old = try await Self.curl(["--tls-max", "1.1", "-w", "%{http_code}", "-H", key, target])
            #expect(old.hasPrefix("000"))
        }
    }

    @Test func `web sockets open over TLS`() async throws {
        try await withCertificate { _, served in
            let target = "https://127.0.0.1:\(served.port)/realtime/v1/websocket?apikey="
            let asking = [
                "--http1.1", "-m", "2", "-i", "-H", "Connection: Upgrade", "-H", "Upgrade: websocket", "-H",
                "Sec-WebSocket-Version: 13", "-H", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
            ]
            let open = try await Self.curl(asking + [target + (try served.key("anon"))])
            #expect(open.hasPrefix("HTTP/1.1 101") && open.contains("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="), "\(open)")
            let refused = try await Self.curl(asking + [target + "x.y.z"])
            #expect(refused.hasPrefix("HTTP/1.1 401"), "\(refused)")
        }
    }

    @Test func `a new certificate is taken without a restart, a broken one is not`() async throws {
        try await withCertificate { folder, served in
            let name = { @Sendable in
                try await Self.curl(["-v", "https://127.0.0.1:\(served.port)/auth/v1/health"])
            }
            #expect(try await name().contains("CN=first.example"))
            try await Self.makeCertificate(in: folder, name: "second.example")
            try await eventually { try await name().contains("CN=second.example") }
            try Data("no certificate".utf8).write(to: URL(filePath: folder + "/cert.pem"))
            try await Task.sleep(for: .milliseconds(300))
            #expect(try await name().contains("CN=second.example"))
        }
    }
}
