import Auth
import HTTPTypes
import Postgres
import Testing
import Tokens
import Web

@Suite struct SessionTests {
    @Test func `refreshing gives new tokens, and the same successor while the answer may have been lost`() async throws
    {
        try await withAuth { auth in
            try await auth.addUser("a@bank.example")
            let first = await auth.signIn("a@bank.example")
            let old = first.string("refresh_token")
            let second = await auth.refresh(old)
            #expect(second.status == 200)
            let next = second.string("refresh_token")
            #expect(next != old)
            // auth-js 213: a second window with the old token is not logged out.
            let again = await auth.refresh(old)
            #expect(again.string("refresh_token") == next)
            #expect(await auth.get("/user", token: again.string("access_token")).status == 200)
            #expect(
                try claims(of: first.string("access_token"))["session_id"]
                    == claims(of: second.string("access_token"))["session_id"])
        }
    }

    @Test func `a refresh token that was used before ends the session with all its tokens, at once`() async throws {
        try await withAuth { auth in
            try await auth.addUser("a@bank.example")
            let stolen = await auth.signIn("a@bank.example").string("refresh_token")
            let other = await auth.signIn("a@bank.example")
            let second = await auth.refresh(stolen)
            let third = await auth.refresh(second.string("refresh_token"))
            #expect(third.status == 200)
            let reused = await auth.refresh(stolen)
            #expect(reused.status == 400)
            #expect(reused.string("code") == "refresh_token_already_used")
            #expect(reused.string("message") == "Invalid Refresh Token: Already Used")
            // Not even the newest is worth anything now, nor the access token that has an hour to go.
            #expect(await auth.refresh(third.string("refresh_token")).string("code") == "refresh_token_not_found")
            #expect(await auth.get("/user", token: third.string("access_token")).status == 401)
            // The person's other session goes on.
            #expect(await auth.get("/user", token: other.string("access_token")).status == 200)
        }
    }

    @Test func `without an interval for lost answers the last token but one ends the session too`() async throws {
        try await withAuth({ $0.refreshReuseSeconds = 0 }) { auth in
            try await auth.addUser("a@bank.example")
            let old = await auth.signIn("a@bank.example").string("refresh_token")
            #expect(await auth.refresh(old).status == 200)
            #expect(await auth.refresh(old).string("code") == "refresh_token_already_used")
        }
    }

    @Test func `twenty refreshes with one token at once give one successor`() async throws {
        try await withAuth({ $0.refreshReuseSeconds = 600 }) { auth in
            try await auth.addUser("a@bank.example")
            let old = await auth.signIn("a@bank.example").string("refresh_token")
            let successors = try await withThrowingTaskGroup(of: String.self) { group in
                for _ in 0..<20 {
                    group.addTask {
                        var answer = await auth.refresh(old)
                        // A busy machine may have no connection left in time: clients ask again.
                        while answer.status == 503 { answer = await auth.refresh(old) }
                        #expect(answer.status == 200, "\(answer.text)")
                        return answer.string("refresh_token")
                    }
                }
                return try await group.reduce(into: Set<String>()) { $0.insert($1) }
            }
            #expect(successors.count == 1)
            #expect(await auth.refresh(successors.first ?? "").status == 200)
        }
    }

    @Test func `refresh tokens that nobody made are not found`() async throws {
        try await withAuth { auth in
            try await auth.addUser("a@bank.example")
            let good = await auth.signIn("a@bank.example").string("refresh_token")
            var changed = Array(good.utf8)
            changed[30] = changed[30] == 65 ? 66 : 65
            for token in [
                String(decoding: changed, as: UTF8.self), "x", String(repeating: "A", count: 64), good + "A", "é",
            ] {
                #expect(await auth.refresh(token).string("code") == "refresh_token_not_found", "\(token)")
            }
            #expect(await auth.post("/token?grant_type=refresh_token").string("code") == "validation_failed")
        }
    }

    @Test func `logging out ends what its scope says, in every server at once (supabase auth PR 2642)`() async throws {
        try await withAuth { auth in
            try await auth.addUser("a@bank.example")
            var sessions: [Answer] = []
            for _ in 0..<4 { sessions.append(await auth.signIn("a@bank.example")) }
            let tokens = sessions.map { $0.string("access_token") }
            // Another server over the same database.
            let other = try AuthService(
                database: auth.database, settings: testSettings(), keys: try #require(AuthKeys(secret: testSecret)),
                mail: auth.mailbox, clock: { auth.clock.now })
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { try await other.run() }
                #expect(await auth.post("/logout?scope=others", token: tokens[0]).status == 204)
                #expect(await auth.get("/user", token: tokens[0]).status == 200)
                for token in tokens[1...] { #expect(await auth.get("/user", token: token).status == 401) }
                #expect(await auth.post("/logout?scope=local", token: tokens[0]).status == 204)
                #expect(await auth.get("/user", token: tokens[0]).status == 401)
                #expect(await auth.refresh(sessions[0].string("refresh_token")).status == 400)
                let ids = try tokens.map { try claims(of: $0)["session_id"]?.string ?? "" }
                for _ in 0..<300 where !ids.allSatisfy(other.sessions.isRevoked) {
                    try await Task.sleep(for: .milliseconds(10))
                }
                #expect(ids.allSatisfy(other.sessions.isRevoked))
                group.cancelAll()
            }
            // A server that starts later reads them.
            let late = try AuthService(
                database: auth.database, settings: testSettings(), keys: try #require(AuthKeys(secret: testSecret)),
                mail: auth.mailbox, clock: { auth.clock.now })
            try await late.prepare()
            #expect(late.sessions.count == 4)
            #expect(await auth.post("/logout?scope=sideways", token: tokens[0]).status >= 400)
        }
    }

    @Test func `Directus GHSA-56p6-qw3c-fq2g: a ban, a new password and the end of an account end sessions`()
        async throws
    {
        try await withAuth { auth in
            let service = try auth.serviceToken
            for (number, change) in [["ban_duration": "24h"], ["password": "another horse"]].enumerated()
                as EnumeratedSequence<[JSON]>
            {
                let email = "a\(number)@bank.example"
                let id = try await auth.addUser(email)
                let session = await auth.signIn(email)
                #expect(await auth.call(.put, "/admin/users/\(id)", change, token: service).status == 200)
                #expect(await auth.get("/user", token: session.string("access_token")).status == 401)
                #expect(await auth.refresh(session.string("refresh_token")).status == 400)
            }
            let banned = await auth.signIn("a0@bank.example")
            #expect(banned.string("code") == "user_banned")
            for isSoft in [false, true] {
                let email = "soft-\(isSoft)@bank.example"
                let id = try await auth.addUser(email)
                let token = await auth.signIn(email).string("access_token")
                let gone = await auth.call(
                    .delete, "/admin/users/\(id)", ["should_soft_delete": .bool(isSoft)], token: service)
                #expect(gone.status == 200)
                #expect(await auth.get("/user", token: token).status == 401)
                #expect(await auth.signIn(email).string("code") == "invalid_credentials")
                // The address is free again.
                try await auth.addUser(email)
            }
        }
    }

    @Test func `one's own new password ends the other sessions, and the old one works no more`() async throws {
        try await withAuth { auth in
            try await auth.addUser("a@bank.example")
            let mine = await auth.signIn("a@bank.example").string("access_token")
            let other = await auth.signIn("a@bank.example").string("access_token")
            let same = await auth.call(.put, "/user", ["password": "correct horse"], token: mine)
            #expect(same.status == 422)
            #expect(same.string("code") == "same_password")
            let wrong = await auth.call(
                .put, "/user", ["password": "another horse", "current_password": "no"], token: mine)
            #expect(wrong.string("code") == "invalid_credentials")
            let done = await auth.call(
                .put, "/user", ["password": "another horse", "data": ["colour": "red", "old": .null]], token: mine)
            #expect(done.status == 200)
            #expect(done["user_metadata"]?["colour"]?.string == "red")
            #expect(await auth.get("/user", token: mine).status == 200)
            #expect(await auth.get("/user", token: other).status == 401)
            #expect(await auth.signIn("a@bank.example").status == 400)
            #expect(await auth.signIn("a@bank.example", password: "another horse").status == 200)
            let notice = try await auth.mailbox.newest(to: "a@bank.example")
            #expect(notice.subject.contains("password was changed"))
        }
    }

    @Test func `nobody gives themselves a role`() async throws {
        try await withAuth { auth in
            try await auth.addUser("a@bank.example")
            let token = await auth.signIn("a@bank.example").string("access_token")
            let answer = await auth.call(.put, "/user", ["app_metadata": ["role": "admin"]], token: token)
            #expect(answer.status == 403)
            #expect(answer.string("code") == "not_admin")
            _ = await auth.call(.put, "/user", ["role": "service_role", "data": ["role": "admin"]], token: token)
            let fresh = await auth.signIn("a@bank.example").string("access_token")
            #expect(try claims(of: fresh)["role"]?.string == "authenticated")
            #expect(try claims(of: fresh)["app_metadata"]?["role"] == nil)
        }
    }

    @Test func `a session ends with its age and with its rest`() async throws {
        try await withAuth({ $0.sessionSecondsMax = 100 }) { auth in
            try await auth.addUser("a@bank.example")
            let session = await auth.signIn("a@bank.example")
            try await auth.database.run("update auth.sessions set created_at = now() - interval '101 seconds'")
            #expect(await auth.get("/user", token: session.string("access_token")).string("code") == "session_expired")
            #expect(await auth.refresh(session.string("refresh_token")).string("code") == "session_expired")
            #expect(await auth.refresh(session.string("refresh_token")).string("code") == "refresh_token_not_found")
        }
        try await withAuth({ $0.sessionIdleSecondsMax = 100 }) { auth in
            try await auth.addUser("a@bank.example")
            let session = await auth.signIn("a@bank.example")
            try await auth.database.run("update auth.sessions set refreshed_at = now() - interval '101 seconds'")
            #expect(try await auth.service.cleanUp() >= 1)
            #expect(await auth.refresh(session.string("refresh_token")).string("code") == "refresh_token_not_found")
        }
    }

    @Test func `tokens without a session, an account or a subject open nothing`() async throws {
        try await withAuth { auth in
            let keys = auth.service.keys
            #expect(await auth.get("/user").string("code") == "no_authorization")
            #expect(try await auth.get("/user", token: auth.anonToken).string("code") == "bad_jwt")
            #expect(await auth.get("/user", token: "a.b.c").string("code") == "bad_jwt")
            let id = try await auth.addUser("a@bank.example")
            for claims: JSON in [
                ["sub": .string(id), "role": "authenticated"],
                ["sub": .string(id), "role": "authenticated", "session_id": "11111111-1111-1111-1111-111111111111"],
                ["sub": .string(id), "role": "authenticated", "session_id": "' or 1=1"],
            ] {
                #expect(try await auth.get("/user", token: keys.token(claims)).string("code") == "session_not_found")
            }
            // Somebody else's session.
            let session = try claims(of: await auth.signIn("a@bank.example").string("access_token"))["session_id"]
            let other = try await auth.addUser("b@bank.example")
            let mixed: JSON = ["sub": .string(other), "role": "authenticated", "session_id": session ?? .null]
            #expect(try await auth.get("/user", token: keys.token(mixed)).string("code") == "session_not_found")
        }
    }
}
