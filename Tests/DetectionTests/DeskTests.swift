import Bank
import Evidence
import Foundation
import Migrations
import Postgres
import TestSupport
import Testing

@testable import Detection

let deskTemplate = TestTemplate("detection_desk") { database in
    try await Migrator(database).apply([BankMigrations.set(), EvidenceMigrations.set(), DetectionMigrations.set()])
    try await database.run(
        """
        insert into clients (id, numero, utilisateur_id)
        values ('00000000-0000-4000-8000-000000000001', 1, '00000000-0000-4000-9000-000000000001')
        """)
    try await database.run(
        """
        insert into comptes (id, client_id, type, solde_minor)
        select n, '00000000-0000-4000-8000-000000000001', 'courant', 100000 from generate_series(1, 40) n
        """)
    try await database.run(
        "insert into cartes (id, compte_id, pan_fin) overriding system value values (1, 1, '1234'), (2, 2, '5678')")
}

@Suite struct `The detection desk` {
    private func with(_ body: @Sendable (DetectionDesk, Database) async throws -> Void) async throws {
        try await withTestDatabase(deskTemplate) { database in
            let protected = [try #require(AddressBlock("198.51.100.0/24"))]
            try await body(DetectionDesk(database: database, protected: protected), database)
        }
    }

    private static func text(_ database: Database, _ statement: Statement) async throws -> String {
        try await database.one(statement, as: String.self)
    }

    private static func code(_ body: () async throws -> Void) async -> String? {
        do {
            try await body()
            return nil
        } catch { return (error as? DetectionError)?.code ?? "\(error)" }
    }

    /// The same gravity everywhere; `minute` counts from a fixed day.
    private static func finding(
        _ address: String, _ minute: Int64, _ rule: Rule = Rules.takeoverSSH, user: String? = nil
    ) -> Finding {
        let time = 1_790_000_000 * Instant.second + minute * 60 * Instant.second
        return Finding(
            rule: rule, gravity: rule.gravity, time: time, until: time, file: "auth.log", line: minute, offset: 0,
            address: NetworkAddress(address), user: user, host: nil, target: nil, words: "seen", count: 1, tool: nil,
            digest: "d\(minute)", evidence: "line \(minute)", decision: nil)
    }

    @Test func `keeps an incident once, however often and in whatever parts it is told`() async throws {
        try await with { desk, database in
            let first = Incident([Self.finding("203.0.113.7", 1)])
            let made = try await desk.record([first], source: .live)
            #expect(made.map(\.isNew) == [true])
            let again = try await desk.record([first], source: .analysis)
            #expect(again.map(\.isNew) == [false] && again.map(\.id) == made.map(\.id))
            // A restart forgets the first act; the actor is the same.
            let later = Incident([Self.finding("203.0.113.7", 90, Rules.newSuperuser, user: "svc")])
            #expect(try await desk.record([later], source: .live).map(\.id) == made.map(\.id))
            // Another actor, and then the line that joins both.
            let other = Incident([Self.finding("203.0.113.9", 100)])
            let second = try await desk.record([other], source: .live)
            #expect(second.map(\.isNew) == [true])
            let joined = Incident([
                Self.finding("203.0.113.7", 90, Rules.newSuperuser, user: "svc"), Self.finding("203.0.113.9", 100),
            ])
            #expect(try await desk.record([joined], source: .analysis).map(\.id) == made.map(\.id))
            let row = try await Self.text(
                database,
                """
                select severity || ' ' || array_to_string(addresses, ',') || ' ' || status || ' '
                    || (select count(*) from detection.findings f where f.incident_id = i.id) || ' '
                    || extract(epoch from last_at - first_at)::int
                from detection.incidents i where merged_into is null
                """)
            #expect(row == "critical 203.0.113.7,203.0.113.9 open 3 5940")
            let kinds = try await database.all(
                "select kind from evidence.entries where kind like 'detection.%' order by id", as: String.self)
            #expect(kinds == ["detection.incident", "detection.incident"])
        }
    }

    @Test func `closes an incident for a reason only, and opens it again when it goes on`() async throws {
        try await with { desk, _ in
            let made = try await desk.record([Incident([Self.finding("203.0.113.7", 1)])], source: .live)
            let id = try #require(made.first).id
            #expect(
                await Self.code { try await desk.handle(id, as: .closed, reason: "no", by: "ana") }
                    == "detection_response_invalid")
            try await desk.handle(id, as: .acknowledged, reason: nil, by: "ana")
            try await desk.handle(id, as: .closed, reason: "a test of our own, told before", by: "ana")
            #expect(
                await Self.code { try await desk.handle(id, as: .closed, reason: "once more, to be sure", by: "bob") }
                    == "detection_conflict")
            #expect(await Self.code { _ = try await desk.incident("no-uuid") } == "detection_unknown")
            #expect(try await !desk.incidents(status: .open).contains(id))
            try await desk.record(
                [Incident([Self.finding("203.0.113.7", 1), Self.finding("203.0.113.7", 30)])], source: .live)
            #expect(try await desk.incidents(status: .open).contains(id))
            let told = try await desk.incident(id)
            #expect(told.contains("line 30") && told.contains("ssh-takeover") && told.contains("\"timeline\""))
        }
    }

    @Test func `freezes and gives back exactly what was there`() async throws {
        try await with { desk, database in
            let order = try ResponseOrder(.freezeAccount, "3", reason: "taken over", seconds: 3_600)
            let done = try await desk.respond(order, by: "ana")
            #expect(done.isNew)
            #expect(try await Self.text(database, "select statut from comptes where id = 3") == "bloque")
            let again = try await desk.respond(order, by: "bob")
            #expect(!again.isNew && again.id == done.id)
            let card = try await desk.respond(try ResponseOrder(.freezeCard, "1", reason: "stolen data"), by: "ana")
            #expect(
                try await Self.text(database, "select statut || ' ' || blocage_motif from cartes where id = 1")
                    == "bloquee fraude")
            #expect(try await desk.takeBack(done.id, by: "ana"))
            #expect(try await !desk.takeBack(done.id, by: "ana"))
            #expect(try await Self.text(database, "select statut from comptes where id = 3") == "actif")
            #expect(try await desk.takeBack(.freezeCard, "1", by: "ana"))
            #expect(try await Self.text(database, "select statut from cartes where id = 1") == "active")
            #expect(card.isNew)
            // What was frozen by somebody else, or never was there, is none of ours.
            try await database.run("update comptes set statut = 'bloque' where id = 4")
            #expect(
                await Self.code {
                    _ = try await desk.respond(try ResponseOrder(.freezeAccount, "4", reason: "taken over"), by: "ana")
                } == "detection_conflict")
            #expect(
                await Self.code {
                    _ = try await desk.respond(
                        try ResponseOrder(.freezeAccount, "999", reason: "taken over"), by: "ana")
                } == "detection_unknown")
            let own = try await Self.text(
                database,
                "select id::text from comptes where type = 'interne' union all select '' order by 1 desc limit 1")
            if !own.isEmpty {
                #expect(
                    await Self.code {
                        _ = try await desk.respond(
                            try ResponseOrder(.freezeAccount, own, reason: "taken over"), by: "ana")
                    } == "detection_conflict")
            }
            // Planned only: nothing changes.
            let plan = try await desk.respond(
                try ResponseOrder(.freezeAccount, "5", reason: "practice", isDryRun: true), by: "ana")
            #expect(plan.isNew)
            #expect(try await Self.text(database, "select statut from comptes where id = 5") == "actif")
        }
    }

    @Test func `ends responses in time, and knows of bans that others decided`() async throws {
        try await with { desk, database in
            let here = try await desk.respond(
                try ResponseOrder(.banAddress, "203.0.113.7", reason: "guesses"), by: "ana")
            #expect(desk.measures.isBanned("203.0.113.7") && !desk.measures.isBanned("203.0.113.8"))
            let other = DetectionDesk(database: database)
            _ = try await other.respond(try ResponseOrder(.banAddress, "192.0.2.77/24", reason: "a botnet"), by: "bob")
            _ = try await other.respond(try ResponseOrder(.requireStepUp, "7", reason: "odd payee"), by: "bob")
            _ = try await other.respond(try ResponseOrder(.freezeAccount, "6", reason: "taken over"), by: "bob")
            try await desk.refresh()
            #expect(desk.measures.isBanned("192.0.2.1") && !desk.measures.isBanned("192.0.3.1"))
            #expect(desk.measures.needsProof(account: 7) && !desk.measures.needsProof(account: 8))
            try await database.run(
                "update detection.responses set decided_at = decided_at - interval '2 hours', until = until - interval '2 hours'"
            )
            try await desk.refresh()
            #expect(desk.measures.bans == 0 && !desk.measures.hasProofs)
            #expect(try await Self.text(database, "select statut from comptes where id = 6") == "actif")
            #expect(try await !desk.takeBack(here.id, by: "ana"))
        }
    }

    @Test func `bans the network of an IPv6 address, and ends the sessions that began in it`() async throws {
        try await with { desk, database in
            try await database.run("create schema if not exists auth")
            try await database.run("create table auth.sessions (id uuid, user_id uuid, ip text)")
            try await database.run(
                """
                insert into auth.sessions select gen_random_uuid(), gen_random_uuid(), ip
                from unnest(array['2001:db8:7:8::5', '2001:db8:7:8:ffff::1', '2001:db8:7:9::1', '203.0.113.7', 'unknown']) ip
                """)
            _ = try await desk.respond(
                try ResponseOrder(.banAddress, "2001:db8:7:8::1", reason: "guesses"), by: "ana")
            let revoked = try ResponseOrder(.revokeSessions, "address:2001:db8:7:8::1", reason: "guesses")
            #expect(revoked.target == "address:2001:db8:7:8::/64")
            _ = try await desk.respond(revoked, by: "ana")
            #expect(
                try await Self.text(
                    database, "select string_agg(ip, ' ' order by ip) from auth.sessions")
                    == "2001:db8:7:9::1 203.0.113.7 unknown")
            try await desk.refresh()
            #expect(desk.measures.isBanned("2001:db8:7:8:9:9:9:9") && !desk.measures.isBanned("2001:db8:7:9::1"))
            #expect(try await desk.takeBack(.banAddress, "2001:db8:7:8::77", by: "ana"))
            #expect(!desk.measures.isBanned("2001:db8:7:8::1"))
        }
    }

    @Test func `shows how many lines its followers could not read`() async throws {
        try await with { desk, database in
            let folder = FileManager.default.temporaryDirectory.appending(path: "unread-\(UUID().uuidString)").path
            try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
            defer { try? FileManager.default.removeItem(atPath: folder) }
            try Data("\u{1} nothing\n\u{2} nothing\n".utf8).write(to: URL(filePath: folder + "/auth.log"))
            var settings = LogFollower.Settings()
            (settings.places, settings.untilEnd) = ([folder], true)
            settings.keep = desk.intake("serve") { $0 }
            try await LogFollower(settings).run()
            let shown = try await Self.text(
                database,
                """
                select value || ' ' || (labels ->> 'follower') || ' ' || (labels ->> 'log') from detection.indicators
                where name = 'digitalbank_detection_lines_unread'
                """)
            #expect(shown == "2 serve \(folder)/auth.log")
        }
    }

    @Test func `refuses what would hurt the bank itself`() async throws {
        for (target, code) in [
            ("10.0.0.5", "detection_response_refused"), ("203.0.0.0/8", "detection_response_refused"),
            ("::1", "detection_response_refused"), ("198.51.100.9", nil),
            ("not an address", "detection_response_invalid"),
        ] {
            let found = await Self.code { _ = try ResponseOrder(.banAddress, target, reason: "guesses") }
            #expect(found == code, "\(target)")
        }
        try await with { desk, database in
            let order = try ResponseOrder(.banAddress, "198.51.100.9", reason: "guesses")
            #expect(await Self.code { _ = try await desk.respond(order, by: "ana") } == "detection_response_refused")
            #expect(
                await Self.code { _ = try ResponseOrder(.freezeCard, "1; drop", reason: "why not") }
                    == "detection_response_invalid")
            // A rule that goes wild is stopped; a person is not.
            for account in 1...20 {
                _ = try await desk.respond(
                    try ResponseOrder(.freezeAccount, "\(account)", reason: "rule"), by: "rule:test", isAutomatic: true)
            }
            let next = try ResponseOrder(.freezeAccount, "21", reason: "rule")
            #expect(
                await Self.code { _ = try await desk.respond(next, by: "rule:test", isAutomatic: true) }
                    == "detection_conflict")
            #expect(try await desk.respond(next, by: "ana").isNew)
            let kept = try await Self.text(
                database, "select count(*)::text from evidence.entries where kind = 'detection.response'")
            #expect(kept == "21")
        }
    }

    @Test func `keeps anonymous lines with the follower's position: each once, whenever it is stopped`() async throws {
        try await with { desk, database in
            let folder = FileManager.default.temporaryDirectory.appending(path: "intake-\(UUID().uuidString)").path
            try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
            defer { try? FileManager.default.removeItem(atPath: folder) }
            var text = ""
            for round in 0..<6 {
                for line in 0..<50 { text += Logs.failed("alice", "203.0.113.\(line)", at: round * 100 + line) }
                try Data(text.utf8).write(to: URL(filePath: folder + "/auth.log"))
                var settings = LogFollower.Settings()
                (settings.places, settings.untilEnd) = ([folder], true)
                let keep = desk.intake("test") {
                    String($0.utf8.reduce(UInt64(7)) { $0 &* 31 &+ UInt64($1) } | 1 << 63, radix: 16)
                }
                settings.keep =
                    round % 2 == 0
                    ? keep
                    : FollowKeep(token: keep.token, load: keep.load) { lines, position in
                        // Fails where the server would have died: nothing of it may stay.
                        try await database.transaction { tx in
                            try await LogIntakeStore(database: tx).add("[]")
                            throw CancellationError()
                        }
                        try await keep.commit(lines, position)
                    }
                try? await LogFollower(settings).run()
            }
            do {
                var settings = LogFollower.Settings()
                (settings.places, settings.untilEnd) = ([folder], true)
                settings.keep = desk.intake("test") {
                    String($0.utf8.reduce(UInt64(7)) { $0 &* 31 &+ UInt64($1) } | 1 << 63, radix: 16)
                }
                try await LogFollower(settings).run()
            }
            #expect(
                try await Self.text(
                    database,
                    "select count(*) || ' ' || count(distinct adresse_jeton) || ' ' || count(distinct acteur_jeton) from logs"
                ) == "300 50 1")
            #expect(
                try await Self.text(database, "select count(*)::text from logs where action ~ '[0-9]{2}\\.|alice'")
                    == "0")
        }
    }
}
