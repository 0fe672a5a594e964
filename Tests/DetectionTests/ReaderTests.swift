import CZlib
import Foundation
import Testing

@testable import Detection

@Suite struct `Readers of logs` {
    @Test func `take the peer of an access log from its first word only`() {
        let seen = Logs.read(
            #"203.0.113.7 - - [20/Oct/2026:13:55:36 +0200] "GET /a?b=1 HTTP/1.1" 200 12 "-" "8.8.8.8""#)
        #expect(seen?.address == "203.0.113.7" && seen?.path == "/a" && seen?.time == "2026-10-20T11:55:36Z")
        let host = Logs.read(
            #"bank.fr:443 2001:db8::1 - anna [20/Oct/2026:13:55:36 +0200] "POST /api/connexion HTTP/2" 401 12"#)
        #expect(host?.address == "2001:db8::1" && host?.user == "anna" && host?.kind == .loginFailure)
        let escaped = Logs.read(#"1.2.3.4 - - [20/Oct/2026:13:55:36 +0200] "GET /\" 9.9.9.9 x HTTP/1.1" 404 1 "-" "-""#)
        #expect(escaped?.address == "1.2.3.4")
    }

    @Test(
        "never let a name in an SSH log point at somebody else",
        arguments: [
            "Invalid user root from 198.51.100.9 port 22 from 203.0.113.7 port 4000",
            "Failed password for invalid user x from 198.51.100.9 port 22 ssh2 from 203.0.113.7 port 4000 ssh2",
            "Failed password for from 198.51.100.9 from 203.0.113.7 port 4000 ssh2",
            "User root from 198.51.100.9 from 203.0.113.7 not allowed because not listed in AllowUsers",
            "error: PAM: Authentication failure for root from 198.51.100.9 from 203.0.113.7",
            "error: maximum authentication attempts exceeded for root from 198.51.100.9 from 203.0.113.7 port 4000 ssh2 [preauth]",
        ])
    func forged(_ message: String) {
        for program in ["sshd[7]", "sshd-session[7]"] {
            let seen = Logs.read("Oct 20 13:55:36 srv \(program): \(message)")
            #expect(seen?.address == "203.0.113.7", "\(message)")
            #expect(seen?.kind == .loginFailure, "\(message)")
        }
    }

    @Test func `take a certificate's identity for no address`() {
        let seen = Logs.read(
            "Oct 20 13:55:36 srv sshd[7]: Accepted publickey for git from 203.0.113.7 port 4 ssh2: RSA-CERT ID x from 198.51.100.9 port 1 (serial 0) CA RSA"
        )
        #expect(seen?.kind == .login && seen?.address == "203.0.113.7" && seen?.user == "git")
    }

    @Test func `count a repeated message as often as it says`() {
        let seen = Logs.read(
            "Oct 20 13:55:36 srv sshd[7]: message repeated 5 times: [ Failed password for root from 203.0.113.7 port 4 ssh2]"
        )
        #expect(seen?.count == 5 && seen?.address == "203.0.113.7" && seen?.kind == .loginFailure)
    }

    @Test func `read syslog in its three forms, in local time or with a zone`() {
        let message = "sshd[7]: Failed password for root from 203.0.113.7 port 4 ssh2"
        let lines = [
            "Oct 20 13:55:36 srv \(message)", "<38>Oct 20 13:55:36 srv \(message)",
            "2026-10-20T13:55:36.000000+02:00 srv \(message)",
            "<38>1 2026-10-20T11:55:36Z srv sshd 7 - [a b=\"]\"] Failed password for root from 203.0.113.7 port 4 ssh2",
            "95 <38>1 2026-10-20T11:55:36Z srv sshd 7 - - Failed password for root from 203.0.113.7 port 4 ssh2",
        ]
        for line in lines {
            let seen = Logs.read(line)
            #expect(seen?.time == "2026-10-20T11:55:36Z" && seen?.address == "203.0.113.7", "\(line)")
        }
    }

    @Test func `read PostgreSQL's log in all its forms`() {
        let csv =
            #"2026-10-20 11:55:36.123 UTC,"mallory","bank",7,"203.0.113.7:5000",6a.7,3,"COPY",2026-10-20 11:00:00 UTC,3/1,0,LOG,00000,"statement: COPY clients TO PROGRAM ""id""",,,,,,,,,"psql","client backend",,0"#
        let json =
            #"{"timestamp":"2026-10-20 11:55:36.123 UTC","user":"mallory","remote_host":"203.0.113.7","error_severity":"LOG","message":"statement: COPY clients TO PROGRAM \"id\""}"#
        let stderr =
            #"2026-10-20 11:55:36.123 UTC [7] mallory@bank 203.0.113.7(5000) LOG:  statement: COPY clients TO PROGRAM "id""#
        let syslog =
            #"Oct 20 13:55:36 srv postgres[7]: [5-1] mallory@bank 203.0.113.7 LOG:  statement: COPY clients TO PROGRAM "id""#
        for line in [csv, json, stderr, syslog] {
            let seen = Logs.read(line)
            #expect(seen?.kind == .statement && seen?.user == "mallory" && seen?.address == "203.0.113.7", "\(line)")
            #expect(
                seen?.statement.hasPrefix("COPY clients TO PROGRAM \"id\"") == true,
                "\(line) \(String(describing: seen))")
        }
        let asked = Logs.read("mallory|bank|2026-10-20 11:55:36 UTC|LOG:  statement: SELECT 1", prefix: "%u|%d|%t|")
        #expect(asked?.user == "mallory" && asked?.statement == "SELECT 1")
        let audit = Logs.read(
            #"2026-10-20 11:55:36 UTC [7] a@b LOG:  AUDIT: SESSION,1,1,DDL,CREATE TABLE,TABLE,public.x,"create table x (a int, b int)",<not logged>"#
        )
        #expect(audit?.statement == "create table x (a int, b int)")
    }

    @Test func `read the audit log, our own access log, Caddy's nesting and journal exports`() {
        let audit = Logs.read(
            #"type=USER_AUTH msg=audit(1604994496.155:92733): pid=7 uid=0 msg='op=PAM:authentication acct="root" exe="/usr/sbin/sshd" hostname=203.0.113.7 addr=203.0.113.7 terminal=ssh res=failed'"#
        )
        #expect(
            audit?.kind == .loginFailure && audit?.address == "203.0.113.7"
                && audit?.time == "2020-11-10T07:48:16.155000Z")
        let own = Logs.read(
            #"{"time":1795667958.261953,"id":"6162b65a","ip":"203.0.113.7","method":"POST","mount":"/auth/v1","path":"/token","status":400,"ms":0.6,"bytes":30,"role":"-","session":null}"#
        )
        #expect(own?.kind == .loginFailure && own?.path == "/token")
        let caddy = Logs.read(
            #"{"ts":1795667958.2,"request":{"remote_ip":"203.0.113.7","method":"GET","uri":"/x?y=1","headers":{"A":["b"]}},"status":200}"#
        )
        #expect(caddy?.address == "203.0.113.7" && caddy?.path == "/x")
        let journal =
            "__REALTIME_TIMESTAMP=1795667958000000\nSYSLOG_IDENTIFIER=sshd\nMESSAGE=Failed password for root from 203.0.113.7 port 4 ssh2"
        #expect(Logs.read(journal)?.kind == .loginFailure)
    }

    @Test func `count a broken line, keep its text and go on`() throws {
        let result = try Logs.analyse([
            "auth.log": Logs.failed("root", "203.0.113.7", at: 5) + "~~~ nonsense ~~~\n\n"
                + Logs.failed("root", "203.0.113.7", at: 6)
        ])
        let source = try #require(result.sources.first)
        #expect((source.lines, source.events, source.broken, source.blanks) == (4, 2, 1, 1))
        #expect(source.samples.first?.line == 2 && source.samples.first?.text == "~~~ nonsense ~~~")
    }

    @Test func `join the lines of one record, also where a block ends inside it`() throws {
        let filler = String(
            repeating: "2026-10-20 11:55:36 UTC [7] a@b LOG:  checkpoint starting: time\n", count: 20_000)
        let stderr = filler + "2026-10-20 11:55:36 UTC [7] a@b LOG:  statement: DELETE FROM\n\tclients\n" + filler
        let csv =
            #"2026-10-20 11:55:36 UTC,"m","b",7,"[local]",6a.7,3,"",2026-10-20 11:00:00 UTC,3/1,0,LOG,00000,"statement: DROP"#
            + "\n" + #"TABLE clients",,,,,,,,,"psql","client backend",,0"# + "\n"
        let result = try Logs.analyse(["postgresql.log": stderr, "postgresql.csv": csv])
        let found = result.findings.filter { $0.rule.id == "pg-mass-delete" }
        #expect(found.map(\.target) == ["clients", "clients"] && found.map(\.line).sorted() == [1, 20_001])
        #expect(result.sources.allSatisfy { $0.broken == 0 })
    }

    @Test func `read gzip, UTF-16 and a rotated set as one log, oldest first`() throws {
        let first = (0..<3).map { Logs.failed("root", "203.0.113.7", at: $0) }.joined()
        let second = (3..<6).map { Logs.failed("root", "203.0.113.7", at: $0) }.joined()
        let wide: [UInt8] = [0xFF, 0xFE] + first.utf16.flatMap { [UInt8($0 & 255), UInt8($0 >> 8)] }
        try Logs.withFolder(["auth.log.2": wide, "auth.log.1.gz": try Self.gzip(Array(second.utf8)), "auth.log": []]) {
            folder in
            var analysis = LogAnalysis()
            analysis.options.reading.year = 2026
            let result = try analysis.run([folder])
            #expect(result.sources.count == 1 && result.sources[0].events == 6 && result.sources[0].broken == 0)
            #expect(Logs.kinds(result) == ["ssh-brute-force"])
        }
    }

    static func gzip(_ bytes: [UInt8]) throws -> [UInt8] {
        var stream = z_stream()
        #expect(
            deflateInit2_(
                &stream, 6, Z_DEFLATED, 31, 8, Z_DEFAULT_STRATEGY, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size))
                == Z_OK)
        defer { deflateEnd(&stream) }
        var input = bytes
        var output = [UInt8](repeating: 0, count: bytes.count + 1000)
        let size = output.count
        input.withUnsafeMutableBufferPointer { from in
            output.withUnsafeMutableBufferPointer { to in
                stream.next_in = from.baseAddress
                stream.avail_in = UInt32(from.count)
                stream.next_out = to.baseAddress
                stream.avail_out = UInt32(size)
                _ = deflate(&stream, Z_FINISH)
            }
        }
        return Array(output.prefix(size - Int(stream.avail_out)))
    }

    @Test("read every line of the real logs", .enabled(if: Logs.shared != nil, "../shared/data/logs is absent"))
    func real() throws {
        let folder = try #require(Logs.shared)
        let names = [
            "elastic-apache.log.gz", "nginxplus.json.log.gz", "otrf-AWS_S3_HoneyBucketLogs.csv.gz",
            "otrf-sh_arp_cache_2020-11-10074812.log.gz", "otrf-sh_binary_padding_dd_2020-11-10081941.log.gz",
            "otrf-syslog_auoms_auditd_log4shell_cve2021_44228_jndi_reference_2.gz",
        ]
        let result = try LogAnalysis().run(names.map { folder + "/" + $0 })
        for source in result.sources {
            #expect(source.broken == 0 && source.overlong == 0, "\(source.name): \(source.samples)")
            #expect(source.events + source.headers + source.blanks > 0)
            #expect(source.first > 0, "\(source.name)")
        }
    }
}
