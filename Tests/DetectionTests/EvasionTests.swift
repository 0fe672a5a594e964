import Foundation
import Testing

@testable import Detection

@Suite struct `Statements that hide what they do` {
    static func rules(_ statement: String) throws -> Set<String> {
        let quoted = statement.replacing("\"", with: "\"\"")
        let line =
            #"2026-10-20 11:55:36.123 UTC,"app","bank",7,"10.0.0.5:5000",6a.7,3,"X",2026-10-20 11:00:00 UTC,3/1,0,LOG,00000,"statement: \#(quoted)",,,,,,,,,"app","client backend",,0"#
        return Logs.kinds(try Logs.analyse(["postgresql.csv": line + "\n"]))
    }

    @Test(
        "are read to what is done",
        arguments: [
            ("select * from clients where true", "pg-mass-read"), ("select * from clients where 1=1", "pg-mass-read"),
            ("select nom from clients where id > 0", "pg-mass-read"),
            ("select nom from clients where nom like '%'", "pg-mass-read"),
            ("select nom from clients where nom <> ''", "pg-mass-read"),
            ("select * from clients where id = 4 or true", "pg-mass-read"),
            ("select * from clients limit 100000000", "pg-mass-read"), ("table clients", "pg-mass-read"),
            ("(select * from clients)", "pg-mass-read"), ("create table x as select * from comptes", "pg-mass-read"),
            ("create unlogged table x as table comptes", "pg-mass-read"),
            ("create materialized view x as select * from comptes", "pg-mass-read"),
            ("select * into x from comptes", "pg-mass-read"),
            ("declare c cursor for select * from clients", "pg-mass-read"),
            ("with x as (select 1) update comptes set solde = 0", "pg-mass-update"),
            ("with x as (delete from comptes returning *) select * from x", "pg-mass-delete"),
            ("with x as (select * from clients) select count(*) from x", "pg-mass-read"),
            ("explain analyze delete from clients", "pg-mass-delete"),
            ("explain (buffers, analyze) update comptes set solde = 0", "pg-mass-update"),
            ("prepare p as delete from clients", "pg-mass-delete"),
            ("delete from clients where id = 1 or 'a' = 'a'", "pg-mass-delete"),
            ("update comptes set solde = 0 where id = 1 or id = id", "pg-mass-update"),
            ("do $$ begin delete from clients; end $$", "pg-mass-delete"),
            ("do $x$ begin if true then update comptes set solde = 0; end if; end $x$", "pg-mass-update"),
            ("do 'begin delete from clients; end'", "pg-mass-delete"),
            ("/* a /* b */ c */ delete from clients", "pg-mass-delete"),
            (#"select e'\''; delete from clients; select '"#, "pg-mass-delete"),
            ("select $$it's$$; delete from clients", "pg-mass-delete"),
            (String(repeating: "select 1;", count: 40) + "delete from clients", "pg-mass-delete"),
            ("select " + String(repeating: "1,", count: 2_000) + "1; delete from clients", "pg-mass-delete"),
        ])
    func found(_ statement: String, _ rule: String) throws {
        #expect(try Self.rules(statement).contains(rule), "\(statement.prefix(100))")
    }

    @Test(
        "are told from those that the bank's own programs make",
        arguments: [
            "select * from clients where id = 4", "select * from clients where 1=1 and id = 4",
            "delete from clients where (true) and id = 4",
            "select * from transactions where date_operation >= '2026-10-01'",
            "select * from comptes where statut = 'actif' and solde > 100",
            "select * from clients where nom ilike 'dup%' order by nom limit 50",
            "select * from clients where cree_le > now() - interval '1 day'",
            "select * from clients where email is null", "select * from clients order by id limit 20",
            "select c.nom from clients c, comptes k where c.id = k.client_id and k.id = 4",
            "select * from comptes where client_id in (select id from clients where id = 3)",
            "explain delete from clients", "explain select * from clients", "select count(*) from clients",
            "create table rapport as select * from agences", "create table copie as select * from clients where id = 4",
            "with x as (select * from comptes where id = 4) update comptes set solde = 1 where id = 4",
            "do $$ begin perform 1; update comptes set solde = 1 where id = 4; end $$",
            "insert into messages values (4, 'select * from clients; delete from clients')",
            "select $$delete from clients; drop table clients$$", "table agences",
            "update comptes set solde = 1 where id = 3 or id = 4",
        ])
    func left(_ statement: String) throws {
        #expect(try Self.rules(statement).isEmpty, "\(statement)")
    }
}

@Suite struct `Sigma rules that ask for what is not known here` {
    static func rule(_ detection: String) -> String {
        "title: x\ntags: [attack.t1190]\nlogsource: {category: webserver}\ndetection:\n" + detection
    }

    static func correlation(_ body: String) -> String {
        rule("    a: {c-uri|contains: abc}\n    condition: a\n")
            + "name: base\n---\ntitle: y\ntags: [attack.t1190]\ncorrelation:\n    rules: base\n    timespan: 5m\n"
            + body
    }

    @Test(
        "are refused by name",
        arguments: [
            (rule("    a: {c-uri: abc}\n    timeframe: 5m\n    condition: a\n"), "timeframe"),
            (rule("    a: {c-uri|contains|m: abc}\n    condition: a\n"), "modifier m"),
            (rule("    a: {c-uri: abc}\n    condition: [a, [a]]\n"), "condition"),
            (correlation("    type: event_count\n    condition: {lt: 5}\n"), "lt"),
            (correlation("    type: event_count\n    condition: {lte: 5}\n"), "lte"),
            (correlation("    type: event_count\n    condition: {neq: 5}\n"), "neq"),
            (correlation("    type: event_count\n    condition: {gte: 5, gt: 9}\n"), "two limits"),
            (correlation("    type: event_count\n"), "condition"),
            (correlation("    type: temporal\n    condition: {gte: 1}\n"), "temporal"),
            (
                correlation("    type: event_count\n    aliases: {a: {base: c-ip}}\n    condition: {gte: 5}\n"),
                "aliases"
            ),
        ])
    func refused(_ text: String, _ word: String) throws {
        do {
            _ = try SigmaParser(place: "x.yml").parse(text)
            Issue.record("taken: \(text)")
        } catch { #expect("\(error)".contains(word), "\(error)") }
    }

    static func raises(_ text: String, _ lines: String...) throws -> Bool {
        let sink = FindingSink()
        let engine = try SigmaEngine(try SigmaParser(place: "x.yml").parse(text), sink)
        let reader = LogReader(ReadingOptions(), year: 2026)
        for line in lines {
            var line = String(line.dropLast())
            line.withUTF8 { _ = reader.read(Bytes(UnsafeRawBufferPointer($0))) { engine.take($0, LinePlace()) } }
        }
        return sink.raised > 0
    }

    @Test func `are run whole: any of several conditions, and patterns over lines`() throws {
        let text = Self.rule(
            "    a: {c-uri|contains: first}\n    b: {c-uri|contains: second}\n    condition:\n        - a\n        - b\n"
        )
        #expect(try Self.raises(text, Detectors.hit(1, "203.0.113.7", "GET /first", 200)))
        #expect(try Self.raises(text, Detectors.hit(1, "203.0.113.7", "GET /second", 200)))
        #expect(try !Self.raises(text, Detectors.hit(1, "203.0.113.7", "GET /third", 200)))
        #expect(try Pattern("(?s)a.b", ignoresCase: false).matches(Bytes("a\nb")))
        let many = Self.rule("    a: {c-uri|re|s|i: 'FIRST.*x'}\n    condition: a\n")
        #expect(try Self.raises(many, Detectors.hit(1, "203.0.113.7", "GET /first/x", 200)))
    }
}

@Suite struct `One identity at many addresses` {
    static func read(_ second: Int, _ user: String, _ address: String, _ object: Int) -> String {
        "\(address) - \(user) [\(Logs.accessTime(second))] \"GET /api/comptes/\(object) HTTP/1.1\" 200 500 \"-\" \"x\"\n"
    }

    @Test func `is told of by what it reads altogether, and an account at one address is not told of twice`() throws {
        let wide = (0..<60).map { Self.read($0, "mallory", "203.0.113.\($0)", 1_000 + $0) }.joined()
        let found = try Logs.analyse(["access.log": wide]).findings.filter { $0.rule.id == "object-enumeration" }
        #expect(found.map(\.user) == ["mallory"] && found.first?.address == nil)
        let one = (0..<60).map { Self.read($0, "mallory", "203.0.113.7", 1_000 + $0) }.joined()
        let lone = try Logs.analyse(["access.log": one]).findings.filter { $0.rule.id == "object-enumeration" }
        #expect(lone.map { $0.address?.text } == ["203.0.113.7"])
        let calm = (0..<60).map { Self.read($0 * 20, "anna", "203.0.113.\($0 % 3)", 7) }.joined()
        #expect(try Logs.analyse(["access.log": calm]).findings.isEmpty)
    }
}
