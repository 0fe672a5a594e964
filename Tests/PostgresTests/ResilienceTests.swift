import Foundation
import Postgres
import PostgresServer
import TestSupport
import Testing

@Suite struct `Lost connections` {
    // group: pool
    @Test func `a killed backend fails the statement under way and the next one finds a new connection`() async throws {
        try await withTestDatabase(connectionsMax: 1) { database in
            try await withTestDatabase(sameAs: database) { killer in
                for round in 0..<5 {
                    let victim = try await database.one("select pg_backend_pid()", as: Int.self)
                    async let outcome = Result { try await database.run("select pg_sleep(600), \(round)") }
                    try await expectSleeping(victim, on: killer)
                    try await killer.run("select pg_terminate_backend(\(victim)::int)")
                    let error = try await #require(outcome.failure as? PostgresError)
                    #expect(error.kind == .connectionLost)
                    #expect(error.sqlState == "57P01")
                    let next = try await database.one("select pg_backend_pid()", as: Int.self)
                    #expect(next != victim)
                }
            }
        }
    }

    @Test func `statements that were not sent yet survive the loss of the connection`() async throws {
        try await withTestDatabase(connectionsMax: 1, adjust: { $0.pipelineDepthMax = 1 }) { database in
            try await withTestDatabase(sameAs: database) { killer in
                let victim = try await database.one("select pg_backend_pid()", as: Int.self)
                async let lost = Result { try await database.run("select pg_sleep(600)") }
                try await expectSleeping(victim, on: killer)
                let numbers = try await withThrowingTaskGroup { group in
                    for number in 0..<50 {
                        group.addTask { try await database.one("select \(number)", as: Int.self) }
                    }
                    try await killer.run("select pg_terminate_backend(\(victim)::int)")
                    return try await group.reduce(into: Set()) { $0.insert($1) }
                }
                #expect(numbers == Set(0..<50))
                #expect(await lost.failure != nil)
            }
        }
    }

    @Test func `a connection killed while idle is noticed before it is used`() async throws {
        try await withTestDatabase(connectionsMax: 1) { database in
            try await withTestDatabase(sameAs: database) { killer in
                for _ in 0..<10 {
                    let victim = try await database.one("select pg_backend_pid()", as: Int.self)
                    try await killer.run("select pg_terminate_backend(\(victim)::int)")
                    // Its sockets are closed when the process is gone.
                    try await expectEventually { kill(pid_t(victim), 0) != 0 && errno == ESRCH }
                    try await expect("select 1", on: database, gives: [1])
                }
            }
        }
    }

    @Test(arguments: [true, false])
    func `a half-closed socket is a lost connection`(isServerSide: Bool) async throws {
        try await withProxiedDatabase { database, proxy in
            let session = try await database.one("select pg_backend_pid()", as: Int.self)
            async let outcome = Result { try await database.run("select pg_sleep(60)") }
            // Cut while the statement runs: before it, the pool would only have taken a new connection.
            try await withTestDatabase(connectionsMax: 1) { try await expectSleeping(session, on: $0) }
            if isServerSide { proxy.endServerToClient() } else { proxy.endClientToServer() }
            if isServerSide {
                #expect((await outcome.failure as? PostgresError)?.kind == .connectionLost)
            } else {
                // The server looks at its socket when the statement ends, so the loss shows there.
                proxy.stop()
                #expect((await outcome.failure as? PostgresError)?.kind == .connectionLost)
            }
        }
    }

    @Test func `a server that falls silent is given up after the statement's time-out`() async throws {
        try await withProxiedDatabase(adjust: {
            $0.statementTimeout = .milliseconds(500)
            $0.silenceMax = .milliseconds(500)
        }) { database, proxy in
            try await expect("select 1", on: database, gives: [1])
            proxy.become(.silent)
            let error = await #expect(throws: PostgresError.self) { try await database.run("select 2") }
            #expect(error?.kind == .connectionLost)
            proxy.become(.relaying)
            try await expect("select 3", on: database, gives: [3])
        }
    }

    @Test func `the pool comes back by itself after a server restart`() async throws {
        try await withTemporaryDirectory { path in
            var options = Cluster.Options(directory: path + "/restart")
            options.isDurable = false
            options.isRemovedWithOwner = true
            let cluster = try await Cluster.create(options)
            try await cluster.start()
            var configuration = cluster.configuration()
            configuration.limits.waitMax = .seconds(60)
            let database = Database(configuration)
            try await expect("select 1", on: database, gives: [1])
            try await cluster.stop()
            async let early = database.one("select 2", as: Int.self)
            try await Task.sleep(for: .milliseconds(300))
            try await cluster.start()
            #expect(try await early == 2)
            try await expect("select 3", on: database, gives: [3])
            await database.close()
            try await cluster.stop()
        }
    }
}

@Suite struct `Limits at their edges` {
    @Test func `a time-out longer than any clock is no time-out, whatever the number of statements`() async throws {
        let endless: (inout DatabaseConfiguration.Limits) -> Void = {
            $0.statementTimeout = .seconds(Int64.max)
            $0.silenceMax = .seconds(Int64.max)
            $0.waitMax = .seconds(Int64.max)
            $0.connectTimeout = .seconds(1_000_000_000)
            $0.reconnectPauseMin = .seconds(Int64.max)
            $0.reconnectPauseMax = .seconds(Int64.max)
        }
        try await withTestDatabase(connectionsMax: 2, adjust: endless) { database in
            let results = try await database.pipeline(Array(repeating: "select pg_sleep(0.002)", count: 100))
            #expect(results.count == 100)
        }
    }
}

@Suite struct `Refused connections` {
    @Test func `a wrong password is one clear error without the password in it`() async throws {
        let cluster = try await TestCluster.shared()
        var configuration = cluster.configuration(database: "postgres")
        configuration.password = "not-the-password-7f3a"
        let database = Database(configuration)
        let error = await #expect(throws: PostgresError.self) { try await database.run("select 1") }
        #expect(error?.kind == .connect)
        #expect(error?.message.contains("password authentication failed") == true)
        #expect(!"\(String(describing: error)) \(String(reflecting: error))".contains("7f3a"))
        #expect(!"\(configuration) \(String(reflecting: configuration))".contains("7f3a"))
        await database.close()
    }

    @Test func `a password inside the connection string is not printed either`() {
        let configuration = DatabaseConfiguration("postgresql://me:secret-7f3a@example.org/bank?sslmode=require")
        var dumped = ""
        dump(configuration, to: &dumped)
        let texts = ["\(configuration)", String(reflecting: configuration), dumped]
        for text in texts { #expect(!text.contains("7f3a")) }
        #expect("\(configuration)" == "host=example.org dbname=bank user=me sslmode=require")
    }

    @Test func `an unreadable connection string is refused without quoting it`() async throws {
        let database = Database(DatabaseConfiguration("host=localhost secret-7f3a"))
        let error = await #expect(throws: PostgresError.self) { try await database.run("select 1") }
        #expect(error?.kind == .connect)
        #expect(!String(describing: error).contains("7f3a"))
    }

    @Test func `a server that is not there is reported at once`() async throws {
        let database = Database(DatabaseConfiguration("host=/nonexistent-folder dbname=bank"))
        let error = await #expect(throws: PostgresError.self) { try await database.run("select 1") }
        #expect(error?.kind == .connect)
        await #expect(throws: PostgresError.self) {
            try await database.transaction { tx in try await tx.run("select 1") }
        }
    }

    @Test func `a server that accepts and says nothing runs into the connect time-out`() async throws {
        let cluster = try await TestCluster.shared()
        let proxy = try LoopbackProxy(to: cluster.socketDirectory + "/.s.PGSQL.5432")
        defer { proxy.stop() }
        proxy.become(.silent)
        var configuration = DatabaseConfiguration("host=127.0.0.1 port=\(proxy.port) dbname=postgres sslmode=disable")
        configuration.limits.connectTimeout = .seconds(2)
        let database = Database(configuration)
        let error = await #expect(throws: PostgresError.self) { try await database.run("select 1") }
        #expect(error?.kind == .connect)
        #expect(error?.message.contains("timeout expired") == true)
    }

    @Test func `a pool whose connections are all lent says so after the wait`() async throws {
        try await withTestDatabase(connectionsMax: 2, waitMax: .seconds(3)) { database in
            try await database.withConnection { _ in
                let error = await #expect(throws: PostgresError.self) { try await database.withConnection { _ in } }
                #expect(error?.kind == .poolExhausted)
                #expect(error?.message.contains("2 at most, 1 lent") == true)
                // One connection is kept for shared statements.
                try await expect("select 1", on: database, gives: [1])
            }
            try await database.withConnection { connection in try await expect("select 1", on: connection, gives: [1]) }
        }
    }

    @Test func `a closed database refuses work and fails what is under way`() async throws {
        try await withTestDatabase(connectionsMax: 2) { database in
            let session = try await database.one("select pg_backend_pid()", as: Int.self)
            async let sleeping = Result { try await database.run("select pg_sleep(60)") }
            // Looked at from another pool: in this one the question may stand behind the sleeper.
            try await withTestDatabase(sameAs: database) { try await expectSleeping(session, on: $0) }
            await database.close()
            #expect((await sleeping.failure as? PostgresError)?.kind == .closed)
            let error = await #expect(throws: PostgresError.self) { try await database.run("select 1") }
            #expect(error?.kind == .closed)
        }
    }
}

/// Time-outs of a millisecond: they strike in statements, between them and while flights end.
@Suite struct `Time-outs at any moment` {
    @Test func `a savepoint's own time-out never leaves a transaction hanging`() async throws {
        try await withTestDatabase(connectionsMax: 4) { database in
            try await withThrowingTaskGroup(of: (Int, Int).self) { group in
                for worker in 0..<8 {
                    group.addTask {
                        var (done, refused) = (0, 0)
                        for round in 0..<60 {
                            do {
                                let answer = try await database.transaction { tx -> Int64? in
                                    do {
                                        try await tx.savepoint { tx in
                                            try await tx.run("select set_config('statement_timeout', '1', true)")
                                            let nap = 0.0005 + Double((worker * 60 + round) % 40) / 50_000
                                            try await tx.run("select pg_sleep(\(nap))")
                                            try await tx.run("select set_config('statement_timeout', '0', true)")
                                        }
                                    } catch is PostgresError {}
                                    return try await tx.one("select 7::bigint", as: Int64.self)
                                }
                                #expect(answer == 7)
                                done += 1
                            } catch is PostgresError {
                                refused += 1
                            }
                        }
                        return (done, refused)
                    }
                }
                var (done, refused) = (0, 0)
                for try await (more, less) in group {
                    done += more
                    refused += less
                }
                #expect(done + refused == 480 && done > 0)
            }
        }
    }

    @Test func `inside a long flight never gives an answer to another's question`() async throws {
        let long = String(repeating: "é", count: 3_000)
        try await withTestDatabase(connectionsMax: 3) { database in
            try await withThrowingTaskGroup(of: Int.self) { group in
                for worker in 0..<6 {
                    group.addTask {
                        var late = 0
                        for round in 0..<40 {
                            let number = Int64(worker * 1_000 + round)
                            do {
                                try await database.transaction { tx in
                                    try await tx.run("select set_config('statement_timeout', '1', true)")
                                    let nap = Double((worker * 40 + round) % 40) / 40_000
                                    let parts: [Statement] = (0..<12).map { "select length(\(long)), \($0)::int" }
                                    try await tx.pipeline(["select pg_sleep(\(nap))"] + parts)
                                }
                            } catch let error as PostgresError {
                                late += 1
                                #expect(
                                    [.statementTimeout, .connectionLost].contains(error.kind)
                                        || error.sqlState == "57014", "\(error)")
                            }
                            let answer = try await database.one("select \(number)::bigint", as: Int64.self)
                            #expect(answer == number)
                        }
                        return late
                    }
                }
                var late = 0
                for try await more in group { late += more }
                #expect(late > 0)
            }
        }
    }
}
