internal import HTTPTypes
internal import Web

/// The routes as an OpenAPI 3.1 document.
enum OpenAPIDocument {
    static let text = document(RouteTable.all).text

    static func document(_ routes: [Route]) -> JSON {
        var paths: [JSON.Member] = []
        for path in routes.map(\.path).reduce(into: [String](), { if !$0.contains($1) { $0.append($1) } }) {
            let operations = routes.filter { $0.path == path }.map { route in
                JSON.Member(route.method.rawValue.lowercased(), operation(route))
            }
            paths.append(.init(path, .object(operations)))
        }
        paths.append(.init("/openapi.json", ["get": itself]))
        return [
            "openapi": "3.1.0",
            "info": [
                "title": "DigitalBank", "version": "1.0.0",
                "description": .string(
                    "A client's own accounts, transfers, payees, cards and standing orders. Amounts are decimal texts; "
                        + "every order carries a key that makes it happen once. Texts hold no control characters."),
                "license": ["name": "Apache-2.0", "identifier": "Apache-2.0"],
            ],
            "servers": [["url": "/bank/v1"]],
            "security": [["token": []]],
            "paths": .object(paths),
            "components": [
                "securitySchemes": ["token": ["type": "http", "scheme": "bearer", "bearerFormat": "JWT"]],
                "schemas": .object(schemas(routes)),
            ],
        ]
    }

    private static func schemas(_ routes: [Route]) -> [JSON.Member] {
        var known: [String: JSON] = [:]
        for route in routes {
            let all =
                route.parameters.map(\.schema) + [route.body?.schema].compactMap { $0 }
                + route.answers.flatMap { $0.contents.map(\.schema) } + [.problem]
            for (name, json) in all.flatMap(\.named) { known[name] = json }
        }
        return known.sorted { $0.key < $1.key }.map { .init($0.key, $0.value) }
    }

    private static func operation(_ route: Route) -> JSON {
        var members: [JSON.Member] = [
            .init("operationId", .string(route.name)), .init("summary", .string(route.summary)),
            .init("tags", [.string(route.tag)]),
        ]
        if !route.parameters.isEmpty {
            members.append(.init("parameters", .array(route.parameters.map(parameter))))
        }
        if let body = route.body {
            members.append(
                .init(
                    "requestBody",
                    [
                        "required": true,
                        "content": .object([
                            .init(body.type, ["schema": body.schema.json, "example": body.example])
                        ]),
                    ]))
        }
        members.append(.init("responses", .object(responses(route))))
        return .object(members)
    }

    private static func parameter(_ parameter: Route.Parameter) -> JSON {
        var members: [JSON.Member] = [
            .init("name", .string(parameter.name)), .init("in", .string(parameter.place.rawValue)),
            .init("required", .bool(parameter.isRequired)), .init("description", .string(parameter.words)),
            .init("schema", parameter.schema.json),
        ]
        if let example = parameter.example { members.append(.init("example", example)) }
        return .object(members)
    }

    private static func responses(_ route: Route) -> [JSON.Member] {
        var members = route.answers.map { answer in
            var words: [JSON.Member] = [.init("description", .string(answer.words))]
            if !answer.contents.isEmpty {
                let contents = answer.contents.map { type, schema in
                    var content: [JSON.Member] = [.init("schema", schema.json)]
                    if type == "application/json", let example = answer.example {
                        content.append(.init("example", example))
                    }
                    return JSON.Member(type, .object(content))
                }
                words.append(.init("content", .object(contents)))
            }
            return JSON.Member(String(answer.status), .object(words))
        }
        for (status, codes) in refusals(of: route) {
            members.append(.init(String(status), problem(status, codes)))
        }
        return members
    }

    /// By status, in order: what every endpoint may refuse, and this one's own.
    static func refusals(of route: Route) -> [(status: Int, codes: [String])] {
        var known: [Int: [String]] = [
            400: ["parameter_unknown", "parameter_invalid", "query_unreadable"],
            401: ["PGRST301", "PGRST302"], 403: ["clients_only"], 404: ["not_found"], 405: ["method_not_allowed"],
            413: ["body_too_large"], 414: ["uri_too_long"], 429: ["too_many_requests"],
            503: ["database_unavailable", "overloaded"],
        ]
        if route.body != nil {
            known[400, default: []].append("body_unreadable")
            known[415] = ["type_unsupported"]
            known[422] = ["body_invalid"]
        }
        for refusal in route.refusals { known[refusal.status, default: []] += refusal.codes }
        return known.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
    }

    private static func problem(_ status: Int, _ codes: [String]) -> JSON {
        let example: JSON = [
            "code": .string(codes.first ?? "unexpected"), "message": "what happened, with the value in it",
            "details": .null, "hint": "what to do next",
        ]
        return [
            "description": .string("Refused: " + codes.joined(separator: ", ")),
            "content": ["application/json": ["schema": Schema.problem.json, "example": example]],
        ]
    }

    private static let itself: JSON = [
        "operationId": "getOpenAPI", "summary": "This document", "tags": ["document"], "security": [],
        "responses": [
            "200": [
                "description": "OpenAPI 3.1", "content": ["application/json": ["schema": ["type": "object"]]],
            ],
            "400": problem(400, ["parameter_unknown"]), "405": problem(405, ["method_not_allowed"]),
            "503": problem(503, ["overloaded"]),
        ],
    ]
}
