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

    // group: functions
    @Test func `a function that writes runs once, also when all its rows are counted`() async throws {
        try await Cinema.run { cinema in
            try await cinema.database.run(
                """
                create function jot(most int) returns setof notes language sql volatile as
                    $$ insert into notes (owner, n) select 'u1', g from generate_series(1, most) g returning * $$
                """)
            try await cinema.database.run(
                """
                create function jot_pairs(most int) returns table (a int, b int) language sql volatile as
                    $$ insert into notes (owner, n) select 'u1', g from generate_series(1, most) g returning id, n $$
                """)
            try await cinema.database.run(
                """
                create function jot_words(most int) returns setof text language sql volatile as
                    $$ insert into notes (owner, n) select 'u1', g from generate_series(1, most) g returning n::text $$
                """)
            try await cinema.database.run(
                "create function loud(notes) returns text language sql stable as $$ select 'n' || $1.n $$")
            try await cinema.database.run("grant select on notes to authenticated")
            try await cinema.cache.reload()
            var expected = 0
            for (target, body) in [
                ("/rpc/jot?select=n,loud&limit=2&order=n.desc", #"[{"n":5,"loud":"n5"},{"n":4,"loud":"n4"}]"#),
                ("/rpc/jot_pairs?select=b&limit=1&offset=1", #"[{"b":2}]"#),
                ("/rpc/jot_words?limit=2", #"["1", "2"]"#),
                ("/rpc/jot?select=n&n=gt.9&limit=1", "[]"),
            ] {
                let answer = await cinema.send(.post, target, #"{"most":5}"#, ["Prefer": "count=exact"])
                expected += 5
                #expect(answer.status.code < 300 && answer.flat == body, "\(target): \(answer.text)")
                let total = answer.header("Content-Range")?.split(separator: "/").last
                #expect(total == (body == "[]" ? "0" : "5"), "\(target): \(answer.header("Content-Range") ?? "")")
                let count = try await cinema.database.one(
                    "select count(*) from notes where owner = 'u1'", as: Int.self)
                #expect(count == expected, "\(target)")
            }
        }
    }
}
