import Foundation
import PostgresServer
import TestSupport
import Testing

/// Schemathesis makes requests out of the document, good and bad, and looks whether each answer is one that the document
/// foresees.
@Suite struct BankDocumentTests {
    private static let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().path

    /// The phase `coverage` tries every bound of every value and takes minutes: it runs in long rounds, and never with the
    /// batch, whose lists of a thousand orders it would make up one by one.
    private static let parts =
        isLongRun
        ? [
            ["--phases", "examples,coverage,fuzzing", "--exclude-path", "/transfers/batch"],
            ["--phases", "examples,fuzzing", "--include-path", "/transfers/batch"],
        ] : [["--phases", "examples,fuzzing"]]

    @Test(arguments: parts)
    func `the server answers as its OpenAPI document says`(part: [String]) async throws {
        let made = try await ToolRun.run("/bin/bash", [Self.root + "/scripts/client-venv"])
        try #require(made.status == 0, "\(made.errorText)")
        let folder = made.outputText.trimmingCharacters(in: .whitespacesAndNewlines)
        try await withTemporaryDirectory { path in
            try await BankServed.run { bank in
                let token = try bank.token(level: "aal2")
                let run = try await ToolRun.run(
                    "/usr/bin/timeout",
                    [
                        "500", folder + "/bin/st", "--config-file", Self.root + "/Tests/Clients/schemathesis.toml",
                        "run", bank.served.url + "/bank/v1/openapi.json", "-H", "Authorization: Bearer \(token)",
                        "--checks", "all", "--max-examples", isLongRun ? "40" : "8",
                        "--seed", "20261128", "--no-shrink", "--request-timeout", "20", "--no-color",
                        "--continue-on-failure", "--generation-database", "none",
                    ] + part,
                    environment: [
                        "PATH": "/usr/bin:/bin", "HOME": path, "SCHEMATHESIS_HOOKS": "schemathesis_hooks",
                        "PYTHONPATH": Self.root + "/Tests/Clients",
                    ])
                #expect(run.status == 0, "\(run.outputText.suffix(12_000))\(run.errorText.suffix(2000))")
            }
        }
    }
}
