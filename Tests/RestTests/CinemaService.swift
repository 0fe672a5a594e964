import ApiTestSupport
import Foundation
import HTTPTypes
import Postgres
import Rest
import TestSupport
import Testing
import Web

/// The service over a fresh copy of the database.
struct Cinema: Sendable {
    let service: RestService
    let cache: SchemaCache
    let database: Database

    static func run(
        _ change: (inout RestSettings) -> Void = { _ in }, _ body: @Sendable (Cinema) async throws -> Void
    ) async throws {
        var settings = RestSettings()
        settings.servesUnguarded = true
        change(&settings)
        let fixed = settings
        try await withTestDatabase(cinema) { database in
            let cache = SchemaCache(database: database, schemas: fixed.schemas)
            try await cache.reload()
            try await body(
                Cinema(
                    service: RestService(database: database, cache: cache, settings: fixed), cache: cache,
                    database: database))
        }
    }

    /// Who asks in most tests.
    static let user = Actor(role: "authenticated", claims: #"{"role":"authenticated","sub":"u1"}"#, subject: "u1")
    static let nobody = Actor(role: "anon", claims: #"{"role":"anon"}"#, isAnonymous: true)

    func send(
        _ method: HTTPRequest.Method, _ target: String, _ body: String = "", _ headers: [String: String] = [:],
        as actor: Actor = Cinema.user
    ) async -> ApiResponse {
        let parts = target.split(separator: "?", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
        var fields: HTTPFields = [:]
        for (name, value) in headers { fields[HTTPField.Name(name)!] = value }
        let request = ApiRequest(
            method: method, path: parts[0], query: parts.count > 1 ? parts[1] : "", fields: fields,
            body: Array(body.utf8))
        return await service.handle(request, actor: actor)
    }

    /// Asks three times: the second answer makes a template, the third is made by it, and all must be alike.
    func get(
        _ target: String, _ headers: [String: String] = [:], as actor: Actor = Cinema.user
    ) async -> ApiResponse {
        let first = await send(.get, target, "", headers, as: actor)
        guard !target.hasPrefix("/rpc/"), headers["Accept"]?.contains("plan") != true else { return first }
        for _ in 0..<2 {
            let again = await send(.get, target, "", headers, as: actor)
            #expect(
                again.status == first.status && again.body == first.body && again.fields == first.fields, "\(target)")
        }
        return first
    }
}

extension ApiResponse {
    var text: String { String(decoding: body, as: UTF8.self) }
    /// The body without the line breaks that PostgreSQL puts between rows.
    var flat: String { text.replacing(", \n ", with: ",").replacing(",\n ", with: ",").replacing("\n", with: "") }
    func header(_ name: String) -> String? { fields[HTTPField.Name(name)!] }
    var code: String? { (try? JSONReader.read(text))?["code"]?.string }
}

/// Checks status and body, showing the body when they differ.
func expect(
    _ response: ApiResponse, _ status: Int, _ body: String? = nil, sourceLocation: SourceLocation = #_sourceLocation
) {
    #expect(response.status.code == status, "\(response.text)", sourceLocation: sourceLocation)
    if let body { #expect(response.flat == body, sourceLocation: sourceLocation) }
}
