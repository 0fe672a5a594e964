import Evidence
import Fraud
import Gateway
import HTTPTypes
import Migrations
import Postgres
import TestSupport
import Testing
import Web

private let deskTemplate = TestTemplate("fraud-routes", owner: .plain) { database in
    try await Migrator(database).apply([EvidenceMigrations.set(), FraudMigrations.set()])
}

/// The desk's addresses, without a server.
@Suite struct FraudRouteTests {
    private func with(_ body: @Sendable (FraudRoutes) async throws -> Void) async throws {
        try await withTestDatabase(deskTemplate) { database in
            var settings = FraudSettings()
            settings.answerMax = .seconds(120)
            settings.decisionMax = .seconds(30)
            let plan = try FeaturePlan(.shipped(), set: "own")
            let desk = FraudDesk(database: database, plan: plan, trusted: [], settings: settings)
            try await body(FraudRoutes(desk: desk) { 1_700_000_000_000_000 })
        }
    }

    private static let service = Actor(role: "service_role", claims: "{}")

    private static func person(_ role: String) -> Actor {
        Actor(
            role: "authenticated", claims: "{\"app_metadata\":{\"role\":\"\(role)\"}}", subject: "\(role) 1")
    }

    private func ask(
        _ routes: FraudRoutes, _ method: HTTPRequest.Method, _ path: String, _ body: JSON = .null,
        as actor: Actor = FraudRouteTests.service
    ) async throws -> (Int, JSON) {
        let bytes = body.isNull ? [] : Array(body.text.utf8)
        let response = await routes.handle(ApiRequest(method: method, path: path, body: bytes), actor: actor)
        return (response.status.code, try JSONReader.read(response.body))
    }

    private func payment(_ number: Int) -> JSON {
        [
            "payment": .integer(number), "amount_minor": 4_200,
            "entities": ["customer": 12, "terminal": "FR76 shop"],
        ]
    }

    @Test("a payment is scored once, a batch in its order")
    func score() async throws {
        try await with { routes in
            let (status, first) = try await ask(routes, .post, "/score", payment(1))
            #expect(status == 200 && first["verdict"]?.string == "allow" && first["replayed"]?.bool == false)
            let (_, again) = try await ask(routes, .post, "/score", payment(1))
            #expect(again["replayed"]?.bool == true)
            let (batched, list) = try await ask(routes, .post, "/score", .array((1...50).map(payment)))
            #expect(batched == 200)
            #expect(list.array?.compactMap { $0["payment"]?.integer } == (1...50).map { Int64($0) })
            #expect(list.array?.count { $0["replayed"]?.bool == true } == 1)
        }
    }

    @Test("who may not ask is told so, and what makes no sense is refused")
    func refusals() async throws {
        try await with { routes in
            let cases: [(HTTPRequest.Method, String, JSON, Actor, Int, String)] = [
                (.post, "/score", payment(1), Self.person("client"), 403, "fraud_forbidden"),
                (.post, "/score", payment(1), Self.person("analyst"), 403, "fraud_forbidden"),
                (.post, "/models/1/promote", .null, Self.person("analyst"), 403, "fraud_forbidden"),
                (.get, "/cases", .null, Actor(role: "anon", claims: "{}"), 403, "fraud_forbidden"),
                (.get, "/nothing", .null, Self.service, 404, "not_found"),
                (.post, "/score", ["payment": 1], Self.service, 400, "fraud_request_invalid"),
                (.post, "/score", [], Self.service, 400, "fraud_request_invalid"),
                (
                    .post, "/score", ["payment": 1, "amount_minor": 1, "entities": ["moon": 1]], Self.service, 400,
                    "fraud_request_invalid"
                ),
                (
                    .post, "/score", ["payment": 1, "amount_minor": -1, "entities": ["customer": 1]], Self.service, 400,
                    "fraud_request_invalid"
                ),
                (
                    .post, "/feedback", ["payment": 1, "fraud": true, "source": "client"], Self.person("analyst"), 400,
                    "fraud_request_invalid"
                ),
                (.post, "/feedback", ["payment": 9, "fraud": true], Self.service, 404, "fraud_payment_unknown"),
                (.get, "/cases/7", .null, Self.person("analyst"), 404, "not_found"),
                (.post, "/models/7/promote", .null, Self.person("admin"), 404, "fraud_model_unknown"),
            ]
            for (method, path, body, actor, status, code) in cases {
                let (got, answer) = try await ask(routes, method, path, body, as: actor)
                #expect(got == status && answer["code"]?.string == code, "\(method) \(path): \(got) \(answer.text)")
                #expect(answer["hint"]?.string?.isEmpty == false)
            }
        }
    }

    @Test("an alert becomes a case, an analyst closes it, and the label counts")
    func caseFlow() async throws {
        try await with { routes in
            let ana = Self.person("analyst")
            let watch: JSON = ["list": "watch", "entity": "customer", "key": 12, "reason": "phishing"]
            #expect(try await ask(routes, .post, "/lists", watch, as: ana).0 == 200)
            let (_, scored) = try await ask(routes, .post, "/score", payment(5))
            let number = try #require(scored["case"]?.integer)
            let (_, queue) = try await ask(routes, .get, "/cases", as: ana)
            #expect(queue.array?.first?["id"]?.integer == number)
            #expect(try await ask(routes, .post, "/cases/\(number)/assign", as: ana).0 == 200)
            #expect(try await ask(routes, .post, "/cases/\(number)/notes", ["note": "called"], as: ana).0 == 200)
            let end: JSON = ["fraud": true, "reason": "the client denies it"]
            let (closed, answer) = try await ask(routes, .post, "/cases/\(number)/decision", end, as: ana)
            #expect(closed == 200 && answer["status"]?.string == "closed")
            #expect(try await ask(routes, .post, "/cases/\(number)/decision", end, as: ana).0 == 409)
            #expect(try await ask(routes, .get, "/models", as: ana).0 == 200)
            #expect(try await ask(routes, .get, "/drift", as: ana).0 == 200)
            #expect(try await ask(routes, .get, "/rules", as: ana).1["rules"]?.array?.isEmpty == true)
            #expect(try await ask(routes, .delete, "/lists", watch, as: ana).1["removed"]?.bool == true)
        }
    }
}
