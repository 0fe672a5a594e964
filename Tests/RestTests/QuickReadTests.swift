import HTTPTypes
import Postgres
import Synchronization
import Testing
import Web

@testable import Rest

/// Templates: reads that are planned once for all their values.
@Suite struct QuickReadTests {
    // group: templates
    private func isReady(_ cinema: Cinema, _ target: String, as actor: Actor = Cinema.user) -> Bool {
        let parts = target.split(separator: "?", maxSplits: 1).map(String.init)
        return cinema.service.ready(ApiRequest(method: .get, path: parts[0], query: parts[1]), actor) != nil
    }

    @Test func `other values of a known shape are answered by its template as they would be without`() async throws {
        try await Cinema.run { cinema in
            let shapes: [(String, [String])] = [
                (
                    "/films?select=id,title&id=eq.#&order=id",
                    ["1", "2", "99", "-1", "2147483648", "x", "", "1%20", "%31"]
                ),
                (
                    "/films?select=id&title=eq.#",
                    ["Ran", "ran", "Orphan, the \"film\"", "%25", "a'b", "a%00b", "a%", "+"]
                ),
                ("/films?select=id&year=gte.#&year=lt.#&order=id", ["1962", "2000", "null", "1e3"]),
                ("/films?select=title,directors(name)&directors.name=neq.#&order=id", ["Varda", "x"]),
                ("/films?select=id,meta->>s&meta->>s=eq.#", ["x", "y", "\"x\""]),
                ("/films?select=id&id=eq.#&or=(year.eq.1967,year.is.null)", ["1", "6"]),
                ("/films?select=id&limit=2&offset=1&id=gt.#", ["0", "3", "100"]),
                ("/films?select=id&title=like.*a*&id=lte.#", ["6", "1"]),
            ]
            for (shape, values) in shapes {
                let fresh = RestService(
                    database: cinema.database, cache: cinema.cache, settings: cinema.service.settings)
                _ = await cinema.get(shape.replacing("#", with: values[0]))
                #expect(isReady(cinema, shape.replacing("#", with: values[0])), "\(shape)")
                for value in values {
                    let target = shape.replacing("#", with: value)
                    let parts = target.split(separator: "?", maxSplits: 1).map(String.init)
                    let request = ApiRequest(method: .get, path: parts[0], query: parts[1])
                    let short = await cinema.service.handle(request, actor: Cinema.user)
                    // Its first request, which goes the long way.
                    let long = await RestService(
                        database: cinema.database, cache: cinema.cache, settings: fresh.settings
                    ).handle(request, actor: Cinema.user)
                    #expect(
                        short.status == long.status && short.body == long.body && short.fields == long.fields,
                        "\(target)")
                }
            }
        }
    }

    @Test func `what is not a plain comparison belongs to the shape`() throws {
        let shape = try #require(
            QueryShape("select=id&id=eq.7&name=like.a*&limit=eq.5&a.order=eq.x&not.or=(a.eq.1)&%69d=eq.1&apikey=eq.k"))
        #expect(shape.values == ["7"])
        #expect(
            shape.query(with: ["8"])
                == "select=id&id=eq.8&name=like.a*&limit=eq.5&a.order=eq.x&not.or=(a.eq.1)&%69d=eq.1&")
        let twins = try [("a=eq.1&b=gt.2", "a=eq.9&b=gt.3"), ("a=eq.", "a=eq.x")].map {
            (try #require(QueryShape($0.0)), try #require(QueryShape($0.1)))
        }
        for (left, right) in twins { #expect(left.text == right.text) }
        for (left, right) in [
            ("a=eq.1", "a=neq.1"), ("a=eq.1", "b=eq.1"), ("a=eq(any).1", "a=eq(any).2"), ("a=not.eq.1", "a=not.eq.2"),
        ] {
            let shapes = try [left, right].map { try #require(QueryShape($0)) }
            #expect(shapes[0].text != shapes[1].text)
        }
        #expect(QueryShape((0..<40).map { "a=eq.\($0)" }.joined(separator: "&")) == nil)
    }

    @Test func `a template serves one role, one schema and one set of headers`() async throws {
        try await Cinema.run { cinema in
            let target = "/films?select=id&id=eq.1"
            _ = await cinema.get(target)
            #expect(isReady(cinema, target))
            #expect(!isReady(cinema, target, as: Cinema.nobody))
            let single = await cinema.get(target, ["Accept": "application/vnd.pgrst.object+json"])
            expect(single, 200, "{\"id\":1}")
            let counted = await cinema.get(target, ["Prefer": "count=exact"])
            #expect(counted.header("Content-Range") == "0-0/1")
            try await cinema.cache.reload()
            #expect(!isReady(cinema, target))
            expect(await cinema.get(target), 200, "[{\"id\":1}]")
            #expect(isReady(cinema, target))
        }
    }

    @Test func `shapes that come once leave nothing, and many shapes stay bounded`() async throws {
        try await Cinema.run { cinema in
            let target = "/films?select=id&id=in.(1,2)"
            _ = await cinema.send(.get, target)
            #expect(!isReady(cinema, target))
            let templates = ReadTemplates()
            for number in 0..<(ReadTemplates.templatesMax * 2) {
                let key = ReadTemplates.key(
                    ApiRequest(method: .get, path: "/p\(number)"), try #require(QueryShape("")), "r", 1)
                #expect(!templates.wants(key))
                #expect(templates.wants(key))
                templates.keep(nil, for: key)
                #expect(!templates.wants(key))
            }
            #expect(templates.count <= ReadTemplates.templatesMax)
        }
    }

    @Test func `an answer without a task is the same, errors included, and comes once`() async throws {
        try await Cinema.run { cinema in
            for target in ["/films?select=id&id=eq.2", "/films?select=id&id=eq.x"] {
                let long = await cinema.get(target)
                let parts = target.split(separator: "?", maxSplits: 1).map(String.init)
                let calls = Calls()
                let short = await withCheckedContinuation { done in
                    let cancel = cinema.service.answerQuickly(
                        ApiRequest(method: .get, path: parts[0], query: parts[1]), actor: Cinema.user, on: { $0() }
                    ) { response in
                        if calls.count() == 1 { done.resume(returning: response) }
                    }
                    #expect(cancel != nil)
                    if cancel == nil { done.resume(returning: ApiResponse(status: .ok)) }
                }
                #expect(short.status == long.status && short.body == long.body && short.fields == long.fields)
            }
        }
    }

    private final class Calls: Sendable {
        private let number = Atomic<Int>(0)

        func count() -> Int { number.wrappingAdd(1, ordering: .relaxed).newValue }
    }
}
