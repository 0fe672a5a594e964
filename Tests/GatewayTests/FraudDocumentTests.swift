import Evidence
import Fraud
import Gateway
import HTTPTypes
import Migrations
import Postgres
import TestSupport
import Testing
import Web

private let documentTemplate = TestTemplate("fraud-document", owner: .plain) { database in
    try await Migrator(database).apply([EvidenceMigrations.set(), FraudMigrations.set()])
}

/// The desk's OpenAPI document against what the desk really answers.
@Suite struct FraudDocumentTests {
    /// JSON Schema as far as the document uses it.
    private struct Checker {
        let document: JSON

        func problem(_ value: JSON, _ schema: JSON, at place: String = "") -> String? {
            if let name = schema["$ref"]?.string?.split(separator: "/").last.map(String.init) {
                guard let named = document["components"]?["schemas"]?[name] else {
                    return "\(place): no schema \(name)"
                }
                return problem(value, named, at: place)
            }
            if let choices = schema["anyOf"]?.array {
                let problems = choices.map { problem(value, $0, at: place) }
                return problems.contains(nil) ? nil : problems.compactMap(\.self).joined(separator: "; ")
            }
            if let known = schema["enum"]?.array, !known.contains(value) { return "\(place): \(value.text)" }
            switch schema["type"]?.string {
            case "integer": return value.integer == nil ? "\(place): \(value.text) is no integer" : nil
            case "number":
                if case .number = value { return nil }
                return "\(place): \(value.text) is no number"
            case "string": return value.string == nil ? "\(place): \(value.text) is no string" : nil
            case "boolean": return value.bool == nil ? "\(place): \(value.text) is no boolean" : nil
            case "null": return value.isNull ? nil : "\(place): \(value.text) is not null"
            case "array":
                guard let list = value.array else { return "\(place): \(value.text) is no array" }
                return list.enumerated().lazy.compactMap {
                    problem($1, schema["items"] ?? .null, at: "\(place)/\($0)")
                }.first
            case "object": return members(value, schema, place)
            default: return schema["enum"] == nil ? "\(place): the schema \(schema.text) says nothing" : nil
            }
        }

        private func members(_ value: JSON, _ schema: JSON, _ place: String) -> String? {
            guard let members = value.members else { return "\(place): \(value.text) is no object" }
            for name in schema["required"]?.array?.compactMap(\.string) ?? [] where value[name] == nil {
                return "\(place): \(name) is missing"
            }
            for member in members {
                if let known = schema["properties"]?[member.name] {
                    if let found = problem(member.value, known, at: "\(place)/\(member.name)") { return found }
                } else if schema["additionalProperties"]?.bool == false {
                    return "\(place): \(member.name) is not in the schema"
                }
            }
            return nil
        }
    }

    @Test("every address says what it takes, what it answers and how it refuses")
    func complete() throws {
        let document = try JSONReader.read(Array(FraudRoutes.document.utf8))
        let paths = try #require(document["paths"]?.members)
        #expect(paths.count >= 14)
        var names: [String] = []
        for path in paths {
            for operation in path.value.members ?? [] {
                let place = "\(operation.name) \(path.name)"
                names.append(operation.value["operationId"]?.string ?? "")
                let responses = operation.value["responses"]
                let answer = responses?["200"]?["content"]?["application/json"]?["schema"]
                #expect(answer?.isNull == false, "\(place)")
                for status in ["400", "403", "503"] {
                    let schema = responses?[status]?["content"]?["application/json"]?["schema"]
                    #expect(schema?["$ref"]?.string == "#/components/schemas/Refusal", "\(place) \(status)")
                }
            }
        }
        #expect(Set(names).count == names.count && !names.contains(""))
    }

    @Test("real answers have the forms that the document gives them")
    func answers() async throws {
        let document = try JSONReader.read(Array(FraudRoutes.document.utf8))
        let checker = Checker(document: document)
        try await withTestDatabase(documentTemplate) { database in
            var settings = FraudSettings()
            settings.answerMax = .seconds(120)
            settings.decisionMax = .seconds(30)
            let desk = FraudDesk(
                database: database, plan: try FeaturePlan(.shipped(), set: "own"), trusted: [], settings: settings)
            let routes = FraudRoutes(desk: desk) { 1_700_000_000_000_000 }
            let service = Actor(role: "service_role", claims: "{}")
            let analyst = Actor(
                role: "authenticated", claims: "{\"app_metadata\":{\"role\":\"analyst\"}}", subject: "ana")
            func ask(
                _ method: HTTPRequest.Method, _ path: String, _ shape: String, _ body: JSON = .null, _ actor: Actor,
                status: Int = 200
            ) async throws -> JSON {
                let request = ApiRequest(
                    method: method, path: path, body: body.isNull ? [] : Array(body.text.utf8))
                let response = await routes.handle(request, actor: actor)
                let answer = try JSONReader.read(response.body)
                #expect(response.status.code == status, "\(method) \(path): \(answer.text)")
                let operation = document["paths"]?[shape]?[method.rawValue.lowercased()]
                if status == 200, !body.isNull {
                    let form = operation?["requestBody"]?["content"]?["application/json"]?["schema"] ?? .null
                    let wrong = checker.problem(body, form)
                    #expect(wrong == nil, "\(method) \(path) takes: \(wrong ?? "")")
                }
                let schema = operation?["responses"]?["\(status)"]?["content"]?["application/json"]?["schema"]
                let problem = checker.problem(answer, schema ?? .null)
                #expect(problem == nil, "\(method) \(path) \(status): \(problem ?? "")")
                return answer
            }
            func payment(_ number: Int) -> JSON {
                [
                    "payment": .integer(number), "amount_minor": 4_200,
                    "entities": ["customer": 12, "terminal": "shop"],
                ]
            }
            let watch: JSON = ["list": "watch", "entity": "customer", "key": 12, "reason": "phishing"]
            _ = try await ask(.post, "/lists", "/lists", watch, analyst)
            let scored = try await ask(.post, "/score", "/score", payment(1), service)
            _ = try await ask(.post, "/score", "/score", [payment(1), payment(2)], service)
            let number = try #require(scored["case"]?.integer)
            _ = try await ask(.get, "/explain/1", "/explain/{id}", .null, analyst)
            _ = try await ask(.post, "/explain", "/explain", ["payment": 1], analyst)
            _ = try await ask(.post, "/feedback", "/feedback", ["payment": 2, "fraud": false], service)
            for path in ["/models", "/rules", "/drift", "/cases"] {
                _ = try await ask(.get, path, path, .null, analyst)
            }
            _ = try await ask(.get, "/cases/\(number)", "/cases/{id}", .null, analyst)
            _ = try await ask(.post, "/cases/\(number)/assign", "/cases/{id}/assign", .null, analyst)
            _ = try await ask(.post, "/cases/\(number)/notes", "/cases/{id}/notes", ["note": "called"], analyst)
            let end: JSON = ["fraud": true, "reason": "denied"]
            let decision = "/cases/{id}/decision"
            _ = try await ask(.post, "/cases/\(number)/decision", decision, end, analyst)
            _ = try await ask(.post, "/cases/\(number)/decision", decision, end, analyst, status: 409)
            _ = try await ask(.delete, "/lists", "/lists", watch, analyst)
            _ = try await ask(.post, "/score", "/score", ["payment": 1], service, status: 400)
            _ = try await ask(.post, "/score", "/score", payment(3), analyst, status: 403)
            _ = try await ask(.get, "/cases/99", "/cases/{id}", .null, analyst, status: 404)
        }
    }
}
