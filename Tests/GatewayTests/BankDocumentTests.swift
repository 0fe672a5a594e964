import Foundation
import PostgresServer
import TestSupport
import Testing

/// Schemathesis makes requests out of the document, good and bad, and looks whether each answer is one that the document
/// foresees.
@Suite struct BankDocumentTests {
    private static let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().path

    @Test func `the server answers as its OpenAPI document says`() async throws {
        let made = try await ToolRun.run("/bin/bash", [Self.root + "/scripts/client-venv"])
        try #require(made.status == 0, "\(made.errorText)")
        let folder = made.outputText.trimmingCharacters(in: .whitespacesAndNewlines)
        try await withTemporaryDirectory { path in
            try await BankServed.run { bank in
                let token = try bank.token(level: "aal2")
                let run = try await ToolRun.run(
                    "/usr/bin/timeout",
                    [
                        "300", folder + "/bin/st", "--config-file", Self.root + "/Tests/Clients/schemathesis.toml",
                        "run", bank.served.url + "/bank/v1/openapi.json", "-H", "Authorization: Bearer \(token)",
                        "--checks", "all", "--phases", "examples,coverage,fuzzing", "--max-examples",
                        isLongRun ? "100" : "10", "--seed", "20261128", "--no-shrink", "--request-timeout", "20",
                        "--no-color", "--continue-on-failure", "--generation-database", "none",
                    ], environment: ["PATH": "/usr/bin:/bin", "HOME": path])
                #expect(run.status == 0, "\(run.outputText.suffix(12_000))\(run.errorText.suffix(2000))")
            }
        }
    }
}
