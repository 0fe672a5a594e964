import Foundation
import PostgresServer
import TestSupport
import Testing

@Suite struct ClientSuiteTests {
    private static let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().path

    @Test func `Supabase's own Python client drives the server unchanged`() async throws {
        let made = try await ToolRun.run("/bin/bash", [Self.root + "/scripts/client-venv"])
        try #require(made.status == 0, "\(made.errorText)")
        let folder = made.outputText.trimmingCharacters(in: .whitespacesAndNewlines)
        try await Served.run { served in
            let environment = [
                "SUPABASE_URL": served.url, "SUPABASE_ANON_KEY": try served.key("anon"),
                "SUPABASE_SERVICE_ROLE_KEY": try served.key("service_role"), "MAIL_FOLDER": served.mailFolder,
                "PATH": "/usr/bin:/bin",
            ]
            let run = try await ToolRun.run(
                folder + "/bin/python",
                ["-m", "pytest", "-q", "--tb=short", "-p", "no:cacheprovider", Self.root + "/Tests/Clients"],
                environment: environment)
            #expect(run.status == 0, "\(run.outputText.suffix(4000))\(run.errorText.suffix(1000))")
            #expect(run.outputText.contains(" passed"))
        }
    }
}
