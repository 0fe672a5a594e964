import Foundation
import Postgres
@testable import PostgresServer
import TestSupport
import Testing

/// The console in a real browser over the program itself, on a bank that was just recovered.
@Suite struct ConsoleTests {
    private static let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().path
    private static let password = "un mot de passe long"
    private static let hasBrowser = FileManager.default.isExecutableFile(atPath: "/usr/bin/chromium")

    @Test(
        "each role's journeys in Chromium, both languages and themes, desktop and phone, without a violation",
        .enabled(if: hasBrowser, "Chromium is missing: apt-get install chromium"))
    func journeys() async throws {
        let made = try await ToolRun.run("/bin/bash", [Self.root + "/scripts/console-venv"])
        try #require(made.status == 0, "\(made.errorText)")
        let folder = made.outputText.trimmingCharacters(in: .whitespacesAndNewlines)
        try await ServedBank.run { bank in
            let clients = try await Self.clients(bank)
            for (email, role, client) in [
                ("ada@example.com", "client", clients[0].number), ("bruno@example.com", "client", clients[1].number),
                ("anna@example.com", "analyst", ""), ("alix@example.com", "admin", ""),
            ] {
                var arguments = ["users", "add", "--data-dir", bank.data, "--email", email, "--role", role]
                arguments += ["--password", Self.password] + (client.isEmpty ? [] : ["--client", client])
                let added = try await ToolRun.run(Program.path, arguments, timeMax: .seconds(120))
                #expect(added.status == 0, "\(added.errorText)")
            }
            let provider = try Loopback.freePort()
            bank.kill(SIGTERM)
            try await bank.start("--oidc", try Self.provider(bank, port: provider))
            let number = try await Self.alert(bank, on: clients[0].account, to: clients[2].account)
            var environment = [
                "CONSOLE_URL": "http://127.0.0.1:\(bank.port)", "CONSOLE_PASSWORD": Self.password,
                "CONSOLE_CASE": number, "CONSOLE_OIDC_PORT": "\(provider)",
                "PATH": "/usr/bin:/bin", "HOME": NSTemporaryDirectory(), "PYTHONUNBUFFERED": "1",
                "PYTHONDONTWRITEBYTECODE": "1",
            ]
            environment["CONSOLE_SHOTS"] = ProcessInfo.processInfo.environment["DIGITALBANK_SHOTS"]
            try await Self.incident(bank)
            let stand = ConsoleStand(bank: bank)
            if ConsoleStand.isWanted {
                environment.merge(try await stand.open(["--oidc", bank.data + "/oidc.json"])) { $1 }
            }
            defer { stand.close() }
            let run = try await ToolRun.run(
                folder + "/bin/python", [Self.root + "/Tests/Console/journeys.py"], environment: environment,
                timeMax: .seconds(1500))
            #expect(run.status == 0, "\(run.outputText.suffix(6000))\(run.errorText.suffix(2000))")
            #expect(run.outputText.contains(", 0 faults"))
        }
    }

    /// Settings of a provider that stands at a port of this machine.
    private static func provider(_ bank: ServedBank, port: Int) throws -> String {
        let base = "http://127.0.0.1:\(port)"
        let settings = """
            {"name": "agence", "issuer": "\(base)", "client_id": "bank", "client_secret_file": "oidc.secret",
             "authorization_endpoint": "\(base)/auth", "token_endpoint": "\(base)/token", "jwks_uri": "\(base)/keys"}
            """
        try Data("hush\n".utf8).write(to: URL(filePath: bank.data + "/oidc.secret"))
        try Data(settings.utf8).write(to: URL(filePath: bank.data + "/oidc.json"))
        return bank.data + "/oidc.json"
    }

    /// Three clients who can pay each other, with money and a card, and their accounts.
    private static func clients(_ bank: ServedBank) async throws -> [(number: String, account: Int64)] {
        let database = Database(bank.cluster.configuration(database: "digitalbank_restored"))
        let found = try await database.run(
            """
            select c.numero::text, k.id from clients c cross join lateral (
                select * from comptes where client_id = c.id order by id limit 1) k
            where k.type = 'courant' and k.statut = 'actif' and k.solde_minor > 60000 and k.iban_index is not null
                and exists (select from cartes t where t.compte_id = k.id and t.statut = 'active')
            order by c.numero limit 3
            """
        ).map { (number: try $0.decode(0, as: String.self), account: try $0.decode(1, as: Int64.self)) }
        await database.close()
        guard found.count == 3 else { throw ServedBank.Failure(words: "no three clients with money and a card") }
        return found
    }

    /// An attack as the detection tells it.
    private static func incident(_ bank: ServedBank) async throws {
        let incident = """
            {"id": "INC-2026-0001", "severity": "high", "from": "2026-10-19T02:11:00Z", "to": "2026-10-19T03:40:00Z",
             "title_fr": "Extraction de données (entrée : force brute sur un compte)", "title_en": "data exfiltration",
             "phases": ["credential-access", "collection", "exfiltration"], "addresses": ["203.0.113.9"],
             "accounts": ["batch_import"], "techniques": ["T1110", "T1048"], "data_read": ["clients", "cartes"],
             "data_changed": [], "advice": ["Révoquer les sessions de batch_import", "Changer son mot de passe"],
             "restore_before": "2026-10-19T02:10:00Z", "finding_count": 2, "timeline": [
              {"fingerprint": "a1", "time": "2026-10-19T02:11:00Z", "until": "2026-10-19T02:19:00Z", "rule": "login-brute",
               "class": "brute_force", "severity": "medium", "technique": "T1110", "tactic": "credential-access",
               "ip": "203.0.113.9", "user": "batch_import", "title": "Force brute sur un compte",
               "message": "412 échecs puis une réussite", "evidence": "POST /auth/v1/token 400"},
              {"fingerprint": "a2", "time": "2026-10-19T03:40:00Z", "until": "2026-10-19T03:40:00Z", "rule": "bulk-read",
               "class": "exfiltration", "severity": "high", "technique": "T1048", "tactic": "exfiltration",
               "ip": "203.0.113.9", "user": "batch_import", "title": "Extraction de données",
               "message": "60 clients lus en une requête", "evidence": "GET /rest/v1/clients?select=* 200"}]}
            """
        let database = Database(bank.cluster.configuration(database: "digitalbank_restored"))
        try await database.run("select * from detection.record(\(incident)::jsonb, 'analysis')")
        await database.close()
    }

    /// Payments to a watched account: a case in the queue, and a question to whoever pays.
    private static func alert(_ bank: ServedBank, on account: Int64, to payee: Int64) async throws -> String {
        let session = try await bank.request(
            "POST", "/auth/v1/token?grant_type=password",
            body: #"{"email": "anna@example.com", "password": "\#(Self.password)"}"#)
        let token = try JSONSerialization.jsonObject(with: Data(session.body.utf8)) as? [String: Any]
        let listed = try await bank.request(
            "POST", "/fraud/v1/lists",
            body: #"{"list": "watch", "entity": "terminal", "key": \#(payee), "reason": "phishing"}"#,
            headers: ["Authorization": "Bearer \(token?["access_token"] ?? "")"])
        #expect(listed.status == 200, "\(listed.body)")
        // On a busy machine a decision may come too late to open a case: the next payment does.
        for payment in 900_001...900_030 {
            let scored = try await bank.request(
                "POST", "/fraud/v1/score",
                body: """
                    {"payment": \(payment), "amount_minor": 48250,
                     "entities": {"customer": \(account), "terminal": \(payee)}}
                    """)
            #expect(scored.status == 200, "\(scored.body)")
            let json = try JSONSerialization.jsonObject(with: Data(scored.body.utf8)) as? [String: Any]
            if let number = json?["case"] as? Int { return "\(number)" }
        }
        throw ServedBank.Failure(words: "no payment opened a case")
    }
}
