import HTTPTypes
import Postgres
import Rest
import Testing
import Web

@Suite struct CallTests {
    // group: functions
    static let calls: [(HTTPRequest.Method, String, String, Int, String)] = [
        (.post, "/rpc/add_them", #"{"a":1,"b":2}"#, 200, "3"),
        (.post, "/rpc/add_them", #"{"a":1}"#, 200, "11"),
        (.get, "/rpc/add_them?a=4&b=5", "", 200, "9"),
        (.post, "/rpc/films_by?select=id&order=id.desc&id=lt.9", #"{"word":"a"}"#, 200, ""),
        (
            .get, "/rpc/films_by?word=ran&select=id,directors(name)", "", 200,
            #"[{"id":4,"directors":{"name":"Kurosawa"}}]"#
        ),
        (.get, "/rpc/films_by?word=&select=id&limit=2&offset=1", "", 200, #"[{"id":2},{"id":3}]"#),
        (.get, "/rpc/films_by?word=e&year=gt.1999&select=id", "", 200, #"[{"id":3},{"id":5}]"#),
        (.post, "/rpc/one_film?select=id,title", #"{"which":4}"#, 200, #"{"id":4,"title":"Ran"}"#),
        (.get, "/rpc/pairs?n=gt.1&select=square", "", 200, #"[{"square":4},{"square":9}]"#),
        (.post, "/rpc/words", "", 200, #"["a", "b"]"#),
        (.post, "/rpc/nothing", "", 204, ""),
        (.post, "/rpc/echo", #"{"x":[1,2]}"#, 200, #"{"x":[1,2]}"#),
        (.post, "/rpc/echo", "[1,2]", 200, "[1,2]"),
        (.post, "/rpc/total", #"{"numbers":[1,2,3]}"#, 200, "6"),
        (.get, "/rpc/total?numbers=1&numbers=2", "", 200, "3"),
        (.get, "/rpc/total?numbers={4,5}", "", 400, ""),
        (.post, "/rpc/who", "{}", 200, #""authenticated""#),
        (.get, "/rpc/same?b=x", "", 200, "2"),
        (.get, "/rpc/same?a=1", "", 200, "1"),
    ]

    @Test func `functions are called in all their forms`() async throws {
        try await Cinema.run { cinema in
            for (method, target, body, status, text) in Self.calls {
                let response = await cinema.send(method, target, body)
                #expect(response.status.code == status, "\(target): \(response.text)")
                if !text.isEmpty { #expect(response.flat == text, "\(target)") }
            }
        }
    }

    @Test func `a body of text is the one unnamed argument`() async throws {
        try await Cinema.run { cinema in
            let bad = await cinema.send(.post, "/rpc/add_note", "bonjour", ["Content-Type": "text/plain"])
            // The row is its owner's, whom the claims do not name.
            expect(bad, 403)
        }
    }

    // group: transaction
    @Test func `claims reach the function, and are gone for the next request`() async throws {
        try await Cinema.run { cinema in
            expect(await cinema.get("/rpc/claims"), 200, #"{"role":"authenticated","sub":"u1"}"#)
            let other = Actor(role: "anon", claims: #"{"role":"anon"}"#, isAnonymous: true)
            expect(await cinema.get("/rpc/who", as: other), 200, #""anon""#)
            let name = try await cinema.database.one("select current_user::text", as: String.self)
            #expect(name != "anon" && name != "authenticated")
        }
    }

    // group: answers of functions
    @Test func `a function may choose status, headers and error`() async throws {
        try await Cinema.run { cinema in
            let tea = await cinema.send(.post, "/rpc/teapot", "{}")
            expect(tea, 418)
            #expect(tea.header("X-Tea") == "green")
            let pay = await cinema.send(.post, "/rpc/pay", "{}")
            expect(
                pay, 402,
                #"{"code":"PT402","details":null,"hint":"Upgrade","message":"Payment Required"}"#)
            let own = await cinema.send(.post, "/rpc/own", "{}")
            expect(own, 419, #"{"code":"123","message":"Own","details":"d","hint":"h"}"#)
            #expect(own.header("X-Own") == "yes")
        }
    }

    // group: functions
    static let refusals: [(HTTPRequest.Method, String, String, Int, String)] = [
        (.post, "/rpc/nope", "{}", 404, "PGRST202"),
        (.post, "/rpc/add_them", #"{"a":1,"zz":2}"#, 404, "PGRST202"),
        (.post, "/rpc/add_them", "{", 400, "PGRST102"),
        (.get, "/rpc/keep?body=x", "", 405, "25006"),
        (.put, "/rpc/add_them", "{}", 405, "PGRST101"),
        (.post, "/rpc/add_them", #"{"a":"x"}"#, 400, "22P02"),
    ]

    @Test func `what does not fit is refused`() async throws {
        try await Cinema.run { cinema in
            for (method, target, body, status, code) in Self.refusals {
                let response = await cinema.send(method, target, body)
                #expect(response.status.code == status, "\(target): \(response.text)")
                #expect(response.code == code, "\(target): \(response.text)")
            }
        }
    }
}
