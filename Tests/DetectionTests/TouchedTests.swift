import Foundation
import Postgres
import TestSupport
import Testing

@testable import Detection

/// What a line names: `account 5 read`.
private func touched(_ line: String) -> [String] {
    let reader = LogReader(ReadingOptions(), year: 2026)
    var found: [String] = []
    var line = line
    line.withUTF8 { text in
        _ = reader.read(Bytes(UnsafeRawBufferPointer(text))) { event in
            WebLogin.classify(&event)
            TouchReader.read(event) { found.append("\($0.kind) \($0.key) \($1 ? "changed" : "read")") }
        }
    }
    return found
}

private func request(_ target: String, _ method: String = "GET", status: Int = 200, user: String = "-") -> String {
    "203.0.113.7 - \(user) [20/Oct/2026:12:00:00 +0000] \"\(method) \(target) HTTP/1.1\" \(status) 5 \"-\" \"x\""
}

private func statement(_ text: String, detail: String = "") -> String {
    let escaped = text.replacing("\"", with: "\\\"")
    return #"{"timestamp":"2026-10-20 12:00:00.123 UTC","user":"intrus","dbname":"b","pid":7,"#
        + #""remote_host":"203.0.113.7","session_id":"6.7","line_num":1,"error_severity":"LOG","#
        + #""message":"statement: \#(escaped)","detail":"\#(detail)"}"#
}

@Suite struct `Things of persons` {
    static let uuid = "0e7c2a51-95b1-4a3c-8a3f-0d3b8f2b6a10"

    @Test(
        "are read out of addresses of requests",
        arguments: [
            (request("/api/comptes/12"), ["account 12 read"]),
            (request("/bank/v1/accounts/12/statement?from=2026-01-01"), ["account 12 read"]),
            (request("/bank/v1/cards/7/block", "POST"), ["card 7 changed"]),
            (request("/rest/v1/comptes?id=eq.5&select=*"), ["account 5 read"]),
            (request("/rest/v1/transactions?compte_debit_id=in.(5,6)&limit=3"), ["account 5 read", "account 6 read"]),
            (request("/rest/v1/clients?id=eq.\(uuid)", "PATCH", status: 204), ["client \(uuid) changed"]),
            (request("/admin/export?table=clients"), ["table clients read"]),
            (request("/api/connexion", "POST", user: "a@b.fr"), ["user a@b.fr read"]),
            // Refused, not there, no number, somebody else's word.
            (request("/api/comptes/12", status: 403), []), (request("/api/comptes/12", status: 404), []),
            (request("/api/comptes/moi"), []), (request("/pages/12"), []), (request("/rest/v1/comptes?id=gt.5"), []),
            (request("/api/comptes/1234567890123456789012"), []),
        ])
    func requests(_ line: String, _ found: [String]) { #expect(touched(line) == found) }

    @Test(
        "are read out of statements, and a table stands for rows that are not named",
        arguments: [
            (statement("UPDATE public.comptes SET solde = 5 WHERE id = 12"), ["account 12 changed"]),
            (
                statement(#"update "public"."comptes" set solde=0 where id in (4, 5)"#),
                ["account 4 changed", "account 5 changed"]
            ),
            (statement("delete from clients where id = '\(uuid)'::uuid"), ["client \(uuid) changed"]),
            (statement("select * from transactions t where t.compte_id = 9 and montant > 100"), ["account 9 read"]),
            (statement("select nom from clients where numero = 3"), ["client 3 read"]),
            (
                statement("select * from transactions where compte_id = $1", detail: "parameters: $1 = '77'"),
                ["account 77 read"]
            ),
            (
                statement("UPDATE public.beneficiaires SET iban = 'LT' WHERE id % 25 = 0"),
                ["table beneficiaires changed"]
            ),
            (
                statement("UPDATE comptes SET solde = solde + 5000 WHERE id IN (SELECT id FROM cartes)"),
                ["table comptes changed"]
            ),
            (statement("COPY public.clients TO STDOUT"), ["table clients read"]),
            (statement("copy (select * from cartes) to stdout"), ["table cartes read"]),
            (statement("truncate table only comptes"), ["table comptes changed"]),
            (statement("select * from clients"), ["table clients read"]),
            // Nothing of a person's, or nobody can say whose.
            (statement("select * from clients limit 1"), []), (statement("select count(*) from clients"), []),
            (statement("select * from transactions where compte_id = $1"), []),
            (statement("select * from agences where id = 4"), []),
            (statement("select c.* from comptes c join clients k on k.id = c.client_id where c.id = 4"), []),
            (statement("update comptes set libelle = 'where id = 9'"), ["table comptes changed"]),
            (statement("-- where id = 3\nselect 1"), []),
        ])
    func statements(_ line: String, _ found: [String]) { #expect(touched(line) == found) }

    @Test func `are read out of an application's events`() {
        func event(_ name: String, _ object: String) -> String {
            #"{"temps":"2026-10-20T13:55:36+02:00","evenement":"\#(name)","utilisateur":"A@b.fr","#
                + #""ip":"203.0.113.7","objet":"\#(object)"}"#
        }
        #expect(touched(event("consultation", "compte 12")) == ["user a@b.fr read", "account 12 read"])
        #expect(touched(event("modification_carte", "carte 7")) == ["user a@b.fr changed", "card 7 changed"])
        #expect(touched(event("export", "clients")) == ["user a@b.fr read", "table clients read"])
        #expect(touched(event("echec_connexion", "portail")) == [])
    }

    @Test func `are the attacker's only where his address or his account is`() throws {
        let take = { (address: String, time: Int64) in
            var finding = DeskFindings.finding(address, 1, user: "alice")
            finding.time = time
            return finding
        }
        let start = DeskFindings.finding("203.0.113.7", 1).time
        let actors = IncidentActors(Incident([take("203.0.113.7", start)]))
        let (his, other, inside) = (
            try #require(NetworkAddress("203.0.113.7")), try #require(NetworkAddress("198.51.100.9")),
            try #require(NetworkAddress("10.0.0.5"))
        )
        func acted(_ address: NetworkAddress, _ user: String, _ time: Int64, line: Int64 = 77) -> Bool {
            actors.acted(address, user: user, at: time, file: "auth.log", line: line)
        }
        #expect(acted(his, "", start))
        #expect(acted(inside, "alice", start) && acted(.none, "alice", start))
        // The owner goes on using the account from home.
        #expect(!acted(other, "alice", start) && !acted(inside, "bob", start))
        #expect(!acted(his, "", start + 86_400 * Instant.second))
        // What a finding stands on is the attack, also under the application's name.
        #expect(acted(inside, "app", start, line: 1) && !acted(inside, "app", start))
    }

    @Test func `are the attacker's from anywhere in his IPv6 network, and from nowhere else`() throws {
        let finding = DeskFindings.finding("2001:db8:1:2::7", 1)
        let actors = IncidentActors(Incident([finding]))
        for (text, isHis) in [
            ("2001:db8:1:2::7", true), ("2001:db8:1:2:aaaa:bbbb:cccc:dddd", true), ("2001:db8:1:3::7", false),
            ("203.0.113.7", false),
        ] {
            let address = try #require(NetworkAddress(text))
            #expect(actors.acted(address, user: "", at: finding.time, file: "x.log", line: 77) == isHis, "\(text)")
        }
        let v4 = DeskFindings.finding("203.0.113.7", 1)
        let neighbour = try #require(NetworkAddress("203.0.113.8"))
        #expect(!IncidentActors(Incident([v4])).acted(neighbour, user: "", at: v4.time, file: "x.log", line: 77))
    }

    @Test func `are remembered by a follower, the last of them`() throws {
        var memory = TouchMemory(most: 3)
        let reader = LogReader(ReadingOptions(), year: 2026)
        for number in 1...5 {
            var line = request("/api/comptes/\(number)")
            line.withUTF8 { text in
                _ = reader.read(Bytes(UnsafeRawBufferPointer(text))) {
                    memory.take($0, file: "access.log", line: Int64(number))
                }
            }
        }
        var finding = DeskFindings.finding("203.0.113.7", 1)
        finding.time = 1_792_497_600 * Instant.second
        finding.until = finding.time
        let incident = try #require(memory.attributed(to: [Incident([finding])]).first)
        #expect(incident.touched.keys(of: .account) == ["3", "4", "5"])
    }
}

enum DeskFindings {
    static func finding(_ address: String, _ minute: Int64, _ rule: Rule = Rules.takeoverSSH, user: String? = nil)
        -> Finding
    {
        let time = 1_790_000_000 * Instant.second + minute * 60 * Instant.second
        return Finding(
            rule: rule, gravity: rule.gravity, time: time, until: time, file: "auth.log", line: minute, offset: 0,
            address: NetworkAddress(address), user: user, host: nil, target: nil, words: "seen", count: 1, tool: nil,
            digest: "d\(minute)", evidence: "line \(minute)", decision: nil)
    }
}

@Suite struct `Persons touched by an incident` {
    /// Three clients; the first has the template's forty accounts.
    private func with(_ body: @Sendable (DetectionDesk, Database) async throws -> Void) async throws {
        try await withTestDatabase(deskTemplate) { database in
            for number in 2...3 {
                let id = "00000000-0000-4000-8000-00000000000\(number)"
                try await database.run("insert into clients (id, numero) values (\(id)::uuid, \(number))")
                try await database.run(
                    """
                    insert into comptes (id, client_id, type, solde_minor)
                    overriding system value values (\(number * 100)::bigint, \(id)::uuid, 'courant', 5000)
                    """)
            }
            try await body(DetectionDesk(database: database), database)
        }
    }

    private static func incident(
        _ minute: Int64, _ address: String = "203.0.113.7",
        _ objects: [(TouchedObject.Kind, String, Bool)] = []
    ) -> Incident {
        var incident = Incident([DeskFindings.finding(address, minute)])
        for (index, (kind, key, isChange)) in objects.enumerated() {
            incident.touched.add(
                TouchedObject(kind: kind, key: key), isChange: isChange,
                at: incident.from + Int64(index) * Instant.second)
        }
        return incident
    }

    @Test func `are found in the books, with their time, and counted once`() async throws {
        try await with { desk, database in
            let first = Self.incident(
                1, "203.0.113.7", [(.account, "1", false), (.account, "200", true), (.account, "999", true)])
            let made = try #require(try await desk.record([first], source: .analysis).first)
            #expect(made.persons == PersonsTouched(count: 2, read: 1, changed: 1, tampered: 0))
            let again = try await desk.record([first], source: .live)
            #expect(again.first?.persons == made.persons)
            // More comes to light: a card of the first client, one by number, a payee that is not there.
            let more = Self.incident(
                1, "203.0.113.7", [(.card, "2", true), (.client, "3", false), (.payee, "8", true)])
            let later = try #require(try await desk.record([more], source: .live).first)
            #expect(later.id == made.id && later.persons == PersonsTouched(count: 3, read: 2, changed: 2, tampered: 0))
            let window = try await database.one(
                """
                select array_to_string(accounts, ',') || ' ' || extract(epoch from last_at - first_at)::int || ' '
                    || is_read || ' ' || is_changed
                from detection.persons where client_id = '00000000-0000-4000-8000-000000000001'
                """, as: String.self)
            #expect(window == "1,2 0 true true")
            let windows = try await database.one(
                "select count(*) || ' ' || max(array_length(incidents, 1)) from detection.suspect_windows",
                as: String.self)
            #expect(windows == "3 1")
            let told = try await desk.incident(made.id)
            #expect(told.contains(#""persons": {"read": 2"#) || told.contains(#""count": 3"#), "\(told.prefix(2000))")
        }
    }

    @Test func `are all clients when a whole table was carried off`() async throws {
        try await with { desk, _ in
            let incident = Self.incident(1, "203.0.113.7", [(.table, "comptes", false)])
            let made = try await desk.record([incident], source: .analysis)
            #expect(made.first?.persons?.count == 3 && made.first?.persons?.changed == 0)
        }
    }

    @Test func `move with an incident that turns out to be part of another`() async throws {
        try await with { desk, database in
            let one = try await desk.record(
                [Self.incident(1, "203.0.113.7", [(.account, "200", true)])], source: .live)
            let two = try await desk.record(
                [Self.incident(90, "203.0.113.9", [(.account, "300", false)])], source: .live)
            #expect(one.first?.id != two.first?.id)
            let both = Incident([DeskFindings.finding("203.0.113.7", 1), DeskFindings.finding("203.0.113.9", 90)])
            let joined = try await desk.record([both], source: .analysis)
            #expect(joined.first?.id == one.first?.id)
            #expect(joined.first?.persons == PersonsTouched(count: 2, read: 1, changed: 1, tampered: 0))
            let left = try await database.one(
                "select count(distinct incident_id) from detection.touched", as: Int64.self)
            #expect(left == 1)
        }
    }

    @Test func `are linked with the rows that a recovery found tampered with, and with the act that made them`()
        async throws
    {
        let lines = [
            #"{"rule":"r1","kind":"balance_altered","table":"comptes","key":"200","confidence":"certain"}"#,
            #"{"rule":"r2","kind":"beneficiary_iban","table":"beneficiaires","key":"5","confidence":"likely"}"#,
            #"{"rule":"r3","table":"comptes","key":"300","confidence":"likely"}"#, "no json",
        ]
        let rows = try Logs.withFolder(["findings.jsonl": Array(lines.joined(separator: "\n").utf8)]) {
            try TamperedRow.read($0 + "/findings.jsonl")
        }
        #expect(rows.map(\.key) == ["200", "5"])
        var act = DeskFindings.finding("203.0.113.7", 2, Rules.massWrite)
        act = Finding(
            rule: act.rule, gravity: act.gravity, time: act.time, until: act.until, file: "postgresql.json", line: 9,
            offset: 0, address: act.address, user: "intrus", host: nil, target: "comptes", words: "", count: 1,
            tool: nil,
            digest: "d2", evidence: "UPDATE comptes", decision: nil)
        let incident = try #require(
            TamperedLinks.attach(rows, to: [Incident([DeskFindings.finding("203.0.113.7", 1), act])]).first)
        #expect(incident.tampered.map { $0.finding?.line } == [9, nil])
        #expect(IncidentText.lines(incident).contains { $0.contains("lignes falsifiées selon la reprise : 2, dont 1") })
        try await with { desk, _ in
            try await desk.database.run(
                """
                insert into beneficiaires (id, client_id, iban_chiffre, iban_index, iban_fin) overriding system value
                values (5, '00000000-0000-4000-8000-000000000003', '\\x00', '\\x00', '1234')
                """)
            let made = try #require(try await desk.record([incident], source: .analysis).first)
            #expect(made.persons == PersonsTouched(count: 2, read: 0, changed: 2, tampered: 2))
            let told = try await desk.incident(made.id)
            #expect(told.contains("balance_altered") && told.contains("\"fingerprint\""))
        }
    }
}
