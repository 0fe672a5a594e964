import Foundation
import Gateway
import HTTPTypes
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
                (HTTPRequest.Method.get, "/register"), (.get, "/clients/1/access"), (.post, "/glass"),
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
            #expect(await Self.ask(stage, .get, "/clients/3/access", as: boss).status == 400)
            #expect(
                await Self.ask(stage, .get, "/clients/3/access?reason=reclamation%20n%C2%B0%2012", as: boss).status
                    == 200)
            let seen = await Self.ask(stage, .get, "/me/readers", as: Self.actor(3))
            #expect(seen.json.array?.count == 1 && seen.text.contains("reclamation"))
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
}
