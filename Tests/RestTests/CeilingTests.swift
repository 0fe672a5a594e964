import HTTPTypes
import Postgres
import Rest
import Testing
import Web

@Suite struct CeilingTests {
    // group: ceilings
    private let service = Actor(role: "service_role", claims: #"{"role":"service_role"}"#)
    private let strict = Actor(role: "strict_cinema", claims: "{}")

    @Test func `a role has its own ceiling of rows`() async throws {
        try await Cinema.run({
            $0.rowsMax = 4
            $0.rowsMaxByRole = ["anon": 2, "service_role": 0]
        }) { cinema in
            for (actor, most) in [(Cinema.user, 4), (Cinema.nobody, 2), (service, 6)] {
                let response = await cinema.get("/films?select=id", as: actor)
                let seen1 = try JSONReader.read(response.text).array?.count
                #expect(seen1 == most, "\(actor.role)")
                #expect(response.header("Content-Range") == "0-\(most - 1)/*")
            }
        }
    }

    private func withRows(_ cinema: Cinema) async throws {
        try await cinema.database.run("insert into directors select g, 'd' || g from generate_series(100, 20000) g")
        try await cinema.database.run("analyze directors")
    }

    @Test func `a read that anon can not afford is refused before it runs`() async throws {
        try await Cinema.run({
            $0.costMaxByRole = ["anon": 100]
            $0.allowsPlans = true
        }) { cinema in
            try await withRows(cinema)
            let dear = await cinema.get("/directors?name=eq.d500", as: Cinema.nobody)
            expect(dear, 400)
            #expect(dear.code == "DBR020")
            let body = try JSONReader.read(dear.text)
            #expect(body["hint"]?.string?.contains("filter") == true && body["hint"]?.string?.contains("index") == true)
            // The estimate would tell how many rows there are that the role does not see.
            #expect(!dear.text.contains { $0.isNumber && $0 != "0" && $0 != "2" && $0 != "4" })
            expect(await cinema.get("/directors?id=eq.500", as: Cinema.nobody), 200)
            expect(await cinema.get("/directors?limit=5", as: Cinema.nobody), 200)
            // The same words with a larger page are another cost.
            expect(await cinema.get("/directors?limit=20000", as: Cinema.nobody), 400)
            expect(await cinema.get("/directors?name=eq.d500"), 200)
            expect(await cinema.get("/directors?name=eq.d500&select=id", as: service), 200)
            let plan = await cinema.get(
                "/directors?name=eq.d500",
                ["Accept": "application/vnd.pgrst.plan+json; options=analyze"], as: Cinema.nobody)
            expect(plan, 400)
            // Writes and batches are measured alike.
            expect(await cinema.send(.patch, "/directors?name=eq.d500", #"{"country":"FR"}"#, as: Cinema.nobody), 400)
            let batch = #"{"requests":[{"method":"GET","path":"/directors?name=eq.d500"}]}"#
            expect(await cinema.send(.post, "/batch", batch, as: Cinema.nobody), 400)
            let cheap =
                #"{"requests":[{"method":"GET","path":"/directors?id=eq.500&select=id"},{"method":"POST","path":"/addresses","body":{"id":9}}]}"#
            expect(await cinema.send(.post, "/batch", cheap, as: Cinema.nobody), 200)
        }
    }

    @Test func `a shape is measured once, and again after the schema has changed`() async throws {
        try await Cinema.run({ $0.costMaxByRole = ["anon": 100] }) { cinema in
            expect(await cinema.get("/directors?name=eq.x", as: Cinema.nobody), 200)
            try await withRows(cinema)
            expect(await cinema.get("/directors?name=eq.y", as: Cinema.nobody), 200)
            try await cinema.cache.reload()
            expect(await cinema.get("/directors?name=eq.y", as: Cinema.nobody), 400)
            try await cinema.database.run("create index on directors (name)")
            expect(await cinema.get("/directors?name=eq.y", as: Cinema.nobody), 200)
        }
    }

    @Test func `a role's statement timeout and isolation hold although it never logs in`() async throws {
        try await Cinema.kept { cinema in
            try await cinema.database.run(
                """
                create function nap(seconds float8) returns text language plpgsql as $$ begin
                    perform pg_sleep(seconds); return current_setting('transaction_isolation'); end $$
                """)
            try await cinema.cache.reload()
            let short = await cinema.send(.post, "/rpc/nap", #"{"seconds":0.01}"#, as: strict)
            expect(short, 200, #""serializable""#)
            let long = await cinema.send(.post, "/rpc/nap", #"{"seconds":5}"#, as: strict)
            #expect(long.code == "57014", "\(long.text)")
            expect(await cinema.send(.post, "/rpc/nap", #"{"seconds":1}"#), 200, #""read committed""#)
            let batch = #"{"requests":[{"method":"POST","path":"/rpc/nap","body":{"seconds":0}}]}"#
            let inside = await cinema.send(.post, "/batch", batch, as: strict)
            #expect(inside.text.contains(#""body":"serializable""#), "\(inside.text)")
        }
    }

    @Test func `queries are bounded in length, filters, embeds and depth`() async throws {
        try await Cinema.run { cinema in
            func filters(_ count: Int) -> String {
                "/films?select=id&or=(" + (0..<count).map { "id.eq.\($0)" }.joined(separator: ",") + ")"
            }
            expect(await cinema.get(filters(500)), 200)
            let many = await cinema.get(filters(501))
            expect(many, 400)
            #expect(many.code == "DBR021")
            expect(await cinema.get("/films?title=eq." + String(repeating: "x", count: 70_000)), 400)
            let embeds = (0..<65).map { "a\($0):directors(id)" }.joined(separator: ",")
            expect(await cinema.get("/films?select=id," + embeds), 400)
            let deep = String(repeating: "or(", count: 40) + "id.eq.1" + String(repeating: ")", count: 40)
            expect(await cinema.get("/films?or=(\(deep))"), 400)
        }
    }
}
