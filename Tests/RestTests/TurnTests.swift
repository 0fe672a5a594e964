import HTTPTypes
import Postgres
import Rest
import Testing
import Web

/// One person's requests do not take the database from the others.
@Suite struct TurnTests {
    @Test func `of one person's requests so many are worked on, so many wait, and the rest are refused at once`()
        async throws
    {
        try await Cinema.run {
            $0.requestsBySubjectMax = 2
            $0.waitingBySubjectMax = 3
        } _: { cinema in
            try await cinema.database.run(
                """
                create function hold() returns int language plpgsql volatile as $$ begin
                    perform pg_advisory_xact_lock_shared(77);
                    return 1;
                end $$
                """)
            try await cinema.cache.reload()
            let answers = try await cinema.database.withConnection { holder in
                try await holder.run("select pg_advisory_lock(77)")
                return try await withThrowingTaskGroup(of: Int.self) { group in
                    for _ in 0..<8 {
                        group.addTask { await cinema.send(.post, "/rpc/hold", "{}").status.code }
                    }
                    // Those that find no place in line are told at once.
                    var codes: [Int] = []
                    for _ in 0..<3 { codes.append(try await group.next() ?? 0) }
                    #expect(codes == [429, 429, 429])
                    try await holder.run("select pg_advisory_unlock(77)")
                    return try await group.reduce(into: codes) { $0.append($1) }
                }
            }
            #expect(answers.count { $0 == 200 } == 5)
            let after = await cinema.send(.post, "/rpc/hold", "{}")
            #expect(after.status.code == 200)
        }
    }

    @Test func `who is refused is told when to come again, and who gave up leaves the line`() async throws {
        try await Cinema.run {
            $0.requestsBySubjectMax = 1
            $0.waitingBySubjectMax = 1
        } _: { cinema in
            try await cinema.database.run(
                """
                create function hold() returns int language plpgsql volatile as $$ begin
                    perform pg_advisory_xact_lock_shared(78);
                    return 1;
                end $$
                """)
            try await cinema.cache.reload()
            try await cinema.database.withConnection { holder in
                try await holder.run("select pg_advisory_lock(78)")
                await withTaskGroup(of: ApiResponse.self) { group in
                    for _ in 0..<3 { group.addTask { await cinema.send(.post, "/rpc/hold", "{}") } }
                    let refused = await group.next()
                    #expect(refused?.header("Retry-After") == "1" && refused?.code == "DBR013")
                    group.cancelAll()
                }
                try await holder.run("select pg_advisory_unlock(78)")
            }
            #expect(await cinema.send(.post, "/rpc/hold", "{}").status.code == 200)
        }
    }

    @Test func `templates hold so many bytes at most, whatever is asked`() async throws {
        try await Cinema.run { cinema in
            for number in 0..<4 {
                let long =
                    "/films?select=id&title=neq.\(number)&or=("
                    + (0..<900).map { "id.eq.\($0)" }.joined(separator: ",") + ")"
                for _ in 0..<3 { _ = await cinema.send(.get, long) }
            }
            #expect(cinema.service.templateCount == 0, "a long request goes the long way")
            for _ in 0..<3 { _ = await cinema.send(.get, "/films?select=id&id=eq.1") }
            #expect(cinema.service.templateCount == 1)
        }
    }
}
