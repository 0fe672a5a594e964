import HTTPTypes
import Postgres
import Rest
import Testing
import Web

@Suite struct IdempotencyTests {
    // group: idempotency
    private func key(_ value: String, _ more: [String: String] = [:]) -> [String: String] {
        more.merging(["Idempotency-Key": value]) { first, _ in first }
    }

    private func count(_ cinema: Cinema, _ table: String = "directors") async throws -> Int {
        try await cinema.database.one("select count(*) from \(identifier: table)", as: Int.self)
    }

    @Test func `the same key and request are answered as before, and done once`() async throws {
        try await Cinema.kept { cinema in
            let headers = key("k1", ["Prefer": "return=representation"])
            let first = await cinema.send(.post, "/directors?select=id,name", #"{"id":50,"name":"Tati"}"#, headers)
            expect(first, 201, #"[{"id":50,"name":"Tati"}]"#)
            #expect(first.header("Idempotency-Replayed") == nil)
            try await cinema.database.run("update directors set name = 'changed' where id = 50")
            let again = await cinema.send(.post, "/directors?select=id,name", #"{"id":50,"name":"Tati"}"#, headers)
            expect(again, 201, #"[{"id":50,"name":"Tati"}]"#)
            #expect(again.header("Idempotency-Replayed") == "true")
            #expect(again.header("Content-Range") == first.header("Content-Range"))
            #expect(again.header("Content-Type") == first.header("Content-Type"))
            let seen1 = try await count(cinema)
            #expect(seen1 == 5)
        }
    }

    static let others: [(HTTPRequest.Method, String, String, [String: String])] = [
        (.post, "/directors", #"{"id":51,"name":"Demy"}"#, [:]),
        (.post, "/directors?select=id", #"{"id":50,"name":"Tati"}"#, [:]),
        (.post, "/actors", #"{"id":50,"name":"Tati"}"#, [:]),
        (.put, "/directors?id=eq.50", #"{"id":50,"name":"Tati"}"#, [:]),
        (.post, "/directors", #"{"id":50,"name":"Tati"}"#, ["Prefer": "return=representation"]),
    ]

    @Test func `the same key with another request is 422 and changes nothing`() async throws {
        try await Cinema.kept { cinema in
            expect(await cinema.send(.post, "/directors", #"{"id":50,"name":"Tati"}"#, key("k1")), 201)
            for (method, target, body, headers) in Self.others {
                let response = await cinema.send(method, target, body, key("k1", headers))
                expect(response, 422)
                #expect(response.code == "DBR003", "\(target)")
            }
            let seen2 = try await count(cinema)
            #expect(seen2 == 5)
        }
    }

    @Test func `every verb that writes takes a key, and functions do`() async throws {
        try await Cinema.kept { cinema in
            for _ in 0..<2 {
                expect(await cinema.send(.patch, "/films?id=eq.1", #"{"year":1900}"#, key("p")), 204)
                expect(await cinema.send(.put, "/actors?id=eq.9", #"{"id":9,"name":"x"}"#, key("u")), 204)
                expect(await cinema.send(.delete, "/details?film_id=eq.1", "{}", key("d")), 204)
                let body = #"{"text_of":"once","seconds":0}"#
                expect(await cinema.send(.post, "/rpc/slow_note", body, key("f")), 200)
                try await cinema.database.run("update films set year = 1901 where id = 1")
            }
            let year = try await cinema.database.one("select year::bigint from films where id = 1", as: Int.self)
            #expect(year == 1901)
            let seen3 = try await count(cinema, "notes")
            #expect(seen3 == 1)
            // A read is repeated without harm: its key means nothing.
            expect(await cinema.get("/films?select=id&id=eq.1", key("k1")), 200, #"[{"id":1}]"#)
        }
    }

    @Test func `another role or subject has keys of its own`() async throws {
        try await Cinema.kept { cinema in
            let other = Actor(role: "authenticated", claims: #"{"role":"authenticated","sub":"u2"}"#, subject: "u2")
            let service = Actor(role: "service_role", claims: #"{"role":"service_role"}"#, subject: "u1")
            for (number, actor) in [Cinema.user, other, service, Cinema.nobody].enumerated() {
                let response = await cinema.send(
                    .post, "/directors", #"{"id":\#(60 + number),"name":"x"}"#, key("same"), as: actor)
                expect(response, 201)
                #expect(response.header("Idempotency-Replayed") == nil)
            }
        }
    }

    @Test func `what failed is taken back with its key, which may try again`() async throws {
        try await Cinema.kept { cinema in
            let body = #"{"id":70,"film_id":1,"name":"x"}"#
            expect(await cinema.send(.post, "/directors", body, key("k")), 400)
            let taken = await cinema.send(.post, "/directors", #"{"id":1,"name":"taken"}"#, key("k"))
            expect(taken, 409)
            expect(await cinema.send(.post, "/directors", #"{"id":71,"name":"free"}"#, key("k")), 201)
            let refused = await cinema.send(
                .patch, "/films?id=gt.0", #"{"year":1}"#, key("m", ["Prefer": "handling=strict,max-affected=2"]))
            expect(refused, 400)
            let seen4 = try await cinema.database.one("select count(*) from api.reponses", as: Int.self)
            #expect(seen4 == 1)
        }
    }

    @Test func `of twins at once one executes and the other is answered alike`() async throws {
        try await Cinema.kept { cinema in
            let body = #"{"text_of":"twin","seconds":0.3}"#
            let answers = await withTaskGroup(of: ApiResponse.self) { group in
                for _ in 0..<6 {
                    group.addTask {
                        // On a slow machine a twin gives up waiting, and is told to come again.
                        for _ in 0..<100 {
                            let answer = await cinema.send(.post, "/rpc/slow_note", body, key("t"))
                            if answer.code != "DBR004" { return answer }
                        }
                        return ApiResponse(status: .requestTimeout)
                    }
                }
                return await group.reduce(into: [ApiResponse]()) { $0.append($1) }
            }
            let seen5 = try await count(cinema, "notes")
            #expect(seen5 == 1)
            #expect(Set(answers.map(\.text)).count == 1, "\(answers.map(\.text))")
            #expect(answers.filter { $0.header("Idempotency-Replayed") == nil }.count == 1)
        }
    }

    @Test func `a twin that takes long is not waited for without end`() async throws {
        try await Cinema.kept { cinema in
            let body = #"{"text_of":"slow","seconds":4}"#
            async let first = cinema.send(.post, "/rpc/slow_note", body, key("t"))
            while try await cinema.database.one(
                "select count(*) from pg_stat_activity where datname = current_database() and wait_event = 'PgSleep'",
                as: Int.self) == 0
            {
                try await Task.sleep(for: .milliseconds(20))
            }
            let second = await cinema.send(.post, "/rpc/slow_note", body, key("t"))
            expect(second, 409)
            #expect(second.code == "DBR004" && second.header("Retry-After") != nil)
            expect(await first, 200)
            let third = await cinema.send(.post, "/rpc/slow_note", body, key("t"))
            #expect(third.header("Idempotency-Replayed") == "true")
            let seen6 = try await count(cinema, "notes")
            #expect(seen6 == 1)
        }
    }

    @Test func `row level security holds under a key as without`() async throws {
        try await Cinema.kept { cinema in
            let own = await cinema.send(
                .post, "/notes?select=owner,body", #"{"owner":"u1","body":"b"}"#,
                key("o", ["Prefer": "return=representation"]))
            expect(own, 201, #"[{"owner":"u1","body":"b"}]"#)
            expect(await cinema.send(.post, "/notes", #"{"owner":"u2","body":"b"}"#, key("x")), 403)
            let who = await cinema.send(.post, "/rpc/who", "{}", key("w"))
            expect(who, 200, #""authenticated""#)
        }
    }

    @Test func `what waits for the end of the transaction still runs as the caller`() async throws {
        try await Cinema.kept { cinema in
            try await cinema.database.withConnection { connection in
                try await connection.runScript(
                    """
                    create table late (who text);
                    grant insert on late to authenticated;
                    create function note_late() returns trigger language plpgsql as $$ begin
                        insert into late values (current_user); return null; end $$;
                    create constraint trigger late after insert on actors deferrable initially deferred
                        for each row execute function note_late();
                    alter table roles alter constraint roles_film_id_fkey deferrable initially deferred;
                    """)
            }
            expect(await cinema.send(.post, "/actors", #"{"id":40,"name":"x"}"#, key("l")), 201)
            let who = try await cinema.database.all("select who from late", as: String.self)
            #expect(who == ["authenticated"])
            let broken = await cinema.send(.post, "/roles", #"{"film_id":999,"actor_id":1}"#, key("m"))
            expect(broken, 409)
            #expect(broken.code == "23503")
            expect(await cinema.send(.post, "/roles", #"{"film_id":5,"actor_id":1}"#, key("m")), 201)
        }
    }

    @Test func `the roles of the API reach neither the kept answers nor their functions`() async throws {
        try await Cinema.kept({ $0.schemas = ["public", "api"] }) { cinema in
            expect(await cinema.send(.post, "/directors", #"{"id":50,"name":"Tati"}"#, key("k1")), 201)
            let service = Actor(role: "service_role", claims: #"{"role":"service_role"}"#)
            for actor in [Cinema.user, Cinema.nobody, service] {
                let table = await cinema.get("/reponses", ["Accept-Profile": "api"], as: actor)
                #expect([401, 403].contains(table.status.code), "\(actor.role): \(table.text)")
                let body = #"{"p_role":"authenticated","p_sujet":"u1","p_cle":"k1","p_empreinte":"\\x00"}"#
                let call = await cinema.send(
                    .post, "/rpc/reserver_cle", body, ["Content-Profile": "api"], as: actor)
                #expect([401, 403].contains(call.status.code), "\(actor.role): \(call.text)")
            }
        }
    }

    @Test func `answers are forgotten after a day`() async throws {
        try await Cinema.kept { cinema in
            expect(await cinema.send(.post, "/directors", #"{"id":50,"name":"a"}"#, key("old")), 201)
            expect(await cinema.send(.post, "/directors", #"{"id":51,"name":"b"}"#, key("new")), 201)
            try await cinema.database.run(
                "update api.reponses set faite_le = now() - interval '25 hours' where cle = 'old'")
            // Also when nobody cleaned yet: the key is free again.
            expect(await cinema.send(.post, "/directors", #"{"id":52,"name":"c"}"#, key("old")), 201)
            try await cinema.database.run("update api.reponses set faite_le = now() - interval '25 hours'")
            let seen7 = try await AnswerCleaner(database: cinema.database).clean()
            #expect(seen7 == 2)
            let seen8 = try await cinema.database.one("select count(*) from api.reponses", as: Int.self)
            #expect(seen8 == 0)
        }
    }

    @Test func `a server without the schema says that it keeps nothing`() async throws {
        try await Cinema.run { cinema in
            let response = await cinema.send(.post, "/directors", #"{"id":50,"name":"a"}"#, key("k"))
            expect(response, 501)
            #expect(response.code == "DBR001")
            let seen9 = try await RestService.canKeepAnswers(in: cinema.database)
            #expect(seen9 == false)
            let seen10 = try await count(cinema)
            #expect(seen10 == 4)
        }
        try await Cinema.kept { cinema in
            let seen11 = try await RestService.canKeepAnswers(in: cinema.database)
            #expect(seen11)
        }
    }

    @Test func `one caller can not fill the disk with answers`() async throws {
        try await Cinema.kept { cinema in
            try await cinema.database.run(
                """
                insert into api.reponses (role_demandeur, sujet, cle, empreinte, statut, champs, corps)
                select 'authenticated', 'u1', 'n' || g, sha256('x'), 200, '{}', 'x' from generate_series(1, 1000) g
                """)
            let full = await cinema.send(.post, "/directors", #"{"id":50,"name":"a"}"#, key("k"))
            expect(full, 429)
            #expect(full.code == "DBR006")
            let other = Actor(role: "authenticated", claims: #"{"role":"authenticated","sub":"u2"}"#, subject: "u2")
            expect(await cinema.send(.post, "/directors", #"{"id":51,"name":"a"}"#, key("k"), as: other), 201)
            try await cinema.database.run(
                """
                update api.reponses set sujet = 'u3', corps = decode(repeat('00', 1048576), 'hex')
                where cle in (select 'n' || g from generate_series(1, 17) g)
                """)
            let heavy = Actor(role: "authenticated", claims: #"{"role":"authenticated","sub":"u3"}"#, subject: "u3")
            expect(await cinema.send(.post, "/directors", #"{"id":52,"name":"a"}"#, key("k"), as: heavy), 429)
            let seen1 = try await count(cinema)
            #expect(seen1 == 5)
        }
    }

    @Test func `a key that is none is refused`() async throws {
        try await Cinema.kept { cinema in
            for value in ["a b", String(repeating: "x", count: 256), "é"] {
                let response = await cinema.send(.post, "/directors", #"{"id":50,"name":"a"}"#, key(value))
                expect(response, 400)
                #expect(response.code == "DBR002")
            }
        }
    }

    @Test func `a keyed write that a serialisable neighbour made fail is sent again`() async throws {
        try await Cinema.kept { cinema in
            try await cinema.database.run("create table counters (id int primary key, n int not null)")
            try await cinema.database.run("insert into counters values (1, 0)")
            try await cinema.database.run(
                """
                create function add_one() returns int language plpgsql as $$ declare v int; begin
                    select n into v from counters where id = 1; perform pg_sleep(0.02);
                    update counters set n = v + 1 where id = 1; return v + 1; end $$
                """)
            try await cinema.database.run("grant all on counters to strict_cinema")
            try await cinema.cache.reload()
            let strict = Actor(role: "strict_cinema", claims: "{}")
            let statuses = await withTaskGroup(of: Int.self) { group in
                for number in 0..<3 {
                    group.addTask {
                        await cinema.send(.post, "/rpc/add_one", "{}", key("c\(number)"), as: strict).status.code
                    }
                }
                return await group.reduce(into: [Int]()) { $0.append($1) }
            }
            #expect(statuses == [200, 200, 200])
            let seen12 = try await cinema.database.one("select n::bigint from counters", as: Int.self)
            #expect(seen12 == 3)
        }
    }
}
