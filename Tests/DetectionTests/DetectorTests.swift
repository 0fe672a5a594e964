import Foundation
import Testing

@testable import Detection

@Suite struct `Detectors` {
    @Test func `find five failures within ten minutes, and not four`() throws {
        let five = (0..<5).map { Logs.failed("root", "203.0.113.7", at: $0 * 100) }.joined()
        let four = (0..<4).map { Logs.failed("root", "203.0.113.8", at: $0 * 100) }.joined()
        let wide = (0..<9).map { Logs.failed("root", "203.0.113.9", at: $0 * 400) }.joined()
        let found = try Logs.analyse(["auth.log": five + four + wide]).findings
        #expect(found.map(\.rule.id) == ["ssh-brute-force"] && found.first?.address?.text == "203.0.113.7")
    }

    @Test func `find slow guessing over days, and what comes after a success`() throws {
        var text = (0..<40).map { Logs.failed("anna", "203.0.113.7", at: $0 * 4_000) }.joined()
        text += "\(Logs.syslogTime(162_000)) srv sshd[7]: Accepted password for anna from 203.0.113.7 port 4 ssh2\n"
        let result = try Logs.analyse(["auth.log": text])
        #expect(Logs.kinds(result).isSuperset(of: ["ssh-slow-brute-force", "ssh-takeover"]))
        #expect(result.incidents.count == 1 && result.incidents.first?.accounts == ["anna"])
    }

    @Test func `tell spraying from guessing`() throws {
        let names = (0..<12).map { Logs.failed("user\($0)", "203.0.113.7", at: $0 * 290) }.joined()
        #expect(try Logs.kinds(Logs.analyse(["auth.log": names])) == ["ssh-password-spraying"])
    }

    @Test func `count an unknown user's failure once though sshd says it twice`() throws {
        let lines = (0..<4).map { index in
            "\(Logs.syslogTime(index)) srv sshd[7]: Invalid user x from 203.0.113.7 port 4\n"
                + Logs.failed("invalid user x", "203.0.113.7", at: index)
        }
        #expect(try Logs.analyse(["auth.log": lines.joined()]).findings.isEmpty)
    }

    @Test func `let nobody be banned by a name`() throws {
        let lines = (0..<30).map {
            "\(Logs.syslogTime($0)) srv sshd[7]: Invalid user root from 198.51.100.9 port 22 from 203.0.113.7 port 4\n"
        }
        let found = try Logs.analyse(["auth.log": lines.joined()]).findings
        #expect(Set(found.compactMap { $0.address?.text }) == ["203.0.113.7"])
    }

    static func hit(_ at: Int, _ address: String, _ request: String, _ status: Int, _ size: Int = 500) -> String {
        "\(address) - - [\(Logs.accessTime(at))] \"\(request) HTTP/1.1\" \(status) \(size) \"-\" \"Mozilla/5.0\"\n"
    }

    @Test func `find scanners, enumeration, refusals in series and volumes`() throws {
        let scan = (0..<40).map { Self.hit($0, "203.0.113.1", "GET /p\($0)", 404) }.joined()
        let objects = (0..<60).map { Self.hit($0, "203.0.113.2", "GET /api/comptes/\(1000 + $0)", 200) }.joined()
        let refused = (0..<40).map { Self.hit($0, "203.0.113.3", "GET /rest/v1/clients", 403) }.joined()
        let volume = Self.hit(5, "203.0.113.4", "GET /admin/export?table=clients", 200, 48_000_000)
        let login = (0..<12).map { Self.hit($0, "203.0.113.5", "POST /api/connexion", 401) }.joined()
        let people = (0..<200).map { Self.hit($0 * 7, "82.64.0.\($0 % 40)", "GET /api/comptes/\($0 % 40)", 200) }
            .joined()
        let result = try Logs.analyse(["access.log": scan + objects + refused + volume + login + people])
        let byRule = Dictionary(grouping: result.findings, by: \.rule.id).mapValues {
            Set($0.compactMap { $0.address?.text })
        }
        #expect(byRule["web-scanner"] == ["203.0.113.1"] && byRule["object-enumeration"] == ["203.0.113.2"])
        #expect(byRule["access-denials"] == ["203.0.113.3"] && byRule["exfiltration-volume"] == ["203.0.113.4"])
        #expect(byRule["web-brute-force"] == ["203.0.113.5"])
    }

    @Test(
        "judge statements of PostgreSQL by what they do",
        arguments: [
            ("CREATE ROLE m SUPERUSER LOGIN", "pg-superuser"), ("alter user m with bypassrls", "pg-superuser"),
            ("CREATE ROLE m LOGIN", "pg-new-role"), ("GRANT SELECT ON clients TO PUBLIC", "pg-grant-public"),
            ("grant pg_execute_server_program to m", "pg-grant-powerful"),
            ("COPY x FROM/**/PROGRAM 'id'", "pg-copy-program"), ("copy(select 1)to program'id'", "pg-copy-program"),
            (#"COPY"x"FROM PROGRAM $a$id$a$"#, "pg-copy-program"),
            ("select 1; copy x to program 'id'", "sigma-pg-copy-program"),
            (#"copy"clients"to stdout"#, "pg-mass-read"),
            ("SELECT pg_read_file('/etc/passwd')", "pg-server-file"),
            ("CREATE FUNCTION f() RETURNS int LANGUAGE plpython3u AS 'x'", "pg-untrusted-function"),
            ("CREATE EVENT TRIGGER e ON ddl_command_end EXECUTE FUNCTION f()", "pg-event-trigger"),
            ("ALTER TABLE clients DISABLE ROW LEVEL SECURITY", "pg-guards-off"),
            ("SET session_replication_role = replica", "pg-guards-off"),
            ("ALTER SYSTEM SET log_statement = 'none'", "pg-logging-off"),
            ("DELETE FROM public.logs", "pg-logs-deleted"),
            ("COPY public.clients TO STDOUT", "pg-mass-read"), ("SELECT * FROM clients", "pg-mass-read"),
            ("UPDATE comptes SET solde = 0 WHERE id % 25 = 0", "pg-mass-update"),
            ("DELETE FROM clients WHERE id IN (SELECT 1)", "pg-mass-delete"),
            ("TRUNCATE transactions", "pg-mass-delete"),
            ("DROP DATABASE bank", "pg-mass-drop"), ("CREATE TABLE readme_to_recover (a text)", "pg-ransom-note"),
            ("select 1; drop policy p on clients", "pg-guards-off"),
        ])
    func statement(_ sql: String, _ rule: String) throws {
        let line = "2026-10-20 11:55:36 UTC [7] m@bank LOG:  statement: \(sql)\n"
        let found = try Logs.kinds(Logs.analyse(["postgresql.log": line]) { $0.rules = Logs.rules })
        #expect(found.contains(rule), "\(sql)")
    }

    @Test(
        "leave ordinary statements alone",
        arguments: [
            "UPDATE comptes SET solde = $1 WHERE id = $2", "DELETE FROM clients WHERE id = 7",
            "SELECT * FROM clients WHERE id = 7", "SELECT count(*) FROM clients",
            "INSERT INTO transactions VALUES (1, 'x; DROP TABLE y')",
            "UPDATE clients SET nom = 'd''Arc' WHERE client_id = any($1)", "SELECT 'COPY x TO PROGRAM ''id'''", "BEGIN",
            "SET TIME ZONE 'UTC'", #"COPY "to program 's'" FROM STDIN"#, #"COPY program (program, "from") FROM STDIN"#,
            "SELECT 1 /* copy t from program 'id' */", "SELECT $$copy t from program 'id'$$",
            #"SELECT 1 AS "; copy t from program 'id'""#,
            "INSERT INTO notes VALUES ('; COPY t FROM PROGRAM ''id''')",
        ])
    func ordinary(_ sql: String) throws {
        let line = "2026-10-20 11:55:36 UTC [7] m@bank LOG:  statement: \(sql)\n"
        #expect(try Logs.analyse(["postgresql.log": line]) { $0.rules = Logs.rules }.findings.isEmpty, "\(sql)")
    }

    @Test func `find an hour that is gone from two logs, and numbers that are absent`() throws {
        func steady(_ step: Int) -> String {
            stride(from: 0, to: 400_000, by: step).filter { !(180_000..<187_200).contains($0) }
                .map { Self.hit($0, "82.64.0.1", "GET /sante", 200) }.joined()
        }
        let session = [1, 2, 3, 4, 5, 6, 40, 41].map { number in
            #"2026-10-20 11:55:36 UTC,"a","b",7,"[local]",6a.7,\#(number),"",2026-10-20 11:00:00 UTC,3/1,0,LOG,00000,"x",,,,,,,,,"psql","client backend",,0"#
        }
        let result = try Logs.analyse([
            "a.log": steady(300), "b.log": steady(420), "pg.csv": session.joined(separator: "\n"),
        ])
        let gaps = result.findings.filter { $0.rule.id == "log-gap" }
        #expect(gaps.count == 2 && gaps.allSatisfy { $0.gravity == .high })
        #expect(result.findings.contains { $0.rule.id == "log-sequence-gap" && $0.words.hasPrefix("33 ") })
    }

    @Test func `stay silent about what was suppressed, until the date`() throws {
        let lines = (0..<5).map { Logs.failed("root", "203.0.113.7", at: $0) }.joined()
        let block = try #require(AddressBlock("203.0.113.0/24"))
        for (until, count) in [(Int64.max, 0), (Int64(1), 1)] {
            let result = try Logs.analyse(["auth.log": lines]) {
                $0.suppressions.entries = [.init(rule: "ssh-brute-force", block: block, until: until)]
            }
            #expect(result.findings.count == count)
        }
    }

    @Test func `run the shipped Sigma rules on the lines beside them`() throws {
        let outcome = try SigmaRuleTests.run(Logs.rules)
        #expect(outcome.failures.isEmpty, "\(outcome.failures)")
        #expect(outcome.rules >= 20 && outcome.lines >= 90)
    }

    @Test(
        "refuse a Sigma rule that they would only half understand",
        arguments: ["'|nonsense': x", "a|re: '('", "a|cidr: 1.2.3", "a|gt: x"])
    func half(_ field: String) {
        let rule = "title: t\ntags: [attack.t1190]\ndetection:\n    s:\n        \(field)\n    condition: s\n"
        #expect(throws: DetectionError.self) { try SigmaParser(place: "x.yml").parse(rule) }
    }
}
