import Bank
import Foundation
import HTTPTypes
import Postgres
import TestSupport
import Testing
import Web

@testable import BankAPI

/// The OpenAPI document is the routes.
@Suite struct DocumentTests {
    @Test func `every route is in the document, and the document has no other`() throws {
        let response = BankService.document(ApiRequest(method: .get, path: "/"))
        let document = try JSONReader.read(response.body)
        #expect(document["openapi"]?.string == "3.1.0")
        var documented: Set<String> = []
        var names: [String] = []
        for path in document["paths"]?.members ?? [] {
            for operation in path.value.members ?? [] {
                documented.insert("\(operation.name.uppercased()) \(path.name)")
                names.append(operation.value["operationId"]?.string ?? "?")
            }
        }
        let served = Set(RouteTable.all.map { "\($0.method.rawValue) \($0.path)" } + ["GET /openapi.json"])
        #expect(documented == served)
        #expect(Set(names).count == names.count)
        // Each documented address is found by the router, and gives its parameters.
        for route in RouteTable.all {
            let path = route.path.replacing("{id}", with: "1")
            let found = try RouteTable.find(route.method, path)
            #expect(found.0.name == route.name)
            let placed = route.parameters.filter { $0.place == .path }.map(\.name)
            #expect(Set(found.1.keys) == Set(placed))
        }
    }

    @Test func `every reference leads somewhere, and every example fits its schema`() throws {
        let text = OpenAPIDocument.text
        let document = try JSONReader.read(text)
        let schemas = Set(document["components"]?["schemas"]?.members?.map(\.name) ?? [])
        for part in text.components(separatedBy: "\"#/components/schemas/").dropFirst() {
            #expect(schemas.contains(String(part.prefix { $0 != "\"" })))
        }
        for route in RouteTable.all {
            if let body = route.body {
                #expect(throws: Never.self, "\(route.name)") { try body.schema.check(body.example) }
            }
            for answer in route.answers {
                guard let example = answer.example, let schema = answer.contents.first?.schema else { continue }
                #expect(throws: Never.self, "\(route.name)") { try schema.check(example) }
            }
            #expect(!route.summary.isEmpty && route.answers.count >= 1)
        }
    }

    @Test func `every refusal of the ledger has its status, and each status is documented`() {
        let states = Set(LedgerError.kinds.map(\.sqlState))
        #expect(states == Set(ProblemTable.statuses.keys))
        let documented = Set([400, 401, 403, 404, 405, 406, 409, 413, 415, 422, 429, 503])
        #expect(Set(ProblemTable.statuses.values).isSubset(of: documented))
        let used = RouteTable.all.flatMap { OpenAPIDocument.refusals(of: $0).map(\.status) }
        #expect(documented.isSubset(of: Set(used)))
    }

    @Test func `the document is given without a token, to GET alone`() {
        #expect(BankService.document(ApiRequest(method: .get, path: "/")).status.code == 200)
        #expect(BankService.document(ApiRequest(method: .post, path: "/")).status.code == 405)
        #expect(BankService.document(ApiRequest(method: .get, path: "/", query: "x=1")).status.code == 400)
        #expect(BankService.document(ApiRequest(method: .get, path: "/x")).status.code == 404)
    }

    @Test func `a schema takes what it describes and nothing else`() {
        let schema = Schema.object([
            .init("n", .integer(1...9)), .init("t", .nullable(.text(1...3)), isRequired: false),
            .init("l", .list(.boolean, 0...2), isRequired: false),
        ])
        for good in [#"{"n":1}"#, #"{"n":9,"t":null,"l":[]}"#, #"{"t":"é€x","n":2,"l":[true,false]}"#] {
            #expect(throws: Never.self) { try schema.check(try JSONReader.read(good)) }
        }
        for bad in [
            "{}", "[]", "null", #"{"n":0}"#, #"{"n":1.5}"#, #"{"n":"1"}"#, #"{"n":1,"n":2}"#, #"{"n":1,"x":1}"#,
            #"{"n":1,"t":""}"#, #"{"n":1,"t":"abcd"}"#, #"{"n":1,"t":"a\u0000"}"#, #"{"n":1,"l":[1]}"#,
            #"{"n":1,"l":[true,true,true]}"#, #"{"n":99999999999999999999}"#,
        ] {
            #expect(throws: SchemaError.self, "\(bad)") { try schema.check(try JSONReader.read(bad)) }
        }
    }
}

/// A thousand requests that nobody would send.
@Suite struct RandomTests {
    @Test func `no request, however odd, is answered with a fault of ours`() async throws {
        let seed = UInt64.random(in: .min ... .max)
        print("seed \(seed)")
        var generator = SeededGenerator(seed: seed)
        var requests: [(HTTPRequest.Method, String, String, [UInt8], String)] = []
        for _ in 0..<1000 { requests.append(Self.request(&generator)) }
        let all = requests
        let statuses = Tally<Int>()
        try await BankStage.run { stage in
            try await stage.database.run(
                "insert into cartes (id, compte_id, pan_fin) overriding system value values (1, 1, '1234')")
            try await withThrowingTaskGroup(of: Void.self) { group in
                for (index, request) in all.enumerated() {
                    if index >= 16 { try await group.next() }
                    group.addTask {
                        let (method, path, query, body, type) = request
                        let level = index % 2 == 0 ? "aal1" : "aal2"
                        let answer = await stage.ask(
                            method, path + (query.isEmpty ? "" : "?" + query), level: level,
                            headers: index % 3 == 0 ? ["Idempotency-Key": "k\(index)"] : [:], bytes: body, type: type)
                        statuses.add(answer.status)
                        #expect(
                            answer.status < 500, "\(method) \(path)?\(query) \(String(decoding: body, as: UTF8.self))")
                        if answer.status >= 400 {
                            #expect(throws: Never.self) { try Schema.problem.check(answer.json) }
                        }
                    }
                }
                try await group.waitForAll()
            }
            // Not all of them stop at the door.
            #expect(statuses.all.count { $0 < 300 } > 50 && statuses.all.count { $0 >= 400 } > 50)
            try await stage.expectSound()
        }
    }

    private static func request(
        _ generator: inout SeededGenerator
    ) -> (HTTPRequest.Method, String, String, [UInt8], String) {
        let route = RouteTable.all.randomElement(using: &generator) ?? RouteTable.all[0]
        let ids = [
            "1", "1", "1", "1", "1", "2", "0", "-1", "9223372036854775807", "9223372036854775808", "x", "%00", "%ff",
            "..", "1%2F2", "é",
            UUID().uuidString, user(1).uuidString, String(repeating: "9", count: 300), "'--", "1e3",
        ]
        let path = route.path.replacing("{id}", with: ids.randomElement(using: &generator) ?? "1")
        let methods: [HTTPRequest.Method] = [.get, .post, .patch, .delete, .put, .head, .options]
        let method =
            Int.random(in: 0..<5, using: &generator) == 0
            ? methods.randomElement(using: &generator) ?? .get : route.method
        let queries = [
            "", "", "", "limit=5", "cursor=0", "cursor=9223372036854775807", "from=0001-01-01&to=9999-12-31",
            "from=2026-02-31",
            "format=pdf", "format=csv", "format=camt.053", "a=%zz", "limit=-1", "limit=1&limit=1", "=", "&&&",
            "cursor=%00",
        ]
        var body = Array((route.body?.example ?? .null).text.utf8)
        if case .string(let text)? = route.body?.example { body = Array(text.utf8) }
        // The example's accounts are those of this bank half of the time.
        if Bool.random(using: &generator) {
            let text = String(decoding: body, as: UTF8.self).replacing("FR7630006000011234567890189", with: iban(2))
            body = Array(text.replacing("\"debit_account\":12", with: "\"debit_account\":1").utf8)
        }
        if Bool.random(using: &generator), let value = try? JSONReader.read(body) {
            body = Array(mutated(value, &generator).text.utf8)
        }
        if Int.random(in: 0..<8, using: &generator) == 0, !body.isEmpty {
            body[Int.random(in: 0..<body.count, using: &generator)] = UInt8.random(in: .min ... .max, using: &generator)
        }
        let type =
            Int.random(in: 0..<12, using: &generator) == 0 ? "text/plain" : route.body?.type ?? "application/json"
        let query = Int.random(in: 0..<4, using: &generator) == 0 ? queries.randomElement(using: &generator) ?? "" : ""
        return (method, path, query, body, type)
    }

    private static func mutated(_ value: JSON, _ generator: inout SeededGenerator) -> JSON {
        let odd: [JSON] = [
            .null, true, "", "a\u{0}b", "999999999999999.99", "0.0000", "1.00", .string(iban(2)), .string(iban(1)),
            "KWD", "JPY",
            "9999-12-31", "0001-01-01", .string(String(repeating: "é", count: 200)), 0, -1, 1, 2,
            .number("9223372036854775807"), .number("1e999"), .number("1.5"), [], ["x": 1], "\u{10FFFF}", "temporary",
            "2035-01-31", "weekly",
        ]
        if Int.random(in: 0..<6, using: &generator) == 0 { return odd.randomElement(using: &generator) ?? .null }
        switch value {
        case .object(let members):
            var kept: [JSON.Member] = []
            for member in members where Int.random(in: 0..<12, using: &generator) > 0 {
                kept.append(.init(member.name, mutated(member.value, &generator)))
            }
            return .object(kept)
        case .array(let values):
            var changed: [JSON] = []
            for value in values { changed.append(mutated(value, &generator)) }
            return .array(changed)
        default: return value
        }
    }
}
