import Evidence
import Foundation
import Gateway
import HTTPTypes
import PostgresServer
import TestSupport
import Testing
import Web

@testable import Privacy

@Suite("the desk over HTTP") struct RouteTests {
    private static func actor(_ number: Int, role: String = "client", level: String = "aal1") -> Actor {
        let claims: JSON = [
            "sub": .string(user(number).uuidString.lowercased()), "role": "authenticated", "aal": .string(level),
            "app_metadata": ["role": .string(role)],
        ]
        return Actor(role: "authenticated", claims: claims.text, subject: user(number).uuidString.lowercased())
    }

    private static func ask(
        _ stage: PrivacyStage, _ method: HTTPRequest.Method, _ target: String, as actor: Actor, _ body: String = ""
    ) async -> (status: Int, json: JSON, text: String) {
        let parts = target.split(separator: "?", maxSplits: 1).map(String.init)
        let response = await PrivacyRoutes(desk: stage.desk).handle(
            ApiRequest(
                method: method, path: parts[0], query: parts.count > 1 ? parts[1] : "", body: Array(body.utf8)),
            actor: actor)
        return (
            response.status.code, (try? JSONReader.read(response.body)) ?? .null,
            String(decoding: response.body, as: UTF8.self)
        )
    }

    @Test("a client asks for their own data and nobody else's") func own() async throws {
        try await PrivacyStage.run { stage in
            let mine = await Self.ask(stage, .get, "/me/access", as: Self.actor(1))
            #expect(mine.status == 200 && mine.json["identity"]?["nom"]?.string == lastName(1))
            let csv = await Self.ask(stage, .get, "/me/portability?section=operations", as: Self.actor(1))
            #expect(csv.status == 200 && csv.text.hasPrefix("\u{FEFF}id;booked_at"))
            #expect(await Self.ask(stage, .get, "/me/access", as: Self.actor(99)).status == 404)
            for (method, path) in [
                (HTTPRequest.Method.get, "/register"), (.post, "/clients/1/access"), (.post, "/incidents/INC-1/facts"),
                (.post, "/glass"),
                (.get, "/incidents"), (.get, "/requests"),
            ] {
                #expect(await Self.ask(stage, method, path, as: Self.actor(1)).status == 403)
                #expect(await Self.ask(stage, method, path, as: Self.actor(2, role: "analyst")).status == 403)
            }
            #expect(await Self.ask(stage, .get, "/nowhere", as: Self.actor(1)).status == 404)
            let keyed = Actor(role: "service_role", claims: #"{"role":"service_role"}"#)
            #expect(await Self.ask(stage, .get, "/register", as: keyed).status == 403)
        }
    }

    @Test("what can not be undone needs a second factor; what is refused says why") func strong() async throws {
        try await PrivacyStage.run { stage in
            let weak = await Self.ask(stage, .post, "/me/erasure", as: Self.actor(1))
            #expect(weak.status == 403 && weak.json["code"]?.string == "privacy_second_factor_needed")
            let open = await Self.ask(stage, .post, "/me/erasure", as: Self.actor(1, level: "aal2"))
            #expect(open.status == 409 && open.json["message"]?.string?.contains("account 1 is actif") == true)
            try await stage.close(1)
            let done = await Self.ask(stage, .post, "/me/erasure", as: Self.actor(1, level: "aal2"))
            #expect(done.status == 200 && done.json["stage"]?.string == "archived")
            #expect(await Self.ask(stage, .get, "/me/access", as: Self.actor(1)).status == 404)
            let boss = Self.actor(50, role: "admin", level: "aal2")
            #expect(
                await Self.ask(stage, .post, "/clients/1/erasure", as: boss, #"{"last_name":"x","birth_date":"y"}"#)
                    .status == 409)
            try await stage.close(2)
            let wrong = await Self.ask(
                stage, .post, "/clients/2/erasure", as: boss, #"{"last_name":"x","birth_date":"y"}"#)
            #expect(wrong.status == 403 && wrong.json["code"]?.string == "privacy_identity_wrong")
        }
    }

    @Test("an admin's look at a client is journaled and the client sees it") func look() async throws {
        try await PrivacyStage.run { stage in
            let boss = Self.actor(50, role: "admin", level: "aal2")
            #expect(await Self.ask(stage, .get, "/clients/3/access?reason=reclamation", as: boss).status == 404)
            func body(_ name: String, _ more: String = #""reason":"reclamation n° 12""#) -> String {
                #"{"last_name":"\#(name)","birth_date":"1980-05-17",\#(more)}"#
            }
            #expect(await Self.ask(stage, .post, "/clients/3/access", as: boss, "{}").status == 400)
            let unproved = #"{"reason":"reclamation n° 12"}"#
            #expect(await Self.ask(stage, .post, "/clients/3/access", as: boss, unproved).status == 400)
            let wrong = await Self.ask(stage, .post, "/clients/3/access", as: boss, body("Martin"))
            #expect(wrong.status == 403 && wrong.json["code"]?.string == "privacy_identity_wrong")
            #expect(await Self.ask(stage, .post, "/clients/3/access", as: boss, body(lastName(3))).status == 200)
            let change = #""field":"telephone","value":"06 98 76 54 32","reason":"nouveau numéro""#
            #expect(
                await Self.ask(stage, .post, "/clients/3/rectifications", as: boss, body("Martin", change)).status
                    == 403)
            #expect(
                await Self.ask(stage, .post, "/clients/3/rectifications", as: boss, body(lastName(3), change)).status
                    == 200)
            let seen = await Self.ask(stage, .get, "/me/readers", as: Self.actor(3))
            #expect(seen.json.array?.isEmpty == false && seen.text.contains("reclamation"))
            let register = await Self.ask(stage, .get, "/register?format=csv", as: boss)
            #expect(register.status == 200)
            #expect(await Self.ask(stage, .get, "/register?format=xml", as: boss).status == 400)
            for (path, body) in [
                ("/me/consents", #"{"purpose":"lettre","given":true,"version":"1","text":"oui"}"#),
                ("/me/objections", #"{"purpose":"analysis"}"#),
                ("/me/restrictions", #"{"ground":"unlawful","reason":"je conteste"}"#),
                ("/me/requests", #"{"kind":"access"}"#),
            ] {
                #expect(await Self.ask(stage, .post, path, as: Self.actor(3), body).status < 300, "\(path)")
                #expect(await Self.ask(stage, .post, path, as: Self.actor(3), "{").status == 400)
            }
        }
    }

    @Test("what a client takes home is signed, document by document, and can be read without us")
    func archive() async throws {
        try await PrivacyStage.run { stage in
            // Without a key nothing is handed out as if it were signed.
            #expect(await Self.ask(stage, .get, "/me/access?format=zip", as: Self.actor(1)).status == 501)
            let key = try SigningKey.open(path: stage.folder + "/evidence.key")
            let signed = PrivacyDesk(
                database: stage.database, secrets: stage.desk.secrets, ledgerPath: stage.folder + "/erasures.ledger",
                signer: FileSigner(key: key))
            func fetch(_ target: String) async -> ApiResponse {
                let parts = target.split(separator: "?").map(String.init)
                return await PrivacyRoutes(desk: signed).handle(
                    ApiRequest(method: .get, path: parts[0], query: parts[1]), actor: Self.actor(1))
            }
            #expect(await fetch("/me/access?format=xml").status.code == 400)
            let answer = await fetch("/me/portability?format=zip&section=operations")
            #expect(answer.status.code == 200)
            let file = stage.folder + "/d.zip"
            try Data(answer.body).write(to: URL(filePath: file))
            let read = try await ToolRun.run("/usr/bin/python3", ["-m", "zipfile", "-e", file, stage.folder + "/d"])
            try read.checked("python3")
            let names = try FileManager.default.contentsOfDirectory(atPath: stage.folder + "/d").sorted()
            #expect(names == ["operations.csv", "operations.csv.sig"])
            let table = stage.folder + "/d/operations.csv"
            #expect(try OfflineVerifier.verify(path: table).isValid)
            try Data("x".utf8).write(to: URL(filePath: table))
            #expect(try !OfflineVerifier.verify(path: table).isValid)
        }
    }
}
