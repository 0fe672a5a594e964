internal import HTTPTypes
internal import Web

/// The description of what is served, OpenAPI 2.0 as PostgREST gives it.
struct OpenAPI {
    let context: RequestContext

    /// Ids of what the role may use: nothing else is named.
    let relations: Set<Int64>
    let functions: Set<Int64>

    init(_ context: RequestContext, relations: Set<Int64>, functions: Set<Int64>) {
        self.context = context
        self.relations = relations
        self.functions = functions
    }

    var response: ApiResponse {
        var paths: [JSON.Member] = [
            .init(
                "/",
                [
                    "get": [
                        "summary": "OpenAPI description (this document)", "tags": ["Introspection"],
                        "responses": ["200": ["description": "OK"]],
                    ]
                ])
        ]
        var definitions: [JSON.Member] = []
        let snapshot = context.snapshot
        for relation in snapshot.relations.values.sorted(by: { $0.name.name < $1.name.name })
        where relations.contains(relation.id) && relation.name.schema == context.schema
            && (try? snapshot.relation(relation.name, context.settings)) != nil
        {
            paths.append(.init("/" + relation.name.name, path(relation)))
            definitions.append(.init(relation.name.name, definition(relation)))
        }
        for (name, overloads) in snapshot.functions.sorted(by: { $0.key.name < $1.key.name })
        where name.schema == context.schema {
            guard let function = overloads.first(where: { functions.contains($0.id) }) else { continue }
            paths.append(.init("/rpc/" + name.name, call(function)))
        }
        let document: JSON = [
            "swagger": "2.0",
            "info": ["title": "DigitalBank REST", "description": "standard public schema", "version": "12.0"],
            "host": .string(context.settings.openAPIServer), "basePath": "/", "schemes": ["http"],
            "consumes": ["application/json", "application/vnd.pgrst.object+json", "text/csv"],
            "produces": ["application/json", "application/vnd.pgrst.object+json", "text/csv"],
            "paths": .object(paths), "definitions": .object(definitions),
        ]
        var response = ApiResponse.json(document.text, type: "application/openapi+json; charset=utf-8")
        if context.isHead { response.body = [] }
        return response
    }

    private func path(_ relation: Relation) -> JSON {
        let ok: JSON = [
            "200": [
                "description": "OK",
                "schema": ["type": "array", "items": ["$ref": .string("#/definitions/" + relation.name.name)]],
            ]
        ]
        let filters: [JSON] = relation.columns.map { column in
            ["name": .string(column.name), "in": "query", "required": false, "type": "string"]
        }
        let page: [JSON] = ["select", "order", "offset", "limit"].map {
            ["name": .string($0), "in": "query", "required": false, "type": "string"]
        }
        let body: JSON = [
            "name": "body", "in": "body", "required": false,
            "schema": ["$ref": .string("#/definitions/" + relation.name.name)],
        ]
        let tags: JSON = .array([.string(relation.name.name)])
        var members: [JSON.Member] = [
            .init(
                "get",
                [
                    "tags": tags, "summary": .string(relation.comment ?? ""), "parameters": .array(filters + page),
                    "responses": ok,
                ])
        ]
        if relation.isInsertable {
            members.append(
                .init(
                    "post",
                    ["tags": tags, "parameters": .array([body]), "responses": ["201": ["description": "Created"]]]))
        }
        if relation.isUpdatable {
            members.append(
                .init(
                    "patch",
                    [
                        "tags": tags, "parameters": .array(filters + [body]),
                        "responses": ["204": ["description": "No Content"]],
                    ]))
        }
        if relation.isDeletable {
            members.append(
                .init(
                    "delete",
                    ["tags": tags, "parameters": .array(filters), "responses": ["204": ["description": "No Content"]]]))
        }
        return .object(members)
    }

    private func definition(_ relation: Relation) -> JSON {
        let required = relation.columns.filter { !$0.isNullable && $0.defaultSQL == nil }.map { JSON.string($0.name) }
        let properties = relation.columns.map { column -> JSON.Member in
            var members: [JSON.Member] = [.init("format", .string(column.type))]
            if let type = Self.jsonType(column.baseType) { members.append(.init("type", .string(type))) }
            if let length = column.lengthMax { members.append(.init("maxLength", .integer(length))) }
            if !column.enumLabels.isEmpty { members.append(.init("enum", .array(column.enumLabels.map(JSON.string)))) }
            if let comment = column.comment { members.append(.init("description", .string(comment))) }
            return .init(column.name, .object(members))
        }
        return [
            "type": "object", "description": .string(relation.comment ?? ""), "required": .array(required),
            "properties": .object(properties),
        ]
    }

    private func call(_ function: Function) -> JSON {
        let properties = function.parameters.filter { !$0.name.isEmpty }.map {
            JSON.Member($0.name, ["format": .string($0.type)])
        }
        let body: JSON = [
            "name": "args", "in": "body", "required": true,
            "schema": ["type": "object", "properties": .object(properties)],
        ]
        return [
            "post": [
                "tags": .array([.string("(rpc) " + function.name.name)]), "summary": .string(function.comment ?? ""),
                "parameters": .array([body]), "responses": ["200": ["description": "OK"]],
            ]
        ]
    }

    private static func jsonType(_ base: String) -> String? {
        switch base {
        case "int2", "int4", "int8": "integer"
        case "float4", "float8", "numeric": "number"
        case "bool": "boolean"
        case "json", "jsonb": nil
        default: base.hasPrefix("_") ? "array" : "string"
        }
    }
}
