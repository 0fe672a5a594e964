import Foundation
import Postgres
import PostgresServer
import TestSupport
import Testing

@testable import Analytics

/// The settings of docs/guides/powerbi.md, with libpq as the driver of Power BI connects: TLS 1.2, SCRAM, no channel binding.
@Suite("Power BI's way into PostgreSQL", .serialized) struct PowerBIConnectionTests {
    private static let psql = "/usr/bin/psql"

    /// A server with the guide's settings, reached by TCP; `run` connects as the role with these words and says what came.
    private func served(
        _ body: @Sendable (_ run: @Sendable (String) async throws -> (status: Int32, said: String)) async throws -> Void
    ) async throws {
        try await withTemporaryDirectory { folder in
            try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: folder)
            var options = Cluster.Options(directory: folder + "/c")
            options.isDurable = false
            options.isRemovedWithOwner = true
            options.port = 0
            let cluster = try await Cluster.create(options)
            let data = cluster.dataDirectory
            try await ToolRun.run(
                "/usr/bin/openssl",
                [
                    "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost",
                    "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1", "-keyout", data + "/server.key", "-out",
                    data + "/server.crt",
                ]
            ).checked("openssl")
            try FileManager.default.copyItem(atPath: data + "/server.crt", toPath: folder + "/ca.crt")
            // The key is its reader's, or the server does not start.
            let owner = "chown --reference=\(data) \(data)/server.* && chmod 600 \(data)/server.key"
            try await ToolRun.run("/bin/sh", ["-c", owner]).checked("chown")
            try await Self.append(
                """
                ssl = on
                ssl_cert_file = 'server.crt'
                ssl_key_file = 'server.key'
                ssl_min_protocol_version = 'TLSv1.2'
                password_encryption = 'scram-sha-256'

                """, to: data + "/postgresql.auto.conf")
            try await cluster.start()
            do {
                let rules = try String(contentsOfFile: data + "/pg_hba.conf", encoding: .utf8)
                try await Self.write(
                    "hostssl banque powerbi 127.0.0.0/8 scram-sha-256\nhost all powerbi 0.0.0.0/0 reject\n" + rules,
                    to: data + "/pg_hba.conf")
                try await cluster.createDatabase("banque")
                let database = Database(cluster.configuration(database: "banque"))
                try await database.run("select pg_reload_conf()")
                try await database.run("create role bi_reader nologin")
                let password = try await BITokenStore(database).makeLogin("powerbi")
                let port = try await database.one("select current_setting('port')", as: String.self)
                await database.close()
                try await body { words in
                    let run = try await ToolRun.run(
                        Self.psql,
                        [
                            "-XAt",
                            "host=localhost hostaddr=127.0.0.1 port=\(port) dbname=banque user=powerbi \(words)",
                            "-c",
                            "select version || ' ' || ssl::text from pg_stat_ssl where pid = pg_backend_pid()",
                        ],
                        environment: [
                            "PGPASSWORD": words.contains("wrong") ? "faux" : password, "CA": folder + "/ca.crt",
                            "PGSSLROOTCERT": folder + "/ca.crt", "PATH": "/usr/bin:/bin",
                        ])
                    return (
                        run.status,
                        (run.outputText + run.errorText).trimmingCharacters(in: .whitespacesAndNewlines)
                    )
                }
            } catch {
                try? await cluster.stop(.immediate)
                throw error
            }
            try await cluster.stop(.immediate)
        }
    }

    @Test("TLS 1.2 with SCRAM lets the role in, with and without channel binding; less does not")
    func connects() async throws {
        try await served { run in
            // As Npgsql 4.0 connects.
            let driver = "sslmode=require ssl_max_protocol_version=TLSv1.2 channel_binding=disable"
            #expect(try await run(driver).said == "TLSv1.2 true")
            // As newer drivers do: bound to the channel, the certificate checked.
            #expect(
                try await run("sslmode=verify-full ssl_max_protocol_version=TLSv1.2 channel_binding=require").said
                    == "TLSv1.2 true")
            #expect(try await run("sslmode=verify-full channel_binding=require").said == "TLSv1.3 true")
            let clear = try await run("sslmode=disable")
            #expect(clear.status != 0 && clear.said.contains("reject"), "\(clear)")
            let old = try await run(
                "sslmode=require ssl_min_protocol_version=TLSv1.1 ssl_max_protocol_version=TLSv1.1")
            #expect(old.status != 0 && !old.said.contains("TLSv1.1 true"), "\(old)")
            let wrong = try await run("sslmode=require application_name=wrong")
            #expect(wrong.status != 0 && wrong.said.contains("password authentication failed"), "\(wrong)")
        }
    }

    private static func append(_ text: String, to path: String) async throws {
        let known = (try? String(contentsOfFile: path, encoding: .utf8)) ?? ""
        try await write(known + text, to: path)
    }

    /// Stays its owner's.
    private static func write(_ text: String, to path: String) async throws {
        try text.write(toFile: path, atomically: false, encoding: .utf8)
        let folder = (path as NSString).deletingLastPathComponent
        try await ToolRun.run("/bin/chown", ["--reference=\(folder)", path]).checked("chown")
    }
}
