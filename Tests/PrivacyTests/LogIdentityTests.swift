import Detection
import Foundation
import Postgres
import TestSupport
import Testing
import Vault

@testable import Privacy
@testable import Recovery

@Suite("what the logs' pseudonyms stand for") struct LogIdentityTests {
    @Test("a line that was followed is turned back by two admins, by none alone, and only while a key stands for it")
    func followed() async throws {
        try await PrivacyStage.run { stage in
            let folder = stage.folder + "/journaux"
            try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
            let line =
                "2026-11-29T10:00:00+00:00 srv sshd[7]: Failed password for invalid user alice from 203.0.113.9 port 4 ssh2\n"
            try line.write(toFile: folder + "/auth.log", atomically: true, encoding: .utf8)
            let pseudonyms = BlindIndex(root: try stageKey(), purpose: "logs")
            let identities = LogIdentities(indexing: try stageKey())
            var settings = LogFollower.Settings()
            (settings.places, settings.untilEnd) = ([folder], true)
            settings.keep = DetectionDesk(database: stage.database).intake(
                "essai", beside: { try await identities.keep(in: $0) },
                token: { value in
                    let token = pseudonyms.token(value)
                    identities.note(value, token: token)
                    return token
                })
            try await LogFollower(settings).run()
            let tokens = try await stage.database.all("select adresse_jeton from public.logs", as: String.self)
            let token = try #require(tokens.first)
            // Sealed: the value stands nowhere in clear.
            let sealed = try await stage.count(
                "select count(*) from privacy.log_identities where position('203.0.113.9'::bytea in sealed) = 0")
            #expect(sealed >= 2)
            let glass = try await stage.desk.askGlass(
                purpose: "incident", reason: "enquête sur l'incident 12", by: admin)
            await expectRefused("privacy_second_admin_needed") {
                _ = try await stage.desk.reveal(token: token, glass: glass, by: admin)
            }
            try await stage.desk.approveGlass(glass, by: otherAdmin)
            #expect(try await stage.desk.reveal(token: token, glass: glass, by: admin) == "adresse/203.0.113.9")

            // Seen again after a year it stays for another one.
            try await stage.database.run("update privacy.log_identities set last_seen = now() - interval '11 months'")
            identities.forget()
            identities.note("adresse/203.0.113.9", token: token)
            try await identities.keep(in: stage.database)
            let seen = try await stage.count(
                "select count(*) from privacy.log_identities where token = \(token) and last_seen > now() - interval '1 day'"
            )
            #expect(seen == 1)
        }
    }

    @Test("what was not written to its end is written again") func again() async throws {
        try await PrivacyStage.run { stage in
            let identities = LogIdentities(indexing: try stageKey())
            identities.note("acteur/alice", token: "00000000000000aa")
            await #expect(throws: CancellationError.self) {
                try await stage.database.transaction { tx in
                    try await identities.keep(in: tx)
                    throw CancellationError()
                }
            }
            #expect(try await stage.count("select count(*) from privacy.log_identities") == 0)
            identities.forget()
            identities.note("acteur/alice", token: "00000000000000aa")
            try await identities.keep(in: stage.database)
            #expect(try await stage.count("select count(*) from privacy.log_identities") == 1)
        }
    }

    @Test(
        "what a recovery left of the old logs' pseudonyms is taken in once, dated by its lines, and read by two admins")
    func recovered() async throws {
        try await PrivacyStage.run { stage in
            let path = stage.folder + "/log-identities"
            let pseudonyms = BlindIndex(root: try stageKey(), purpose: "logs")
            let (old, recent) = (pseudonyms.token("adresse/203.0.113.9"), pseudonyms.token("acteur/alice"))
            try await stage.database.run(
                """
                insert into public.logs (horodatage, adresse_jeton, acteur_jeton, action)
                values (now() - interval '14 months', \(old), null, 'connexion'),
                    (now() - interval '15 months', \(old), \(recent), 'connexion'),
                    (now() - interval '2 days', null, \(recent), 'connexion')
                """)
            let keeper = LogIdentities(indexing: try stageKey())
            let file = try IdentityFile(path: path) { try keeper.seal($0, token: $1) }
            for (value, token) in [
                ("adresse/203.0.113.9", old), ("acteur/alice", recent), ("adresse/203.0.113.9", old),
            ] {
                file.note(Array(value.utf8), token: token)
            }
            // Not whole yet.
            #expect(try await stage.desk.takeInIdentities(path) == nil)
            try file.finish()
            let text = try String(contentsOfFile: path, encoding: .utf8)
            #expect(text.split(separator: "\n").count == 3 && !text.contains("alice"))
            #expect(try await stage.desk.takeInIdentities(path) == 2)
            #expect(try await stage.desk.takeInIdentities(path) == nil)
            #expect(try await stage.journaled("privacy.identities.taken") == 1)

            let glass = try await stage.desk.askGlass(
                purpose: "incident", reason: "enquête sur l'incident 12", by: admin)
            await expectRefused("privacy_second_admin_needed") {
                _ = try await stage.desk.reveal(token: old, glass: glass, by: admin)
            }
            try await stage.desk.approveGlass(glass, by: otherAdmin)
            #expect(try await stage.desk.reveal(token: old, glass: glass, by: admin) == "adresse/203.0.113.9")
            #expect(try await stage.desk.reveal(token: recent, glass: glass, by: admin) == "acteur/alice")
            // Kept no longer than the lines: the one that was seen last fourteen months ago goes.
            let gone = try await stage.desk.retain(only: "identites_des_journaux", isDry: false, by: admin)
            #expect(gone.map(\.treated) == [1])
            #expect(try await stage.desk.reveal(token: old, glass: glass, by: admin) == nil)
        }
    }
}
