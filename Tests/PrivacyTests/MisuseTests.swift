import Foundation
import Gateway
import HTTPTypes
import Postgres
import TestSupport
import Testing
import Web

@testable import Privacy

/// What must not be possible, asked for as anybody asks: over HTTP. Each is refused with its reason and stands in the journal.
@Suite("misuse over HTTP") struct MisuseTests {
    struct Misuse: Sendable, CustomTestStringConvertible {
        let name: String
        let path: String
        var body = #"{"last_name":"\#(lastName(3))","birth_date":"1980-05-17"}"#
        /// What is done before, rightly.
        var before: @Sendable (PrivacyStage) async throws -> Void = { _ in }
        let status: Int
        let code: String
        /// In the message, so that whoever asked knows why.
        let reason: String
        /// The journal's kind of entry.
        let kind: String

        var testDescription: String { name }
    }

    private static let erasure = "/clients/3/erasure"
    private static let wrongName = #"{"last_name":"Martin","birth_date":"1980-05-17"}"#
    private static let wrongDate = #"{"last_name":"\#(lastName(3))","birth_date":"1981-05-17"}"#

    static let all: [Misuse] = [
        Misuse(
            name: "wrong name", path: erasure, body: wrongName, before: { try await $0.close(3) }, status: 403,
            code: "privacy_identity_wrong", reason: "is not what the bank knows", kind: "privacy.erased"),
        Misuse(
            name: "wrong birth date", path: erasure, body: wrongDate, before: { try await $0.close(3) }, status: 403,
            code: "privacy_identity_wrong", reason: "is not what the bank knows", kind: "privacy.erased"),
        Misuse(
            name: "wrong identity for access", path: "/clients/3/access",
            body: #"{"last_name":"Martin","birth_date":"1980-05-17","reason":"réclamation n° 12"}"#, status: 403,
            code: "privacy_identity_wrong", reason: "is not what the bank knows", kind: "privacy.access"),
        Misuse(
            name: "second erasure", path: erasure,
            before: { stage in
                try await stage.close(3)
                _ = try await stage.desk.erase(clientID(3), proof: proof(3), by: admin)
            }, status: 409, code: "privacy_already_erased", reason: "was erased before", kind: "privacy.erased"),
        Misuse(
            name: "running loan", path: erasure,
            before: { stage in
                try await stage.close(3)
                _ = try await stage.desk.hold(
                    clientID(3), kind: "loan", reason: "prêt 4711 en cours", until: nil, by: admin)
            }, status: 409, code: "privacy_erasure_refused", reason: "prêt 4711 en cours", kind: "privacy.erased"),
        Misuse(
            name: "open fraud case", path: erasure,
            before: { stage in
                try await stage.close(3)
                try await stage.database.run("insert into fraud.dossiers (client, statut) values (3, 'ouvert')")
            }, status: 409, code: "privacy_erasure_refused", reason: "is ouvert", kind: "privacy.erased"),
        Misuse(
            name: "open account", path: erasure, status: 409, code: "privacy_erasure_refused",
            reason: "account 3 is actif", kind: "privacy.erased"),
        Misuse(
            name: "expired hold", path: "/clients/3/holds",
            body: #"{"kind":"loan","reason":"prêt soldé","until":"2020-01-01"}"#, status: 422,
            code: "privacy_hold_expired", reason: "2020-01-01", kind: "privacy.hold.placed"),
        Misuse(
            name: "closing day out of bounds", path: "/closings/3",
            body: #"{"day":"2020-01-01","reason":"courrier du client"}"#, status: 400,
            code: "privacy_request_invalid", reason: "account 3 is open", kind: "privacy.closing.stated"),
    ]

    private static func boss(_ number: Int, level: String = "aal2") -> Actor {
        let claims: JSON = [
            "sub": .string(user(number).uuidString.lowercased()), "role": "authenticated", "aal": .string(level),
            "app_metadata": ["role": "admin"],
        ]
        return Actor(role: "authenticated", claims: claims.text, subject: user(number).uuidString.lowercased())
    }

    private static func ask(_ stage: PrivacyStage, _ path: String, _ body: String, as actor: Actor) async -> (
        status: Int, json: JSON
    ) {
        let answer = await PrivacyRoutes(desk: stage.desk).handle(
            ApiRequest(method: .post, path: path, query: "", body: Array(body.utf8)), actor: actor)
        return (answer.status.code, (try? JSONReader.read(answer.body)) ?? .null)
    }

    /// Refusals of this kind in the journal, by that admin, with that code.
    private static func refusals(_ stage: PrivacyStage, _ kind: String, _ code: String, by number: Int) async throws
        -> Int64
    {
        try await stage.count(
            """
            select count(*) from evidence.entries where kind = \(kind) and outcome = 'refused'
                and actor = \(user(number).uuidString.lowercased()) and position(\(code) in body) > 0
            """)
    }

    @Test("each is refused with its reason, changes nothing and is journaled with who asked", arguments: all)
    func refused(misuse: Misuse) async throws {
        try await PrivacyStage.run { stage in
            try await misuse.before(stage)
            let left = try await stage.leftOf(3)
            let weak = await Self.ask(stage, misuse.path, misuse.body, as: Self.boss(50, level: "aal1"))
            if misuse.kind != "privacy.hold.placed" {
                #expect(weak.status == 403 && weak.json["code"]?.string == "privacy_second_factor_needed")
            }
            let before = try await Self.refusals(stage, misuse.kind, misuse.code, by: 50)
            let answer = await Self.ask(stage, misuse.path, misuse.body, as: Self.boss(50))
            #expect(answer.status == misuse.status, "\(answer.json.text)")
            #expect(answer.json["code"]?.string == misuse.code)
            #expect(answer.json["message"]?.string?.contains(misuse.reason) == true, "\(answer.json.text)")
            #expect(answer.json["hint"]?.string?.isEmpty == false)
            #expect(try await Self.refusals(stage, misuse.kind, misuse.code, by: 50) == before + 1)
            #expect(try await stage.leftOf(3) == left)
            let holds = try await stage.count("select count(*) from privacy.holds where until is not null")
            #expect(holds == 0)
            try await stage.expectSound()
        }
    }

    @Test("an admin alone breaks no glass, by none of the ways, and each try is journaled") func alone() async throws {
        try await PrivacyStage.run { stage in
            let identities = LogIdentities(indexing: try stageKey())
            identities.note("acteur/alice", token: "00000000000000aa")
            try await identities.keep(in: stage.database)
            let asked = await Self.ask(
                stage, "/glass", #"{"purpose":"incident","reason":"curiosité d'un soir"}"#, as: Self.boss(50))
            let id = try #require(asked.json["id"]?.string)
            let token = #"{"token":"00000000000000aa"}"#
            func expect(
                _ path: String, _ body: String, _ number: Int, _ code: String, _ reason: String, _ kind: String
            ) async throws {
                let before = try await Self.refusals(stage, kind, code, by: number)
                let answer = await Self.ask(stage, path, body, as: Self.boss(number))
                #expect(answer.json["code"]?.string == code && answer.status >= 400, "\(answer.json.text)")
                #expect(answer.json["message"]?.string?.contains(reason) == true, "\(answer.json.text)")
                #expect(answer.json["value"] == nil)
                #expect(try await Self.refusals(stage, kind, code, by: number) == before + 1)
            }
            let (second, other) = ("privacy_second_admin_needed", "privacy_glass_of_another")
            // Unapproved; approved by the same; approved twice; used by another; too late.
            try await expect("/glass/\(id)/reveal", token, 50, second, "nobody has approved it", "privacy.glass.used")
            try await expect("/glass/\(id)/approve", "", 50, second, "can not approve it", "privacy.glass.approved")
            try await expect("/glass/\(id)/reveal", token, 50, second, "nobody has approved it", "privacy.glass.used")
            #expect(await Self.ask(stage, "/glass/\(id)/approve", "", as: Self.boss(51, level: "aal1")).status == 403)
            #expect(await Self.ask(stage, "/glass/\(id)/approve", "", as: Self.boss(51)).status == 200)
            try await expect("/glass/\(id)/reveal", token, 51, other, "opened for another admin", "privacy.glass.used")
            let shown = await Self.ask(stage, "/glass/\(id)/reveal", token, as: Self.boss(50))
            #expect(shown.json["value"]?.string == "acteur/alice")
            try await stage.database.run("update privacy.glass set expires_at = now() - interval '1 second'")
            try await expect(
                "/glass/\(id)/reveal", token, 50, second, "quarter of an hour is over", "privacy.glass.used")
            #expect(try await stage.journaled("privacy.glass.used") == 1)
        }
    }
}
