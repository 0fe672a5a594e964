import Cryptography
import HTTPTypes
import Postgres
import Rest
import Testing
import Tokens
import Web

/// Faults that other systems had, each named by its advisory: the test would fail if we had it too.
@Suite struct AdvisoryTests {
    // group: advisories
    private let service = Actor(role: "service_role", claims: #"{"role":"service_role"}"#)
    private let other = Actor(role: "authenticated", claims: #"{"role":"authenticated","sub":"u2"}"#, subject: "u2")

    /// Words that end a quoted name, a literal or a statement, and leave a mark when they run.
    private static let payloads = [
        #"id";update secrets set word='run';--"#, "id;update secrets set word='run'--",
        "id'); update secrets set word='run'; --", "id) from films; update secrets set word = 'run'; select (1",
        "(select word from secrets)", "id,(select word from secrets limit 1)", #"id" from secrets--"#,
        "id/**/union/**/select/**/word/**/from/**/secrets", "$1", "{{.word}}", "id\u{0}", "pg_sleep(9)",
    ]
    private static let places: [(HTTPRequest.Method, String, String)] = [
        (.get, "/films?select=%@", ""), (.get, "/films?select=x:%@", ""), (.get, "/films?select=id::%@", ""),
        (.get, "/films?select=directors!%@(id)", ""), (.get, "/films?select=%@(id)", ""),
        (.get, "/films?select=meta->>%@", ""), (.get, "/films?%@=eq.1", ""), (.get, "/films?id=%@", ""),
        (.get, "/films?id=eq.%@", ""), (.get, "/films?id=in.(%@)", ""), (.get, "/films?or=(%@.eq.1)", ""),
        (.get, "/films?title=fts(%@).x", ""), (.get, "/films?order=%@", ""), (.get, "/films?order=id.%@", ""),
        (.get, "/films?limit=%@", ""), (.get, "/films?select=count(),%@&having=%@", ""), (.get, "/%@", ""),
        (.post, "/rpc/%@", "{}"), (.post, "/films?columns=%@", "{}"), (.post, "/films?on_conflict=%@", #"{"id":1}"#),
        (.patch, "/films?id=eq.0&%@=is.null", #"{"year":1}"#), (.delete, "/films?id=eq.0&title=%@", ""),
    ]

    @Test func `GHSA-p46v-f2x8-qp98 and its kin: identifiers are never pasted into SQL`() async throws {
        try await Cinema.run({ $0.allowsAggregates = true }) { cinema in
            let plain = Actor(role: "authenticated", claims: "{}")
            try await cinema.database.run("revoke select on secrets from authenticated")
            for payload in Self.payloads {
                let encoded = PercentEncoding.encode(payload)
                for (method, place, body) in Self.places {
                    let target = place.replacing("%@", with: encoded)
                    let headers = method == .post ? ["Prefer": "resolution=merge-duplicates"] : [:]
                    let response = await cinema.send(method, target, body, headers, as: plain)
                    #expect(response.status.code < 500, "\(target): \(response.text)")
                    #expect(!response.text.contains("sésame"), "\(target)")
                }
                let member = JSON.object([.init(payload, 1)]).text
                expect(await cinema.send(.post, "/films", member, as: plain), 400)
                for header in ["Accept-Profile", "Prefer", "Range"] where !payload.contains("\u{0}") {
                    let value = header == "Prefer" ? "timezone=\(payload)" : payload
                    let response = await cinema.get("/films?select=id&limit=1", [header: value], as: plain)
                    #expect(response.status.code < 500, "\(header): \(payload): \(response.text)")
                }
            }
            let word = try await cinema.database.one("select word from secrets", as: String.self)
            #expect(word == "sésame")
        }
    }

    @Test func `GHSA-fj7v-859r-2fm4: no key signs nothing and lets nobody in`() throws {
        #expect(TokenKey(secret: []) == nil)
        #expect(TokenKey(secret: Array(repeating: 0, count: 31)) == nil)
        let header = Base64URL.encode(Array(#"{"alg":"HS256"}"#.utf8))
        let payload = Base64URL.encode(Array(#"{"role":"service_role","exp":4000000000}"#.utf8))
        let signed = Array("\(header).\(payload)".utf8)
        let forged = "\(header).\(payload)." + Base64URL.encode(HMACSHA256.code(signed, key: []))
        let none = Base64URL.encode(Array(#"{"alg":"none"}"#.utf8)) + ".\(payload)."
        let verifier = TokenVerifier(keys: KeySet([]), audience: nil, clock: { 1_900_000_000 })
        for token in [forged, none] { #expect(throws: TokenError.self) { try verifier.verify(token) } }
    }

    @Test func `CVE-2022-46792: a bulk change touches only rows that the caller may change`() async throws {
        try await Cinema.run { cinema in
            try await cinema.database.run(
                "insert into notes (id, owner, body) values (1, 'u1', 'mine'), (2, 'u2', 'theirs')")
            expect(await cinema.send(.patch, "/notes", #"{"body":"x"}"#), 204)
            expect(await cinema.send(.patch, "/notes?or=(id.eq.1,id.eq.2)", #"{"body":"x"}"#), 204)
            let bulk = #"[{"id":1,"owner":"u1","body":"y"},{"id":2,"owner":"u1","body":"y"}]"#
            let upsert = await cinema.send(.post, "/notes", bulk, ["Prefer": "resolution=merge-duplicates"])
            expect(upsert, 403)
            expect(await cinema.send(.put, "/notes?id=eq.2", #"{"id":2,"owner":"u1","body":"y"}"#), 403)
            let batch = """
                {"requests":[{"method":"PATCH","path":"/notes?id=in.(1,2)","body":{"body":"z"}},
                             {"method":"DELETE","path":"/notes?id=gt.1"}]}
                """
            expect(await cinema.send(.post, "/batch", batch), 200)
            expect(await cinema.get("/notes?select=id,body", as: other), 200, #"[{"id":2,"body":"theirs"}]"#)
            expect(await cinema.get("/notes?select=id,body"), 200, #"[{"id":1,"body":"z"}]"#)
        }
    }

    @Test func `CVE-2026-54698: a filter on a computed column sees what its caller sees`() async throws {
        try await Cinema.run { cinema in
            try await cinema.database.run("insert into notes (owner, body) values ('u2', 'hidden')")
            try await cinema.database.run(
                """
                create function noted(directors) returns boolean language sql stable
                    as $$ select exists (select from notes where body = 'hidden' and $1.id > 0) $$
                """)
            try await cinema.cache.reload()
            expect(await cinema.get("/directors?select=id&noted=is.true"), 200, "[]")
            expect(await cinema.get("/directors?select=id&or=(noted.is.true,id.eq.0)"), 200, "[]")
            expect(await cinema.get("/directors?select=noted&id=eq.1"), 200, #"[{"noted":false}]"#)
            expect(await cinema.get("/directors?select=id&noted=is.true&id=eq.1", as: other), 200, #"[{"id":1}]"#)
        }
    }

    /// Directors whose country nobody but the service reads.
    private func withHiddenColumn(_ cinema: Cinema) async throws {
        try await cinema.database.run("revoke select on directors from authenticated")
        try await cinema.database.run("grant select (id, name) on directors to authenticated")
        expect(await cinema.get("/directors?select=id,name&id=eq.1"), 200)
    }

    static let oracles = [
        "/directors?select=id&country=eq.FR", "/directors?select=id&country=like.F*",
        "/directors?select=id&country=is.null",
        "/directors?select=id&or=(country.eq.FR,id.eq.9)", "/directors?select=id&not.and=(country.eq.FR,id.eq.1)",
        "/directors?select=id&order=country", "/films?select=id,directors!inner(id)&directors.country=eq.FR",
        "/films?select=id,directors(id)&order=directors(country)", "/directors?select=id&country->>x=eq.1",
        "/directors?select=id&country=fts.FR", "/directors?select=id&country=in.(FR,JP)",
    ]

    @Test func `CVE-2025-64748: a hidden column can be neither filtered nor ordered by`() async throws {
        try await Cinema.run { cinema in
            try await withHiddenColumn(cinema)
            for target in Self.oracles {
                let response = await cinema.get(target)
                expect(response, 403)
                #expect(response.code == "42501", "\(target): \(response.text)")
                let counted = await cinema.send(.head, target, "", ["Prefer": "count=exact"])
                #expect(counted.status.code == 403 && counted.header("Content-Range") == nil, "\(target)")
            }
            expect(await cinema.send(.patch, "/directors?country=eq.FR", #"{"name":"x"}"#), 403)
            expect(await cinema.send(.delete, "/directors?country=eq.FR"), 403)
        }
    }

    static let renamings = [
        "/directors?select=x:country", "/directors?select=name:country", "/directors?select=country::text",
        "/directors?select=*", "/films?select=d:directors(x:country)", "/films?select=...directors(x:country)",
        "/directors?select=country->>0", "/directors?select=n:country.max()", "/films?select=directors(*)",
    ]

    @Test func `CVE-2024-34708: another name does not uncover a hidden column`() async throws {
        try await Cinema.run({ $0.allowsAggregates = true }) { cinema in
            try await withHiddenColumn(cinema)
            for target in Self.renamings { expect(await cinema.get(target), 403) }
            let written = await cinema.send(
                .patch, "/directors?id=eq.1&select=x:country", #"{"name":"x"}"#, ["Prefer": "return=representation"])
            expect(written, 403)
        }
    }

    static let leaks: [(HTTPRequest.Method, String, String)] = [
        (.post, "/directors", #"{"id":1,"name":"secret-word"}"#),
        (.post, "/notes", #"{"owner":"u1","body":"secret-word","n":100}"#),
        (.patch, "/notes?owner=eq.u1", #"{"n":100}"#), (.patch, "/notes?owner=eq.u1", #"{"owner":null}"#),
        (.post, "/films", #"{"title":"secret-word","director_id":99}"#),
        (.post, "/films", #"{"title":null,"meta":{"a":"secret-word"}}"#),
        (.delete, "/directors?id=eq.1", ""), (.post, "/notes", #"{"owner":"u2","body":"secret-word"}"#),
    ]

    @Test func `PostgREST 541: an error does not tell the row that failed`() async throws {
        try await Cinema.run { cinema in
            try await cinema.database.run("insert into notes (owner, body) values ('u1', 'secret-word')")
            for (method, target, body) in Self.leaks {
                for actor in [Cinema.user, Cinema.nobody] {
                    let response = await cinema.send(method, target, body, as: actor)
                    guard response.status.code >= 400 else { continue }
                    #expect(!response.text.contains("secret-word"), "\(target): \(response.text)")
                    #expect((try JSONReader.read(response.text))["details"] == .null, "\(target)")
                }
                let batch =
                    #"{"requests":[{"method":"\#(method.rawValue)","path":"\#(target)","body":\#(body.isEmpty ? "{}" : body)}]}"#
                let inside = await cinema.send(.post, "/batch", batch)
                #expect(inside.status.code >= 400 && !inside.text.contains("secret-word"), "\(inside.text)")
            }
            // Whom the bank trusts may see it.
            let told = await cinema.send(.post, "/directors", #"{"id":1,"name":"x"}"#, as: service)
            #expect(told.text.contains("(id)=(1)"))
        }
    }

    @Test func `CVE-2025-48757: a table without row level security is not there`() async throws {
        try await Cinema.run({ $0.servesUnguarded = false }) { cinema in
            for actor in [Cinema.user, Cinema.nobody, service] {
                for name in ["films", "secrets", "directors", "leaky"] {
                    expect(await cinema.get("/\(name)", as: actor), 404)
                    expect(await cinema.send(.post, "/\(name)", "{}", as: actor), 404)
                    expect(await cinema.send(.patch, "/\(name)?id=eq.1", #"{"id":1}"#, as: actor), 404)
                    expect(await cinema.send(.delete, "/\(name)?id=eq.1", as: actor), 404)
                }
                expect(await cinema.get("/recent?select=id,directors(name)", as: actor), 404)
                let listed = await cinema.get("/", as: actor)
                #expect(!listed.text.contains("secrets") && !listed.text.contains("leaky"))
            }
        }
    }

    @Test func `GHSA-6q22-g298-grjh: aliases do not multiply the work without end`() async throws {
        try await Cinema.run { cinema in
            let wide = (0..<65).map { "a\($0):directors(name)" }.joined(separator: ",")
            expect(await cinema.get("/films?select=\(wide)"), 400)
            let deep = String(repeating: "directors(films(", count: 40) + "id" + String(repeating: "))", count: 40)
            expect(await cinema.get("/films?select=\(deep)"), 400)
            let items = (0..<1001).map { "c\($0):id" }.joined(separator: ",")
            expect(await cinema.get("/films?select=\(items)"), 400)
            let requests = (0..<51).map { _ in #"{"method":"GET","path":"/films"}"# }.joined(separator: ",")
            expect(await cinema.send(.post, "/batch", #"{"requests":[\#(requests)]}"#), 400)
            expect(
                await cinema.get(
                    "/films?select=" + (0..<60).map { "a\($0):directors(name)" }.joined(separator: ",") + "&limit=1"),
                200)
        }
    }

    // group: advisories
    @Test func `a junction without row level security tells no pairs`() async throws {
        try await Cinema.run {
            $0.servesUnguarded = false
            $0.unguardedServed = ["films", "actors"]
        } _: { cinema in
            expect(await cinema.get("/films?select=id&id=eq.1"), 200, #"[{"id":1}]"#)
            expect(await cinema.send(.get, "/roles"), 404)
            expect(await cinema.send(.get, "/films?select=id,actors(name)"), 404)
            expect(await cinema.send(.get, "/actors?select=name,films!inner()"), 404)
        }
    }
}
