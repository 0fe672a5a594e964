@testable import Auth
import HTTPTypes
import Postgres
import Testing
import Web

@Suite struct LimitTests {
    @Test func `pocketbase 6414: guessing one account's password is stopped, for those that are not there alike`()
        async throws
    {
        try await withAuth({ $0.limits.passwordByAccountAndAddress = AttemptWindow(5, per: 300) }) { auth in
            try await auth.addUser("there@bank.example")
            for email in ["there@bank.example", "nobody@bank.example"] {
                for number in 0..<7 {
                    let answer = await auth.signIn(email, password: "wrong \(number)")
                    #expect(answer.string("code") == (number < 5 ? "invalid_credentials" : "over_request_rate_limit"))
                    #expect((answer.field("Retry-After") != nil) == (number >= 5))
                }
            }
            // Not even the right one passes now; from elsewhere it does.
            #expect(await auth.signIn("there@bank.example").status == 429)
            #expect(await auth.signIn("there@bank.example", address: "198.51.100.1").status == 200)
        }
    }

    @Test func `guessing from many addresses is stopped by account, and many accounts from one address by address`()
        async throws
    {
        try await withAuth({
            $0.limits.passwordByAccount = AttemptWindow(8, per: 3600)
            $0.limits.tokenByAddress = AttemptWindow(20, per: 300)
        }) { auth in
            var codes: [String] = []
            for number in 0..<10 {
                codes.append(await auth.signIn("a@bank.example", address: "198.51.100.\(number)").string("code"))
            }
            #expect(codes.count { $0 == "over_request_rate_limit" } == 2)
            codes = []
            for number in 0..<25 { codes.append(await auth.signIn("n\(number)@bank.example").string("code")) }
            #expect(codes.count { $0 == "over_request_rate_limit" } == 5)
        }
    }

    @Test func `a right password gives the person's attempts back`() async throws {
        try await withAuth({ $0.limits.passwordByAccountAndAddress = AttemptWindow(3, per: 300) }) { auth in
            try await auth.addUser("a@bank.example")
            for _ in 0..<4 {
                #expect(await auth.signIn("a@bank.example", password: "wrong").status == 400)
                #expect(await auth.signIn("a@bank.example").status == 200)
            }
        }
    }

    @Test func `attempts are counted exactly when they come at once`() async throws {
        try await withAuth({ $0.limits.passwordByAccountAndAddress = AttemptWindow(5, per: 3600) }) { auth in
            let refused = await withTaskGroup(of: Bool.self) { group in
                for _ in 0..<30 { group.addTask { await auth.signIn("a@bank.example").status == 429 } }
                return await group.reduce(0) { $0 + ($1 ? 1 : 0) }
            }
            #expect(refused == 25)
        }
    }

    @Test func `an address gets one message a minute, whether it has an account or not`() async throws {
        try await withAuth({ $0.limits.mailPauseSeconds = 60 }) { auth in
            try await auth.addUser("there@bank.example")
            for email in ["there@bank.example", "nobody@bank.example"] {
                #expect(await auth.post("/recover", ["email": .string(email)]).status == 200)
                for path in ["/recover", "/otp"] {
                    let again = await auth.post(path, ["email": .string(email)])
                    #expect(again.status == 429)
                    #expect(again.string("code") == "over_email_send_rate_limit")
                    #expect(Int(again.field("Retry-After") ?? "") ?? 0 > 50)
                }
            }
        }
    }

    @Test func `a window slides: what was tried in the one before still counts in part`() async throws {
        try await withAuth { auth in
            let store = ServiceStore(database: auth.database)
            let window = AttemptWindow(10, per: 1000)
            for _ in 0..<10 { #expect(try await store.countAttempt("x", subject: [1], window: window) == 0) }
            #expect(try await store.countAttempt("x", subject: [1], window: window) > 0)
            #expect(try await store.countAttempt("x", subject: [2], window: window) == 0)
            // All of it moves into the window before: nearly all still counts at its beginning.
            try await auth.database.run(
                "update auth.attempts set window_start = window_start - interval '1000 seconds'")
            let elapsed = try await auth.database.one(
                "select mod(extract(epoch from clock_timestamp()), 1000)::bigint", as: Int.self)
            var room = 0
            while try await store.countAttempt("x", subject: [1], window: window) == 0 { room += 1 }
            #expect(abs(room - elapsed / 91) <= 2, "\(room) after \(elapsed) s")
        }
    }

    @Test func `nothing that limits keeps an address in clear`() async throws {
        try await withAuth { auth in
            _ = await auth.signIn("secret-person@bank.example")
            let text = try await auth.database.one(
                "select string_agg(a::text, ' ') from auth.attempts a", as: String.self)
            #expect(!text.contains("secret-person"))
            #expect(!text.contains("192.0.2.1"))
        }
    }

    @Test func `directus GHSA timing: an unknown account costs the same hash as a known one`() async throws {
        let workers = PasswordWorkers(testSettings().argon2)
        let hash = try await workers.hash("correct horse")
        #expect(try await workers.verify("correct horse", against: hash).isMatch)
        #expect(try await !workers.verify("wrong horse", against: hash).isMatch)
        let before = workers.comparisons
        #expect(try await !workers.verify("correct horse", against: nil).isMatch)
        #expect(workers.comparisons == before + 1)
        #expect(try await !workers.verify("wrong horse", against: "5f4dcc3b5aa765d61d8327deb882cf99").isMatch)
        #expect(workers.comparisons == before + 2)
    }

    @Test func `all addresses of an IPv6 network count as one, and mapped ones as what they are`() throws {
        func network(_ address: String) throws -> String {
            try Call(ApiRequest(method: .get, path: "/", remoteAddress: address), actor: nil).network
        }
        #expect(try network("2001:db8:1:2:3:4:5:6") == network("2001:db8:1:2::1"))
        #expect(try network("2001:db8:1:2::1") != network("2001:db8:1:3::1"))
        #expect(try network("::ffff:192.0.2.1") == "192.0.2.1")
        #expect(try network("192.0.2.1") == "192.0.2.1")
        #expect(try network("unix:") == "unix:")
    }

    @Test func `who guesses from elsewhere does not keep a person out of the place where she signed in`() async throws {
        try await withAuth({ $0.limits.passwordByAccount = AttemptWindow(5, per: 3600) }) { auth in
            try await auth.addUser("a@bank.example")
            #expect(await auth.signIn("a@bank.example", address: "203.0.113.9").status == 200)
            for number in 0..<8 {
                _ = await auth.signIn("a@bank.example", password: "wrong", address: "198.51.100.\(number)")
            }
            #expect(await auth.signIn("a@bank.example", address: "198.51.100.77").status == 429)
            #expect(await auth.signIn("a@bank.example", address: "203.0.113.9").status == 200)
        }
    }

    @Test func `right passwords use no attempts up, wherever they come from`() async throws {
        try await withAuth({ $0.limits.passwordByAccount = AttemptWindow(3, per: 3600) }) { auth in
            try await auth.addUser("a@bank.example")
            for number in 0..<8 {
                #expect(await auth.signIn("a@bank.example", address: "198.51.100.\(number)").status == 200)
            }
        }
    }

    @Test func `messages to addresses without an account use nothing up of what clients share`() async throws {
        try await withAuth({ $0.limits.mailsPerHour = AttemptWindow(3, per: 3600) }) { auth in
            try await auth.addUser("there@bank.example")
            for number in 0..<6 {
                #expect(await auth.post("/recover", ["email": .string("n\(number)@bank.example")]).status == 200)
            }
            #expect(await auth.post("/recover", ["email": "there@bank.example"]).status == 200)
            _ = try await auth.mailbox.newest(to: "there@bank.example")
            // What is sent counts, and then all hear the same.
            for count in 2...3 {
                #expect(await auth.post("/recover", ["email": "there@bank.example"]).status == 200)
                _ = try await auth.mailbox.newest(to: "there@bank.example", count: count)
            }
            for email in ["there@bank.example", "nobody@bank.example"] {
                #expect(await auth.post("/recover", ["email": .string(email)]).status == 429)
            }
        }
    }
}
