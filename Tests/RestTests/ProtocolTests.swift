import HTTPTypes
import Postgres
import Rest
import Testing
import Web

@Suite struct ProtocolTests {
    // group: counts
    @Test func `counts and ranges tell which part of all it is`() async throws {
        try await Cinema.run({ $0.rowsMax = 4 }) { cinema in
            let page = await cinema.get("/films?select=id&order=id&limit=2", ["Prefer": "count=exact"])
            expect(page, 206)
            #expect(page.header("Content-Range") == "0-1/6")
            let ranged = await cinema.get("/films?select=id&order=id", ["Range": "2-3", "Range-Unit": "items"])
            expect(ranged, 200, #"[{"id":3},{"id":4}]"#)
            #expect(ranged.header("Content-Range") == "2-3/*")
            let all = await cinema.get("/films?select=id", ["Prefer": "count=exact"])
            #expect(all.header("Content-Range") == "0-3/6")
            let beyond = await cinema.get("/films?offset=9", ["Prefer": "count=exact"])
            expect(beyond, 416)
            #expect(beyond.code == "PGRST103")
            #expect(await cinema.get("/films?id=eq.0", ["Prefer": "count=exact"]).header("Content-Range") == "*/0")
            let planned = await cinema.get("/films?select=id", ["Prefer": "count=planned"])
            #expect(planned.header("Content-Range")?.hasPrefix("0-3/") == true)
            let head = await cinema.send(.head, "/films?select=id", "", ["Prefer": "count=exact"])
            #expect(head.body.isEmpty && head.header("Content-Range")?.hasSuffix("/6") == true)
        }
    }

    // group: media
    @Test func `an answer comes in the type that is accepted`() async throws {
        try await Cinema.run({ $0.allowsPlans = true }) { cinema in
            let single = await cinema.get(
                "/films?select=id,year&id=eq.6", ["Accept": "application/vnd.pgrst.object+json"])
            expect(single, 200, #"{"id":6,"year":null}"#)
            let none = await cinema.get("/films?id=eq.0", ["Accept": "application/vnd.pgrst.object+json"])
            expect(none, 406)
            #expect(none.code == "PGRST116")
            let stripped = await cinema.get(
                "/films?select=id,year&id=eq.6", ["Accept": "application/vnd.pgrst.array+json;nulls=stripped"])
            expect(stripped, 200, #"[{"id":6}]"#)
            let csv = await cinema.get("/films?select=id,title&id=in.(4,6)&order=id", ["Accept": "text/csv"])
            #expect(csv.text == "id,title\n4,Ran\n6,\"Orphan, the \"\"film\"\"\"")
            let plan = await cinema.get(
                "/films?select=id", ["Accept": "application/vnd.pgrst.plan+json; options=analyze|verbose"])
            #expect(plan.text.contains("Actual Rows"))
            expect(await cinema.get("/films", ["Accept": "image/png"]), 406)
            expect(await cinema.get("/films?select=id&limit=1", ["Accept": "image/png;q=0.9, */*;q=0.1"]), 200)
            expect(await cinema.get("/rpc/who", ["Accept": "text/plain"]), 200, "authenticated")
        }
    }

    // group: guards
    @Test func `relations without row level security are not served unless they are named`() async throws {
        try await Cinema.run({
            $0.servesUnguarded = false; $0.unguardedServed = ["films"]
        }) { cinema in
            expect(await cinema.get("/films?select=id&id=eq.1"), 200)
            expect(await cinema.get("/notes"), 200)
            expect(await cinema.get("/recent?select=id"), 200)
            for name in ["secrets", "leaky", "directors"] {
                let response = await cinema.get("/" + name)
                expect(response, 404)
                #expect(response.code == "PGRST205")
            }
            // Nor through an embed.
            expect(await cinema.get("/films?select=id,directors(name)"), 404)
        }
    }

    // group: errors
    @Test func `what a role may not read is 401 for nobody and 403 for somebody`() async throws {
        try await Cinema.run { cinema in
            expect(await cinema.get("/secrets", as: Cinema.nobody), 401)
            expect(await cinema.get("/films?select=id&limit=1", as: Cinema.nobody), 200)
            try await cinema.database.run("revoke select on films from authenticated")
            expect(await cinema.get("/films"), 403)
        }
    }

    // group: malformed
    static let malformed = [
        "/films?select=id,", "/films?select=(", "/films?select=id(", "/films?id=1", "/films?id=eq", "/films?id=zz.1",
        "/films?order=id.up", "/films?order=id.asc.desc", "/films?limit=x", "/films?limit=-1", "/films?or=id.eq.1",
        "/films?or=(id.eq.1", "/films?id=in.1", "/films?id=is.nope", "/films?select=id%", "/films?select=id::",
        "/films?select=id::nope", "/films?select=nope", "/films?nope=eq.1", "/films?order=nope",
        "/films?directors.name=eq.x", "/films?select=id,actors(nope)", "/films?select=id,shops(id)",
        "/films?select=id,directors(id)&directors=eq.1", "/directors?select=id,films(id)&order=films(id)",
        "/films?select=id::text)from%20secrets--", "/films?id=eq(none).{1}", "/films?select=id.sum(",
    ]

    @Test func `a malformed request is refused and changes nothing`() async throws {
        try await Cinema.run { cinema in
            for target in Self.malformed {
                let response = await cinema.get(target)
                #expect(response.status.code == 400, "\(target): \(response.status.code) \(response.text)")
                #expect(response.code != nil, "\(target): \(response.text)")
            }
        }
    }

    @Test func `a name with a quote stays a name`() async throws {
        try await Cinema.run { cinema in
            for target in [
                #"/films?select="id\""#, #"/films?select=id,"x\";drop table secrets;--""#,
                #"/films?"id\" = 1 or 1=1 --"=eq.1"#,
                "/films?select=meta->>'||(select word from secrets)||'&id=eq.1",
                "/films?select=id&meta->>a'b=eq.1", "/films?title=eq.'; drop table secrets; --&select=id",
            ] {
                let encoded = target.replacing(" ", with: "%20").replacing(";", with: "%3B")
                let response = await cinema.get(encoded)
                #expect(response.status.code < 500, "\(target): \(response.text)")
                #expect(!response.text.contains("sésame"))
            }
            let count = try await cinema.database.one("select count(*) from secrets", as: Int.self)
            #expect(count == 1)
        }
    }

    // group: schema cache
    @Test func `a reload brings new tables while the old snapshot serves`() async throws {
        try await Cinema.run { cinema in
            try await cinema.database.run("create table fresh (id int primary key)")
            try await cinema.database.run("grant select on fresh to authenticated")
            expect(await cinema.get("/fresh"), 404)
            try await cinema.cache.reload()
            expect(await cinema.get("/fresh"), 200, "[]")
            // A changed column under the same statement.
            expect(await cinema.get("/films?select=rating&id=eq.1"), 200, #"[{"rating":8.1}]"#)
            try await cinema.database.run("alter table films alter column rating type text using rating || 'x'")
            try await cinema.cache.reload()
            expect(await cinema.get("/films?select=rating&id=eq.1"), 200, #"[{"rating":"8.1x"}]"#)
        }
    }

    // group: openapi
    @Test func `the description names what is there`() async throws {
        try await Cinema.run { cinema in
            let response = await cinema.get("/")
            expect(response, 200)
            let document = try JSONReader.read(response.text)
            #expect(document["definitions"]?["films"]?["properties"]?["title"]?["type"]?.string == "string")
            #expect(document["paths"]?["/rpc/add_them"] != nil)
            let other = try JSONReader.read(await cinema.get("/", as: Cinema.nobody).text)
            #expect(other["definitions"]?["films"] != nil && other["definitions"]?["secrets"] == nil)
        }
    }

    // group: fuzz
    @Test func `random query strings never trap and never reach another table`() async throws {
        let seed = UInt64.random(in: .min ... .max)
        try await Cinema.run { cinema in
            var random = Seeded(state: seed)
            let words = [
                "select", "=", "&", "id", "films", "directors", "(", ")", ",", ".", "eq", "not", "or", "and", "in",
                "->",
                "->>", "::", "*", "\"", "\\", "{", "}", "order", "limit", "9223372036854775807", "is", "null", "!inner",
                "...", "any", "fts", "%", "%00", "%ff", "é", "'", "--", ";", " ", "count()", "-1", "offset", "meta",
            ]
            for round in 0..<400 {
                let query = (0..<Int.random(in: 1...14, using: &random)).map { _ in
                    words[Int.random(in: 0..<words.count, using: &random)]
                }.joined()
                let response = await cinema.get("/films?" + query)
                #expect(response.status.code < 500, "seed \(seed), round \(round): \(query): \(response.text)")
                #expect(!response.text.contains("sésame"))
            }
        }
    }
}

/// SplitMix64.
struct Seeded: RandomNumberGenerator {
    var state: UInt64
    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}
