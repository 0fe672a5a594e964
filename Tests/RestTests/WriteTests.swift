import HTTPTypes
import Postgres
import Rest
import Testing
import Web

@Suite struct WriteTests {
    // group: insert and upsert
    @Test func `an insert answers as it is asked to`() async throws {
        try await Cinema.run { cinema in
            let minimal = await cinema.send(.post, "/directors", #"{"id":9,"name":"Tati"}"#)
            expect(minimal, 201, "")
            let rows = await cinema.send(
                .post, "/directors?select=id,name", #"[{"id":10,"name":"Rohmer"},{"id":11,"name":"Demy"}]"#,
                ["Prefer": "return=representation,count=exact"])
            expect(rows, 201, #"[{"id":10,"name":"Rohmer"},{"id":11,"name":"Demy"}]"#)
            #expect(rows.header("Content-Range") == "*/2")
            #expect(rows.header("Preference-Applied") == "return=representation, count=exact")
            let key = await cinema.send(
                .post, "/roles", #"{"film_id":3,"actor_id":1}"#, ["Prefer": "return=headers-only"])
            expect(key, 201, "")
            #expect(key.header("Location") == "/roles?film_id=eq.3&actor_id=eq.1")
        }
    }

    @Test func `a written row is read with what it refers to`() async throws {
        try await Cinema.run { cinema in
            let response = await cinema.send(
                .post, "/films?select=title,shout,directors(name),roles(character)",
                #"{"title":"Playtime","director_id":1}"#, ["Prefer": "return=representation"])
            expect(
                response, 201, #"[{"title":"Playtime","shout":"PLAYTIME","directors":{"name":"Melville"},"roles":[]}]"#)
        }
    }

    @Test func `bulk, defaults, named columns and CSV`() async throws {
        try await Cinema.run { cinema in
            let ragged = await cinema.send(.post, "/films", #"[{"title":"a"},{"year":1}]"#)
            expect(ragged, 400)
            #expect(ragged.code == "PGRST102")
            let named = await cinema.send(
                .post, #"/films?columns="title","tags"&select=title,tags,year"#,
                #"[{"title":"a","year":7},{"title":"b","tags":["x"]}]"#, ["Prefer": "return=representation"])
            expect(named, 201, #"[{"title":"a","tags":null,"year":null},{"title":"b","tags":["x"],"year":null}]"#)
            let defaulted = await cinema.send(
                .post, "/films?columns=title,tags&select=title,tags", #"[{"title":"c"},{"title":"d","tags":["x"]}]"#,
                ["Prefer": "return=representation,missing=default"])
            expect(defaulted, 201, #"[{"title":"c","tags":[]},{"title":"d","tags":["x"]}]"#)
            let csv = await cinema.send(
                .post, "/directors?select=name,country&order=id", "id,name,country\n20,\"A, B\",NULL\n21,C,FR\n",
                ["Prefer": "return=representation", "Content-Type": "text/csv"])
            expect(csv, 201, #"[{"name":"A, B","country":null},{"name":"C","country":"FR"}]"#)
            expect(await cinema.send(.post, "/directors", "[]"), 201)
            expect(
                await cinema.send(
                    .post, "/addresses", "id=7&city=Nice+sud", ["Content-Type": "application/x-www-form-urlencoded"]),
                201)
            expect(await cinema.get("/addresses?id=eq.7&select=city"), 200, #"[{"city":"Nice sud"}]"#)
        }
    }

    @Test func `upserts merge or ignore`() async throws {
        try await Cinema.run { cinema in
            let merged = await cinema.send(
                .post, "/directors?select=name", #"{"id":1,"name":"Grumbach"}"#,
                ["Prefer": "return=representation,resolution=merge-duplicates"])
            expect(merged, 201, #"[{"name":"Grumbach"}]"#)
            let ignored = await cinema.send(
                .post, "/directors?select=name", #"[{"id":1,"name":"x"},{"id":30,"name":"y"}]"#,
                ["Prefer": "return=representation,resolution=ignore-duplicates"])
            expect(ignored, 201, #"[{"name":"y"}]"#)
            let byTitle = await cinema.send(
                .post, "/films?on_conflict=title&select=id,year", #"{"title":"Ran","year":1986}"#,
                ["Prefer": "return=representation,resolution=merge-duplicates"])
            expect(byTitle, 201, #"[{"id":4,"year":1986}]"#)
        }
    }

    // group: update and delete
    @Test func `updates and deletes touch what the filter says`() async throws {
        try await Cinema.run { cinema in
            let updated = await cinema.send(
                .patch, "/films?id=in.(1,2)&select=id,year&order=id", #"{"year":1900}"#,
                ["Prefer": "return=representation"])
            expect(updated, 200, #"[{"id":1,"year":1900},{"id":2,"year":1900}]"#)
            #expect(updated.header("Content-Range") == "0-1/*")
            expect(await cinema.send(.patch, "/films?id=eq.1", #"{"year":1967}"#), 204, "")
            expect(
                await cinema.send(.patch, "/films?id=eq.999", #"{"year":1}"#, ["Prefer": "return=representation"]), 200,
                "[]")
            expect(await cinema.send(.patch, "/films?id=eq.1", "{}"), 204)
            // The Python client sends a body with each DELETE.
            let deleted = await cinema.send(
                .delete, "/roles?film_id=eq.1&select=character&order=character", "{}",
                ["Prefer": "return=representation"])
            expect(deleted, 200, #"[{"character":"Extra"},{"character":"Jef"}]"#)
            expect(await cinema.send(.delete, "/roles?film_id=eq.1"), 204)
        }
    }

    // group: put
    @Test func `a put writes one row by its whole key`() async throws {
        try await Cinema.run { cinema in
            expect(await cinema.send(.put, "/addresses?id=eq.5", #"{"id":5,"city":"Metz"}"#), 204)
            expect(await cinema.get("/addresses?id=eq.5"), 200, #"[{"id":5,"city":"Metz"}]"#)
            let other = await cinema.send(.put, "/addresses?id=eq.5", #"{"id":6,"city":"Metz"}"#)
            #expect(other.code == "PGRST115")
            #expect(await cinema.send(.put, "/addresses?city=eq.x", #"{"id":6}"#).code == "PGRST105")
            #expect(await cinema.send(.put, "/addresses?id=eq.5&limit=1", #"{"id":5}"#).code == "PGRST114")
        }
    }

    // group: preferences
    @Test func `more rows than allowed take the change back`() async throws {
        try await Cinema.run { cinema in
            let response = await cinema.send(
                .patch, "/films?id=gt.0", #"{"year":1}"#, ["Prefer": "handling=strict,max-affected=2"])
            expect(response, 400)
            #expect(response.code == "PGRST124")
            expect(await cinema.get("/films?select=id&year=eq.1"), 200, "[]")
            let single = await cinema.send(
                .patch, "/films?id=gt.0", #"{"year":1}"#,
                ["Prefer": "return=representation", "Accept": "application/vnd.pgrst.object+json"])
            expect(single, 406)
            expect(await cinema.get("/films?select=id&year=eq.1"), 200, "[]")
        }
    }

    @Test func `a dry run changes nothing where it is allowed`() async throws {
        try await Cinema.run({ $0.allowsRollback = true }) { cinema in
            let response = await cinema.send(
                .post, "/directors?select=id", #"{"id":50,"name":"x"}"#, ["Prefer": "tx=rollback,return=representation"]
            )
            expect(response, 201, #"[{"id":50}]"#)
            #expect(response.header("Preference-Applied") == "return=representation, tx=rollback")
            expect(await cinema.get("/directors?id=eq.50"), 200, "[]")
        }
    }

    // group: guards
    @Test func `row level security holds for every write`() async throws {
        try await Cinema.run { cinema in
            expect(await cinema.send(.post, "/notes", #"{"owner":"u2","body":"theirs"}"#), 403)
            expect(await cinema.send(.post, "/notes", #"{"owner":"u1","body":"mine"}"#), 201)
            let other = Actor(role: "authenticated", claims: #"{"sub":"u2"}"#)
            expect(await cinema.get("/notes?select=body", as: other), 200, "[]")
            expect(await cinema.send(.delete, "/notes?id=gt.0", as: other), 204)
            expect(await cinema.get("/notes?select=body"), 200, #"[{"body":"mine"}]"#)
        }
    }

    // group: errors
    static let refusals: [(HTTPRequest.Method, String, String, Int, String)] = [
        (.post, "/directors", #"{"id":1,"name":"x"}"#, 409, "23505"),
        (.post, "/films", #"{"title":"x","director_id":99}"#, 409, "23503"),
        (.post, "/directors", #"{"id":77}"#, 400, "23502"),
        (.post, "/notes", #"{"owner":"u1","n":100}"#, 400, "23514"),
        (.post, "/films", #"{"title":"x","year":"abc"}"#, 400, "22P02"),
        (.post, "/films", #"{"nope":1}"#, 400, "PGRST204"),
        (.post, "/films", "", 400, "PGRST102"),
        (.post, "/films", "[1]", 400, "PGRST102"),
        (.post, "/films", "3", 400, "PGRST102"),
        (.patch, "/films?nope=eq.1", #"{"year":1}"#, 400, "42703"),
        (.delete, "/nope", "", 404, "PGRST205"),
    ]

    @Test func `what is refused says why, in the words clients know`() async throws {
        try await Cinema.run { cinema in
            for (method, target, body, status, code) in Self.refusals {
                let response = await cinema.send(method, target, body)
                #expect(response.status.code == status, "\(target) \(body): \(response.text)")
                #expect(response.code == code, "\(target) \(body): \(response.text)")
            }
        }
    }

    @Test func `a refused row's values are not told to everybody`() async throws {
        try await Cinema.run { cinema in
            let response = await cinema.send(.post, "/directors", #"{"id":1,"name":"x"}"#)
            let body = try JSONReader.read(response.text)
            #expect(body["details"] == .null)
        }
    }

    // group: update and delete
    @Test func `a filter that belongs to nothing refuses the write instead of being left out`() async throws {
        try await Cinema.run { cinema in
            for (method, body) in [(HTTPRequest.Method.delete, ""), (.patch, #"{"character":"x"}"#)] {
                for prefer in [[:], ["Prefer": "return=minimal"], ["Prefer": "return=headers-only"]] {
                    for item in ["roles.film_id=eq.1", "roles.or=(film_id.eq.1,film_id.eq.2)", "roles.order=film_id"] {
                        let refused = await cinema.send(method, "/roles?\(item)", body, prefer)
                        #expect(refused.status.code == 400 && refused.code == "PGRST108", "\(refused.text)")
                    }
                }
                for item in ["limit=1", "offset=1", "limit=1&order=film_id"] {
                    for prefer in [[:], ["Prefer": "return=representation"]] {
                        let refused = await cinema.send(method, "/roles?film_id=eq.1&\(item)", body, prefer)
                        #expect(refused.status.code == 400 && refused.code == "PGRST114", "\(refused.text)")
                    }
                }
            }
            let kept = try await cinema.database.one(
                "select count(*) from roles where character <> 'x'", as: Int.self)
            #expect(kept == 4)
        }
    }

    // group: insert and upsert
    @Test func `a missing identity takes its next number when defaults are asked for`() async throws {
        try await Cinema.run { cinema in
            let answer = await cinema.send(
                .post, "/films?columns=id,title&select=id,title&order=id", #"[{"title":"c"},{"id":7,"title":"d"}]"#,
                ["Prefer": "return=representation,missing=default"])
            expect(answer, 201, #"[{"id":7,"title":"d"},{"id":100,"title":"c"}]"#)
        }
    }
}
