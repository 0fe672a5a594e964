internal import HTTPTypes
internal import Web

/// The desk's OpenAPI document, from the table of routes and the forms of what is asked and answered.
enum FraudDocument {
    static let text: String = {
        var paths: [JSON.Member] = []
        for path in FraudRoute.all.map(\.path) where !paths.contains(where: { $0.name == path }) {
            let operations = FraudRoute.all.filter { $0.path == path }.map { route in
                JSON.Member(route.method.rawValue.lowercased(), operation(route))
            }
            paths.append(.init(path, .object(operations)))
        }
        let document: JSON = [
            "openapi": "3.1.0",
            "info": ["title": "DigitalBank fraud desk", "version": "1"],
            "servers": [["url": "/fraud/v1"]],
            "security": [["bearer": []]],
            "paths": .object(paths),
            "components": [
                "schemas": .object(FraudSchemas.all.map { JSON.Member($0.0, $0.1) }),
                "securitySchemes": ["bearer": ["type": "http", "scheme": "bearer", "bearerFormat": "JWT"]],
            ],
        ]
        return document.text
    }()

    private static func operation(_ route: FraudRoute) -> JSON {
        var members: [JSON.Member] = [
            .init("operationId", .string(name(route))), .init("summary", .string(route.summary)),
            .init("description", .string("For: " + route.roles.sorted().joined(separator: ", "))),
            .init("responses", responses(route)),
        ]
        var parameters: [JSON] = []
        if route.path.contains("{id}") {
            parameters.append(["name": "id", "in": "path", "required": true, "schema": ["type": "integer"]])
        }
        if route.method == .get, route.path == "/cases" {
            parameters.append([
                "name": "limit", "in": "query", "required": false,
                "schema": ["type": "integer", "minimum": 1, "maximum": 200, "default": 50],
            ])
        }
        if !parameters.isEmpty { members.append(.init("parameters", .array(parameters))) }
        if let request = FraudSchemas.request(route) {
            members.append(
                .init("requestBody", ["required": true, "content": ["application/json": ["schema": request]]]))
        }
        return .object(members)
    }

    /// `POST /cases/{id}/notes` is postCasesIdNotes.
    private static func name(_ route: FraudRoute) -> String {
        let words = route.path.split { !$0.isLetter }.map { $0.prefix(1).uppercased() + $0.dropFirst() }
        return route.method.rawValue.lowercased() + words.joined()
    }

    private static func responses(_ route: FraudRoute) -> JSON {
        func refused(_ words: String) -> JSON {
            [
                "description": .string(words),
                "content": ["application/json": ["schema": ["$ref": "#/components/schemas/Refusal"]]],
            ]
        }
        var members: [JSON.Member] = [
            .init(
                "200",
                ["description": "done", "content": ["application/json": ["schema": FraudSchemas.answer(route)]]]),
            .init("400", refused("what was asked makes no sense: fraud_request_invalid")),
            .init("401", ["description": "no token, or one that can not be read"]),
            .init("403", refused("the token's role may not ask this: fraud_forbidden")),
            .init("503", refused("the desk can not answer now: fraud_unavailable")),
        ]
        if route.path.contains("{id}")
            || ["/explain", "/feedback", "/models/rollback", "/predict"].contains(route.path)
        {
            members.append(.init("404", refused("there is nothing of this number")))
        }
        if route.path == "/score" {
            members.append(.init("409", refused("the key stands for another payment: fraud_key_reused")))
        }
        if route.path.hasSuffix("/decision") {
            members.append(.init("409", refused("closed already, or another analyst has to confirm")))
        }
        if route.path.hasPrefix("/models/") { members.append(.init("422", refused("the model is refused"))) }
        return .object(members)
    }
}
