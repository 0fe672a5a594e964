import Detection
import Foundation
import Postgres
import TestSupport
import Testing
import Vault

@testable import Privacy

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
}
