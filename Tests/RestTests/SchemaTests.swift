import HTTPTypes
import Postgres
import Rest
import Testing
import Web

@Suite struct SchemaTests {
    // group: schemas
    @Test func `a profile chooses among the schemas that are served`() async throws {
        try await Cinema.run({ $0.schemas = ["public", "other"] }) { cinema in
            try await cinema.database.withConnection { connection in
                try await connection.runScript(
                    """
                    create schema other; create schema hidden;
                    create table other.films (id int primary key); create table hidden.films (id int primary key);
                    create function other.who() returns text language sql stable as $$ select 'other' $$;
                    grant usage on schema other, hidden to authenticated;
                    grant all on other.films, hidden.films to authenticated;
                    """)
            }
            try await cinema.cache.reload()
            let other = ["Accept-Profile": "other", "Content-Profile": "other"]
            let made = await cinema.send(.post, "/films", #"{"id":77}"#, other)
            expect(made, 201)
            #expect(made.header("Content-Profile") == "other")
            let read = await cinema.get("/films", other)
            expect(read, 200, #"[{"id":77}]"#)
            expect(await cinema.get("/films?id=eq.77"), 200, "[]")
            expect(await cinema.send(.post, "/rpc/who", "{}", other), 200, #""other""#)
            expect(await cinema.get("/rpc/who", other), 200, #""other""#)
            expect(await cinema.get("/directors", other), 404)
            expect(await cinema.send(.patch, "/films?id=eq.77", #"{"id":78}"#, other), 204)
            expect(await cinema.send(.delete, "/films?id=eq.78", "", other), 204)
            for profile in ["hidden", "pg_catalog", "\"other\"", ""] {
                let response = await cinema.get("/films", ["Accept-Profile": profile])
                expect(response, 406)
                #expect(response.code == "PGRST106")
            }
            let description = await cinema.get("/", other)
            #expect(description.text.contains("/films") && !description.text.contains("/directors"))
        }
    }

    // group: preferences
    @Test func `preferences are heeded, told, and refused when strict`() async throws {
        try await Cinema.run { cinema in
            try await cinema.database.run("create table times (at timestamptz)")
            try await cinema.database.run("insert into times values ('2026-01-01 00:00:00+00')")
            try await cinema.database.run("grant select on times to authenticated")
            try await cinema.cache.reload()
            let zoned = await cinema.get("/times", ["Prefer": "timezone=Asia/Tokyo"])
            expect(zoned, 200, #"[{"at":"2026-01-01T09:00:00+09:00"}]"#)
            #expect(zoned.header("Preference-Applied") == "timezone=Asia/Tokyo")
            expect(await cinema.get("/times", ["Prefer": "timezone=Nowhere"]), 200)
            let strict = await cinema.get("/times", ["Prefer": "handling=strict, nonsense"])
            expect(strict, 400)
            #expect(strict.code == "PGRST122")
            expect(await cinema.get("/times", ["Prefer": "handling=lenient, nonsense"]), 200)
        }
    }
}
