import Foundation
import PostgresServer
import TestSupport
import Testing
import Web

/// The collection in `docs/postman`, made from the served document and run against the server.
@Suite struct PostmanTests {
    private static let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().path

    @Test func `every request of the Postman collection is answered as it expects`() async throws {
        let made = try await ToolRun.run("/bin/bash", [Self.root + "/scripts/client-venv"])
        try #require(made.status == 0, "\(made.errorText)")
        let folder = made.outputText.trimmingCharacters(in: .whitespacesAndNewlines)
        try await BankServed.run { bank in
            let served = bank.served
            let (email, password) = ("ada@example.com", "un mot de passe assez long")
            let account: JSON = [
                "id": .string(BankServed.firstUser), "email": .string(email), "password": .string(password),
                "email_confirm": true, "app_metadata": ["role": "client"],
            ]
            let added = try await ask(
                served.port, "POST", "/auth/v1/admin/users",
                ["Authorization": "Bearer \(try served.key("service_role"))", "Content-Type": "application/json"],
                body: account.text)
            try #require(added.status == 200, "\(added)")
            let user = try #require(try JSONReader.read(added.body)["id"]?.string)
            try await bank.tie(user: user)
            var environment = [
                "SUPABASE_URL": served.url, "SUPABASE_ANON_KEY": try served.key("anon"), "PATH": "/usr/bin:/bin",
                "EMAIL": email, "PASSWORD": password, "PAYEE_IBAN": BankServed.secondIBAN,
                "ACCESS_TOKEN": try bank.token(level: "aal2", user: user),
            ]
            environment["DIGITALBANK_WRITE_DOCS"] = ProcessInfo.processInfo.environment["DIGITALBANK_WRITE_DOCS"]
            let run = try await ToolRun.run(
                folder + "/bin/python",
                ["-m", "pytest", "-q", "--tb=short", "-p", "no:cacheprovider", Self.root + "/Tests/Postman"],
                environment: environment)
            #expect(run.status == 0, "\(run.outputText.suffix(4000))\(run.errorText.suffix(1000))")
            #expect(run.outputText.contains("2 passed"))
        }
    }
}
