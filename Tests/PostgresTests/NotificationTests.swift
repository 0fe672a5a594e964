import Postgres
import TestSupport
import Testing

@Suite struct `Notifications` {
    @Test func `a stream receives what is sent after it was given`() async throws {
        try await withTestDatabase { database in
            let stream = try await database.notifications(on: "alerts", "odd \" name")
            for number in 0..<100 { try await database.run("select pg_notify('alerts', \("payment \(number)"))") }
            try await database.run("select pg_notify('odd \" name', 'é')")
            var payloads: [String] = []
            for await event in stream {
                guard case .notification(let notification) = event else { continue }
                payloads.append("\(notification.channel): \(notification.payload)")
                if payloads.count == 101 { break }
            }
            #expect(payloads == (0..<100).map { "alerts: payment \($0)" } + ["odd \" name: é"])
        }
    }

    @Test func `every subscriber of a channel hears it, and only of its channels`() async throws {
        try await withTestDatabase { database in
            let first = try await database.notifications(on: "a")
            let second = try await database.notifications(on: "a", "b")
            try await database.run("select pg_notify('b', '1')")
            try await database.run("select pg_notify('a', '2')")
            #expect(await first.first { _ in true }?.payload == "2")
            var heard: [String?] = []
            for await event in second {
                heard.append(event.payload)
                if heard.count == 2 { break }
            }
            #expect(heard == ["1", "2"])
        }
    }

    @Test func `after the connection was lost the stream says so and goes on`() async throws {
        try await withTestDatabase { database in
            let stream = try await database.notifications(on: "alerts")
            var events = stream.makeAsyncIterator()
            try await database.run("select pg_notify('alerts', 'before')")
            #expect(await events.next()?.payload == "before")
            let killed = try await database.one(
                "select count(pg_terminate_backend(pid)) from pg_stat_activity where datname = current_database() and query like 'listen%'",
                as: Int.self)
            #expect(killed == 1)
            #expect(await events.next() == .mayHaveMissed)
            try await database.run("select pg_notify('alerts', 'after')")
            #expect(await events.next()?.payload == "after")
        }
    }

    @Test func `a reader that is too slow finds a mark where messages were dropped`() async throws {
        try await withTestDatabase { database in
            let stream = try await database.notifications(on: "flood")
            try await database.run("select pg_notify('flood', n::text) from generate_series(1, 30000) n")
            let other = try await database.notifications(on: "flood")
            var heard = 0
            var isMarked = false
            for await event in stream {
                if event == .mayHaveMissed {
                    isMarked = true
                    break
                }
                heard += 1
            }
            #expect(isMarked)
            #expect(heard > 1000 && heard < 30_000)
            _ = other
        }
    }

    @Test func `a stream ends when its database is closed`() async throws {
        try await withTestDatabase { database in
            let stream = try await database.notifications(on: "alerts")
            async let count = stream.reduce(0) { count, _ in count + 1 }
            await database.close()
            #expect(await count == 0)
            let error = await #expect(throws: PostgresError.self) { try await database.notifications(on: "alerts") }
            #expect(error?.kind == .closed)
        }
    }
}

extension NotificationEvent {
    var payload: String? {
        if case .notification(let notification) = self { notification.payload } else { nil }
    }
}
