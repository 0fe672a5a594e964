import HTTPTypes
import Postgres
import Rest
import Testing
import Web

@Suite struct BatchTests {
    // group: batch
    private func batch(
        _ cinema: Cinema, _ requests: String, _ more: String = "", _ headers: [String: String] = [:],
        as actor: Actor = Cinema.user
    ) async -> ApiResponse {
        await cinema.send(.post, "/batch", #"{"requests":[\#(requests)]\#(more)}"#, headers, as: actor)
    }

    private func answers(_ response: ApiResponse) throws -> [JSON] {
        try JSONReader.read(response.text)["responses"]?.array ?? []
    }

    private let rows = #""headers":{"Prefer":"return=representation"}"#

    @Test func `requests run in order in one transaction and refer to earlier answers`() async throws {
        try await Cinema.run { cinema in
            let response = await batch(
                cinema,
                """
                {"id":"d","method":"POST","path":"/directors?select=id,name","body":{"id":40,"name":"Tati"},\(rows)},
                {"id":"f","method":"POST","path":"/films?select=id,director_id",\(rows),
                 "body":{"title":"Playtime","director_id":{"$ref":"d.body[0].id"},"meta":{"by":{"$ref":"d.body[0]"}}}},
                {"id":"g","method":"GET","path":"/films?select=title,meta,directors(name)&id=eq.${f.body[0].id}"},
                {"method":"PATCH","path":"/films?id=in.(${f.body[0].id},1)","body":{"year":1967}},
                {"id":"n","method":"POST","path":"/rpc/add_them","body":{"a":{"$ref":"f.body[0].director_id"},"b":{"$ref":"d.status"}}}
                """)
            expect(response, 200)
            let answers = try answers(response)
            #expect(answers.map { $0["id"]?.string } == ["d", "f", "g", "3", "n"])
            #expect(answers.map { $0["status"]?.integer } == [201, 201, 200, 204, 200])
            let read = answers[2]["body"]?.array?.first
            #expect(read?["directors"]?["name"]?.string == "Tati")
            #expect(read?["meta"]?["by"] == ["id": 40, "name": "Tati"])
            #expect(answers[0]["headers"]?["content-type"]?.string?.hasPrefix("application/json") == true)
            #expect(answers[4]["body"]?.integer == 241)
            let years = try await cinema.database.one(
                "select count(*) from films where year = 1967", as: Int.self)
            #expect(years == 2)
        }
    }

    @Test func `the first failure takes all back and says which it was`() async throws {
        try await Cinema.run { cinema in
            let response = await batch(
                cinema,
                """
                {"id":"one","method":"POST","path":"/actors","body":{"id":20,"name":"x"}},
                {"id":"two","method":"POST","path":"/actors","body":{"id":1,"name":"taken"}},
                {"id":"three","method":"POST","path":"/actors","body":{"id":21,"name":"y"}}
                """)
            expect(response, 409)
            let body = try JSONReader.read(response.text)
            #expect(body["code"]?.string == "23505")
            #expect(body["batch"] == ["id": "two", "index": 1, "rolled_back": true])
            expect(await cinema.get("/actors?id=gte.20"), 200, "[]")
        }
    }

    @Test func `with continue what fails is taken back alone`() async throws {
        try await Cinema.run { cinema in
            let response = await batch(
                cinema,
                """
                {"method":"POST","path":"/actors","body":{"id":20,"name":"x"}},
                {"id":"bad","method":"POST","path":"/actors","body":{"id":1,"name":"taken"}},
                {"method":"GET","path":"/nowhere"},
                {"method":"POST","path":"/actors","body":{"id":{"$ref":"bad.body.id"},"name":"z"}},
                {"method":"POST","path":"/actors","body":{"id":21,"name":"y"}}
                """, #","continue":true"#)
            expect(response, 200)
            let seen1 = try answers(response).map { $0["status"]?.integer }
            #expect(seen1 == [201, 409, 404, 400, 201])
            expect(await cinema.get("/actors?select=id&id=gte.20&order=id"), 200, #"[{"id":20},{"id":21}]"#)
        }
    }

    @Test func `a dry run answers as the real one would and keeps nothing`() async throws {
        try await Cinema.run { cinema in
            let response = await batch(
                cinema,
                """
                {"method":"POST","path":"/actors?select=id","body":{"id":20,"name":"x"},\(rows)},
                {"method":"GET","path":"/actors?select=id&id=eq.20"}
                """, #","dry_run":true"#)
            expect(response, 200)
            let body = try JSONReader.read(response.text)
            #expect(body["dry_run"]?.bool == true && body["committed"]?.bool == false)
            let seen2 = try answers(response)[1]["body"]
            #expect(seen2 == .array([["id": 20]]))
            #expect(response.header("Preference-Applied") == "tx=rollback")
            expect(await cinema.get("/actors?id=eq.20"), 200, "[]")
        }
    }

    @Test func `a constraint that waits for the end fails the batch, also in a dry run`() async throws {
        try await Cinema.run { cinema in
            try await cinema.database.run(
                "alter table roles alter constraint roles_film_id_fkey deferrable initially deferred")
            let request = #"{"method":"POST","path":"/roles","body":{"film_id":999,"actor_id":1}}"#
            for more in ["", #","dry_run":true"#] {
                let response = await batch(cinema, request, more)
                expect(response, 409)
                #expect(response.code == "23503")
            }
            let late = #"{"method":"POST","path":"/films","body":{"id":999,"title":"late"}}"#
            expect(await batch(cinema, request + "," + late), 200)
        }
    }

    @Test func `a value stays a value wherever it is put`() async throws {
        try await Cinema.run { cinema in
            for name in [#"x","y"#, "1),id.gt.(0", "*", "eq.1", "' or 1=1 --", #"back\slash"#, "&select=*", "é%00"] {
                let made = JSON.object([.init("id", 77), .init("name", .string(name))]).text
                let response = await batch(
                    cinema,
                    """
                    {"id":"a","method":"POST","path":"/actors","body":\(made),\(rows)},
                    {"method":"GET","path":"/actors?select=id&name=eq.${a.body[0].name}"},
                    {"method":"GET","path":"/actors?select=id&name=in.(${a.body[0].name},zz)"},
                    {"method":"GET","path":"/actors?select=id&or=(name.eq.${a.body[0].name},name.eq.zz)"},
                    {"method":"DELETE","path":"/actors?id=eq.77"}
                    """)
                expect(response, 200)
                let found = try answers(response)
                for place in 1...3 {
                    #expect(found[place]["body"] == .array([["id": 77]]), "\(name), \(place)")
                }
            }
        }
    }

    static let badReferences = [
        "/actors?select=${a.body[0].name}", "/actors?order=${a.body[0].name}", "/${a.body[0].name}",
        "/actors?${a.body[0].name}=eq.1", "/actors?name=${a.body[0].name}", "/actors?name=is.${a.body[0].name}",
        "/actors?name=in.${a.body[0].name}", "/actors?or=${a.body[0].name}", "/actors?or=(${a.body[0].name}.eq.1)",
        "/actors?name=eq.${b.body[0].name}", "/actors?name=eq.${a.body[9].name}", "/actors?name=eq.${a.body}",
        "/actors?name=eq.${a.headers.x}", "/actors?name=eq.${a.body[0].name", "/actors?name=eq.${}",
        "/actors?limit=${a.body[0].name}", "/actors?limit=1${a.status}", "/rpc/films_by?word=${a.body[0].name}",
        "/actors?name=eq.${a.body[99999999999999999999].name}",
    ]

    @Test func `a reference where no value stands, or to nothing, is refused`() async throws {
        try await Cinema.run { cinema in
            for path in Self.badReferences {
                let response = await batch(
                    cinema,
                    """
                    {"id":"a","method":"GET","path":"/actors?select=name&id=eq.1"},
                    {"id":"b","method":"GET","path":"\(path)"}
                    """)
                expect(response, 400)
            }
            let limited = await batch(
                cinema,
                """
                {"id":"a","method":"GET","path":"/films?select=id&id=eq.2"},
                {"method":"GET","path":"/films?select=id&order=id&limit=${a.body[0].id}"}
                """)
            expect(limited, 200)
            let seen3 = try answers(limited)[1]["body"]?.array?.count
            #expect(seen3 == 2)
        }
    }

    static let refused: [String] = [
        "[]", "{}", #"{"requests":[]}"#, #"{"requests":{}}"#, #"{"requests":[1]}"#,
        #"{"requests":[{"method":"GET","path":"films"}]}"#, #"{"requests":[{"method":"TRACE","path":"/films"}]}"#,
        #"{"requests":[{"method":"GET","path":"/films","id":"a b"}]}"#,
        #"{"requests":[{"method":"GET","path":"/films","id":"a"},{"method":"GET","path":"/films","id":"a"}]}"#,
        #"{"requests":[{"method":"GET","path":"/films","headers":{"Authorization":"Bearer x"}}]}"#,
        #"{"requests":[{"method":"GET","path":"/films","headers":{"Idempotency-Key":"x"}}]}"#,
        #"{"requests":[{"method":"GET","path":"/films","headers":{"Prefer":"timezone=Europe/Paris"}}]}"#,
        #"{"requests":[{"method":"POST","path":"/films","headers":{"Prefer":"tx=rollback"}}]}"#,
        #"{"requests":[{"method":"POST","path":"/batch","body":{"requests":[]}}]}"#,
        #"{"requests":[{"method":"GET","path":"/films"}],"dry_run":1}"#,
        #"{"requests":[{"method":"GET","path":"/films"}],"other":1}"#,
        #"{"requests":[{"method":"GET","path":"/films","extra":1}]}"#,
        #"{"requests":[\#((0..<51).map { _ in #"{"method":"GET","path":"/films"}"# }.joined(separator: ","))]}"#,
    ]

    @Test func `a batch that can not be read is refused whole`() async throws {
        try await Cinema.run { cinema in
            for body in Self.refused {
                let response = await cinema.send(.post, "/batch", body)
                expect(response, 400)
                #expect(response.code == "DBR010", "\(body): \(response.text)")
            }
            expect(await cinema.get("/batch"), 405)
        }
    }

    @Test func `a read inside a batch may not write, and the next request may`() async throws {
        try await Cinema.run { cinema in
            let response = await batch(
                cinema,
                """
                {"method":"GET","path":"/rpc/keep?body=x"},
                {"method":"POST","path":"/actors","body":{"id":20,"name":"x"}}
                """, #","continue":true"#)
            expect(response, 200)
            let seen4 = try answers(response).map { $0["status"]?.integer }
            #expect(seen4 == [405, 201])
            let mixed = await batch(
                cinema,
                """
                {"method":"GET","path":"/actors?id=eq.20"},
                {"method":"POST","path":"/actors","body":{"id":21,"name":"x"}},
                {"method":"HEAD","path":"/actors"},
                {"method":"POST","path":"/rpc/teapot","body":{}},
                {"method":"POST","path":"/rpc/add_them","body":{"a":1}}
                """)
            expect(mixed, 200)
            // What a function sets for its own answer does not reach the next one.
            let seen5 = try answers(mixed).map { $0["status"]?.integer }
            #expect(seen5 == [200, 201, 200, 418, 200])
            let seen6 = try answers(mixed)[4]["headers"]?["x-tea"]
            #expect(seen6 == nil)
        }
    }

    @Test func `row level security and the role hold for each request`() async throws {
        try await Cinema.run { cinema in
            let foreign = await batch(
                cinema, #"{"method":"POST","path":"/notes","body":{"owner":"u2","body":"b"}}"#)
            expect(foreign, 403)
            let secret = await batch(
                cinema, #"{"method":"GET","path":"/secrets"}"#, as: Cinema.nobody)
            expect(secret, 401)
            let name = try await cinema.database.one("select current_user::text", as: String.self)
            #expect(name != "authenticated")
        }
    }

    @Test func `one key holds for the whole batch`() async throws {
        try await Cinema.kept { cinema in
            let requests = """
                {"id":"a","method":"POST","path":"/actors?select=id","body":{"id":30,"name":"x"},\(rows)},
                {"method":"POST","path":"/roles","body":{"film_id":3,"actor_id":{"$ref":"a.body[0].id"}}}
                """
            let first = await batch(cinema, requests, "", ["Idempotency-Key": "b"])
            expect(first, 200)
            let again = await batch(cinema, requests, "", ["Idempotency-Key": "b"])
            #expect(again.text == first.text)
            #expect(again.header("Idempotency-Replayed") == "true")
            expect(await batch(cinema, requests, #","continue":true"#, ["Idempotency-Key": "b"]), 422)
            // Neither a failure nor a dry run takes the key.
            let failed = await batch(cinema, requests, "", ["Idempotency-Key": "c"])
            expect(failed, 409)
            let other = #"{"method":"POST","path":"/actors","body":{"id":31,"name":"x"}}"#
            expect(await batch(cinema, other, #","dry_run":true"#, ["Idempotency-Key": "c"]), 200)
            expect(await batch(cinema, other, "", ["Idempotency-Key": "c"]), 200)
            expect(await cinema.get("/actors?select=id&id=gte.30&order=id"), 200, #"[{"id":30},{"id":31}]"#)
        }
    }

    @Test func `references can not make a batch grow without bound`() async throws {
        try await Cinema.run { cinema in
            let long = String(repeating: "x", count: 300_000)
            let reference = #"{"$ref":"a.body"}"#
            let many = Array(repeating: reference, count: 20).joined(separator: ",")
            let response = await batch(
                cinema,
                """
                {"id":"a","method":"POST","path":"/rpc/echo","body":"\(long)"},
                {"id":"b","method":"POST","path":"/rpc/echo","body":[\(many)]}
                """)
            expect(response, 413)
        }
    }

    @Test func `the description read inside a batch leaves its writes possible`() async throws {
        try await Cinema.run { cinema in
            let response = await batch(
                cinema,
                """
                {"method":"GET","path":"/"},
                {"method":"POST","path":"/actors","body":{"id":20,"name":"x"}}
                """)
            expect(response, 200)
            expect(await cinema.get("/actors?id=eq.20&select=name"), 200, #"[{"name":"x"}]"#)
        }
    }
}
