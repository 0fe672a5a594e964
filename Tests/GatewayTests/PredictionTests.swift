import Fraud
import Gateway
import HTTPTypes
import Migrations
import TestSupport
import Testing
import Web

/// `POST /fraud/v1/predict`: the model alone, over columns that somebody else made.
@Suite struct PredictionTests {
    private static let analyst = Actor(
        role: "authenticated", claims: "{\"app_metadata\":{\"role\":\"analyst\"}}", subject: "ana")

    private func ask(_ routes: FraudRoutes, _ body: JSON, as actor: Actor = analyst) async throws -> (Int, JSON) {
        let request = ApiRequest(method: .post, path: "/predict", body: Array(body.text.utf8))
        let response = await routes.handle(request, actor: actor)
        return (response.status.code, try JSONReader.read(response.body))
    }

    private static func scorer(_ plan: FeaturePlan) throws -> Scorer {
        var matrix = FeatureMatrix(rows: 3_000, columns: plan.columns.count)
        var number: UInt64 = 9
        for row in 0..<matrix.rows {
            matrix.withRow(row) { values in
                for column in values.indices {
                    number = number &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
                    values[column] = Float(number >> 40) / Float(1 << 24)
                }
            }
        }
        let minors = (0..<3_000).map { Int64($0) }
        return try Scorer.trusted(
            try OddityTrainer().train(matrix, minors: minors, plan: plan, from: 0, to: 30), plan)
    }

    private func with(_ body: @Sendable (FraudRoutes, FraudDesk) async throws -> Void) async throws {
        try await withTestDatabase { database in
            let plan = try FeaturePlan(.shipped(), set: "own")
            let desk = FraudDesk(database: database, plan: plan, trusted: [])
            try await body(FraudRoutes(desk: desk) { 0 }, desk)
        }
    }

    @Test("the answer is the model's own probability, alone or in a batch, with reasons when asked")
    func agrees() async throws {
        try await with { routes, desk in
            let scorer = try Self.scorer(desk.plan)
            desk.replace { $0.champion = (7, scorer) }
            let names = desk.plan.names
            let row = names.indices.map { Float($0) / 8 }
            let columns = JSON.object(zip(names, row).map { JSON.Member($0, .number("\($1)")) })
            let (status, one) = try await ask(routes, ["columns": columns, "reasons": 2])
            #expect(status == 200 && one["model"]?.integer == 7)
            #expect(one["probability"] == .number("\(scorer.probability(row))"))
            #expect(one["reasons"]?.array?.count == 2)
            // What is not given, or null, is missing to the model.
            var holed = [Float](repeating: .nan, count: row.count)
            holed[0] = 3
            let (_, many) = try await ask(
                routes, [["columns": columns], ["columns": .object([.init(names[0], 3), .init(names[1], .null)])]])
            #expect(
                many.array?.map { $0["probability"] } == [
                    .number("\(scorer.probability(row))"), .number("\(scorer.probability(holed))"),
                ])
        }
    }

    @Test("what makes no sense is refused, and without a model nothing is invented")
    func refusals() async throws {
        try await with { routes, desk in
            let known = desk.plan.names[0]
            #expect(try await ask(routes, ["columns": [:]]).0 == 404)
            let scorer = try Self.scorer(desk.plan)
            desk.replace { $0.champion = (7, scorer) }
            let wrong: [JSON] = [
                ["columns": ["moon": 1]], ["columns": .object([.init(known, "3")])], ["columns": [], "reasons": 1],
                ["columns": .object([.init(known, .number("1e99"))])], ["columns": [:], "reasons": 0],
                ["columns": [:], "reasons": 21], ["columns": [:], "payment": 1], [], [1], "x",
            ]
            for body in wrong {
                let (status, answer) = try await ask(routes, body)
                #expect(status == 400 && answer["code"]?.string == "fraud_request_invalid", "\(body.text)")
            }
            let client = Actor(role: "authenticated", claims: "{\"app_metadata\":{\"role\":\"client\"}}", subject: "c")
            #expect(try await ask(routes, ["columns": [:]], as: client).0 == 403)
        }
    }
}
