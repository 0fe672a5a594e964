import Auth
import HTTPTypes
import Postgres
import Testing
import Tokens
import Web

@Suite struct CodeTests {
    @Test func `a code by mail signs in, and makes the account that was not there`() async throws {
        try await withAuth { auth in
            let asked = await auth.post("/otp", ["email": "new@bank.example", "create_user": true])
            #expect(asked.status == 200)
            #expect(asked.text == "{}")
            let mail = try await auth.mailbox.newest(to: "new@bank.example")
            let session = await auth.post(
                "/verify", ["type": "email", "email": "new@bank.example", "token": .string(mail.code)])
            #expect(session["access_token"] != nil, "\(session.text)")
            // The link of the same message has gone with the code.
            let link = await auth.post(
                "/verify", ["type": "magiclink", "token_hash": .string(mail.linkItems["token"] ?? "-")])
            #expect(link.string("code") == "otp_expired")
        }
    }

    @Test func `directus CVE-2026-26185: whoever has no account hears what the others hear, by the same work`()
        async throws
    {
        try await withAuth { auth in
            try await auth.addUser("there@bank.example")
            for path in ["/otp", "/magiclink", "/recover"] {
                for email in ["there@bank.example", "nobody@bank.example"] {
                    let answer = await auth.post(path, ["email": .string(email), "create_user": false])
                    #expect(answer.status == 200)
                    #expect(answer.text == "{}")
                }
            }
            for type in ["signup", "email_change"] {
                for email in ["there@bank.example", "nobody@bank.example"] {
                    #expect(await auth.post("/resend", ["type": .string(type), "email": .string(email)]).text == "{}")
                }
            }
            _ = try await auth.mailbox.newest(to: "there@bank.example", count: 3)
            try await auth.mailbox.settle()
            #expect(auth.mailbox.all.count == 3)
            let accounts = try await auth.database.one("select count(*) from auth.users", as: Int.self)
            #expect(accounts == 1)
        }
    }

    @Test func `signing up with a taken address reads like signing up with a new one`() async throws {
        try await withAuth { auth in
            let id = try await auth.addUser("there@bank.example")
            let body: (String) -> JSON = { ["email": .string($0), "password": "another horse", "data": ["a": 1]] }
            let taken = await auth.post("/signup", body("there@bank.example"))
            let new = await auth.post("/signup", body("new@bank.example"))
            #expect(taken.status == new.status)
            #expect(taken.json.members?.map(\.name) == new.json.members?.map(\.name))
            #expect(taken["identities"]?.array?.count == new["identities"]?.array?.count)
            #expect(taken.string("id") != id)
            #expect(taken.string("id").count == 36)
            // The owner is told, the password stays.
            let mail = try await auth.mailbox.newest(to: "there@bank.example")
            #expect(mail.subject.contains("have an access already"))
            #expect(await auth.signIn("there@bank.example").status == 200)
        }
    }

    @Test func `a code that was asked for again makes the earlier one void`() async throws {
        try await withAuth { auth in
            try await auth.addUser("a@bank.example")
            _ = await auth.post("/otp", ["email": "a@bank.example"])
            let first = try await auth.mailbox.newest(to: "a@bank.example")
            _ = await auth.post("/otp", ["email": "a@bank.example"])
            let second = try await auth.mailbox.newest(to: "a@bank.example", count: 2)
            for (mail, isGood) in [(first, false), (second, true)] {
                let answer = await auth.post(
                    "/verify", ["type": "magiclink", "token_hash": .string(mail.linkItems["token"] ?? "-")])
                #expect((answer["access_token"] != nil) == isGood)
            }
        }
    }

    @Test func `supabase auth bdbf01eb: of twenty who bring one code at once, one gets in`() async throws {
        try await withAuth { auth in
            try await auth.addUser("a@bank.example")
            for body: @Sendable (Mail) -> JSON in [
                { ["type": "email", "email": "a@bank.example", "token": .string($0.code)] },
                { ["type": "magiclink", "token_hash": .string($0.linkItems["token"] ?? "-")] },
            ] {
                let count = auth.mailbox.all.count
                _ = await auth.post("/otp", ["email": "a@bank.example"])
                let mail = try await auth.mailbox.newest(to: "a@bank.example", count: count + 1)
                let opened = await withTaskGroup(of: Bool.self) { group in
                    for number in 0..<20 {
                        group.addTask {
                            await auth.call(.post, "/verify", body(mail), address: "192.0.2.\(number)")["access_token"]
                                != nil
                        }
                    }
                    return await group.reduce(0) { $0 + ($1 ? 1 : 0) }
                }
                #expect(opened <= 1)
                // With the code, more than fifteen tries in a row are refused whatever they bring.
            }
        }
    }

    @Test func `after five wrong codes the right one is void`() async throws {
        try await withAuth { auth in
            try await auth.addUser("a@bank.example")
            _ = await auth.post("/otp", ["email": "a@bank.example"])
            let mail = try await auth.mailbox.newest(to: "a@bank.example")
            let wrong = mail.code == "000000" ? "000001" : "000000"
            for _ in 0..<5 {
                let answer = await auth.post(
                    "/verify", ["type": "email", "email": "a@bank.example", "token": .string(wrong)])
                #expect(answer.status == 403)
                #expect(answer.string("code") == "otp_expired")
            }
            let right = await auth.post(
                "/verify", ["type": "email", "email": "a@bank.example", "token": .string(mail.code)])
            #expect(right.string("code") == "otp_expired")
            // supabase/auth 311cde8d: an address that nobody has hears the same.
            let nobody = await auth.post(
                "/verify", ["type": "email", "email": "nobody@bank.example", "token": "123456"])
            #expect(nobody.text == right.text)
        }
    }

    @Test func `an expired code is refused, and a code of another kind or account is none`() async throws {
        try await withAuth { auth in
            try await auth.addUser("a@bank.example")
            try await auth.addUser("b@bank.example")
            _ = await auth.post("/recover", ["email": "a@bank.example"])
            let mail = try await auth.mailbox.newest(to: "a@bank.example")
            for (type, email) in [
                ("email", "a@bank.example"), ("signup", "a@bank.example"), ("recovery", "b@bank.example"),
            ] {
                let answer = await auth.post(
                    "/verify", ["type": .string(type), "email": .string(email), "token": .string(mail.code)])
                #expect(answer.string("code") == "otp_expired")
            }
            try await auth.database.run("update auth.one_time_tokens set expires_at = now() - interval '1 second'")
            let late = await auth.post(
                "/verify", ["type": "recovery", "email": "a@bank.example", "token": .string(mail.code)])
            #expect(late.string("code") == "otp_expired")
        }
    }

    @Test func `supabase auth 1214: a scanner that opens the link consumes nothing; the button does`() async throws {
        try await withAuth { auth in
            try await auth.addUser("a@bank.example")
            _ = await auth.call(
                .post, "/magiclink", ["email": "a@bank.example"],
                query: "redirect_to=https%3A%2F%2Fapp.bank.example%2Fback%3Fx%3D1")
            let mail = try await auth.mailbox.newest(to: "a@bank.example")
            #expect(mail.link.hasPrefix("https://bank.example/auth/v1/verify?"))
            let path = String(mail.link.dropFirst("https://bank.example/auth/v1".count))
            for _ in 0..<3 {
                let page = await auth.get(path)
                #expect(page.status == 200)
                #expect(page.text.contains("<form method=\"post\" action=\"https://bank.example/auth/v1/verify\""))
                #expect(page.field("Content-Security-Policy")?.contains("default-src 'none'") == true)
                #expect(page.field("Cross-Origin-Opener-Policy") == "same-origin")
                #expect(page.field("Referrer-Policy") == "no-referrer")
                #expect(page.field("Cache-Control") == "no-store")
            }
            let form = String(path.split(separator: "?", maxSplits: 1)[1])
            let done = await auth.call(.post, "/verify", form: form)
            #expect(done.status == 303)
            let location = done.field("Location") ?? ""
            #expect(location.hasPrefix("https://app.bank.example/back?x=1#access_token="), "\(location)")
            #expect(location.contains("&refresh_token="))
            #expect(location.hasSuffix("&type=magiclink"))
            let again = await auth.call(.post, "/verify", form: form)
            #expect(again.field("Location")?.contains("error_code=otp_expired") == true)
        }
    }

    @Test func `a hostile link shows a page without its words in it`() async throws {
        try await withAuth { auth in
            let page = await auth.get(
                "/verify?type=magiclink&token=%22%3E%3Cscript%3Ealert(1)%3C/script%3E&redirect_to=https://evil.example/%22%3E%3Cb%3E"
            )
            #expect(page.status == 200)
            #expect(!page.text.contains("<script>"))
            #expect(!page.text.contains("evil.example"))
            #expect(await auth.get("/verify?type=%3Cb%3E&token=x").status == 400)
        }
    }

    @Test func `with PKCE the link leads to a code that only the one who asked can use, once`() async throws {
        try await withAuth { auth in
            try await auth.addUser("a@bank.example")
            let verifier = String(repeating: "verifier-", count: 6)
            let challenge = "wJ3K0gqVZ2m3Lb3tP0cXy4m8F5wQ1n7o9r2s4t6u8v0"
            for (method, isRight) in [("plain", true), ("s256", false)] {
                let count = auth.mailbox.all.count
                let body: JSON = [
                    "email": "a@bank.example", "code_challenge": .string(isRight ? verifier : challenge),
                    "code_challenge_method": .string(method),
                ]
                _ = await auth.call(.post, "/otp", body, query: "redirect_to=https://app.bank.example/back")
                let mail = try await auth.mailbox.newest(to: "a@bank.example", count: count + 1)
                let form = String(mail.link.split(separator: "?", maxSplits: 1)[1])
                let done = await auth.call(.post, "/verify", form: form)
                let location = done.field("Location") ?? ""
                #expect(location.hasPrefix("https://app.bank.example/back?code="), "\(location)")
                let code = String(location.split(separator: "=").last ?? "")
                let exchange: JSON = ["auth_code": .string(code), "code_verifier": .string(verifier)]
                let session = await auth.post("/token?grant_type=pkce", exchange)
                if isRight {
                    #expect(session["access_token"] != nil, "\(session.text)")
                } else {
                    #expect(session.string("code") == "bad_code_verifier")
                }
                let again = await auth.post("/token?grant_type=pkce", exchange)
                #expect(again.status == 404)
                #expect(again.string("code") == "flow_state_not_found")
            }
            for bad: JSON in [
                ["code_challenge": "short"], ["code_challenge": .string(challenge), "code_challenge_method": "md5"],
            ] {
                let body = JSON.object([.init("email", "a@bank.example")] + (bad.members ?? []))
                #expect(await auth.post("/otp", body).string("code") == "validation_failed")
            }
        }
    }

    @Test func `CVE-2024-38351: an account made in advance with somebody's address is theirs once they prove it`()
        async throws
    {
        try await withAuth { auth in
            // The attacker signs up with the victim's address and waits.
            _ = await auth.post("/signup", ["email": "victim@bank.example", "password": "attacker horse"])
            _ = try await auth.mailbox.newest(to: "victim@bank.example")
            try await auth.database.run(
                """
                insert into auth.identities (user_id, provider, provider_id)
                select id, 'evil', 'attacker' from auth.users
                """)
            _ = await auth.post("/otp", ["email": "victim@bank.example"])
            let mail = try await auth.mailbox.newest(to: "victim@bank.example", count: 2)
            let session = await auth.post(
                "/verify", ["type": "magiclink", "token_hash": .string(mail.linkItems["token"] ?? "-")])
            #expect(session["user"]?["identities"]?.array?.count == 1, "\(session.text)")
            #expect(
                await auth.signIn("victim@bank.example", password: "attacker horse").string("code")
                    == "invalid_credentials")
        }
    }

    @Test func `supabase auth 2600: an address changes when both mailboxes agree, whatever autoconfirm says`()
        async throws
    {
        try await withAuth({ $0.isAutoconfirmed = true }) { auth in
            try await auth.addUser("old@bank.example")
            try await auth.addUser("taken@bank.example")
            let token = await auth.signIn("old@bank.example").string("access_token")
            let asked = await auth.call(.put, "/user", ["email": "new@bank.example"], token: token)
            #expect(asked.string("email") == "old@bank.example")
            #expect(asked.string("new_email") == "new@bank.example")
            let toNew = try await auth.mailbox.newest(to: "new@bank.example")
            let toOld = try await auth.mailbox.newest(to: "old@bank.example")
            let half = await auth.post(
                "/verify", ["type": "email_change", "email": "new@bank.example", "token": .string(toNew.code)])
            #expect(half.string("code") == "200")
            #expect(half["access_token"] == nil)
            let whole = await auth.post(
                "/verify", ["type": "email_change", "token_hash": .string(toOld.linkItems["token"] ?? "-")])
            #expect(whole["user"]?["email"]?.string == "new@bank.example", "\(whole.text)")
            #expect(
                whole["user"]?["identities"]?.array?.first?["identity_data"]?["email"]?.string == "new@bank.example")
            let notice = try await auth.mailbox.newest(to: "old@bank.example", count: 2)
            #expect(notice.subject.contains("address was changed"))
            // Somebody else's address: the same answer, and no message to it.
            let other = await auth.call(.put, "/user", ["email": "taken@bank.example"], token: token)
            #expect(other.string("new_email") == "taken@bank.example")
            try await auth.mailbox.settle()
            #expect(!auth.mailbox.all.contains { $0.recipient == "taken@bank.example" })
        }
    }

    @Test func `a forgotten password is replaced by its owner`() async throws {
        try await withAuth { auth in
            try await auth.addUser("a@bank.example")
            _ = await auth.post("/recover", ["email": "a@bank.example"])
            let mail = try await auth.mailbox.newest(to: "a@bank.example")
            let session = await auth.post(
                "/verify", ["type": "recovery", "token_hash": .string(mail.linkItems["token"] ?? "-")])
            let token = session.string("access_token")
            #expect(try claims(of: token)["amr"]?.array?.first?["method"]?.string == "recovery")
            let done = await auth.call(.put, "/user", ["password": "another horse"], token: token)
            #expect(done.status == 200)
            #expect(await auth.signIn("a@bank.example", password: "another horse").status == 200)
        }
    }

    @Test func `an old session changes its password with a code of the moment`() async throws {
        try await withAuth({ $0.isReauthenticationRequired = true }) { auth in
            try await auth.addUser("a@bank.example")
            let token = await auth.signIn("a@bank.example").string("access_token")
            try await auth.database.run("update auth.sessions set created_at = now() - interval '2 days'")
            let needed = await auth.call(.put, "/user", ["password": "another horse"], token: token)
            #expect(needed.string("code") == "reauthentication_needed")
            #expect(await auth.get("/reauthenticate", token: token).text == "{}")
            let mail = try await auth.mailbox.newest(to: "a@bank.example")
            for (nonce, status) in [("000000x", 422), (mail.code, 200), (mail.code, 422)] {
                let answer = await auth.call(
                    .put, "/user", ["password": .string("\(status) another horse"), "nonce": .string(nonce)],
                    token: token)
                #expect(answer.status == status, "\(answer.text)")
            }
        }
    }

    @Test func `GHSA-3529-5m8x-rpv3: no header of a request shows up in a link`() async throws {
        try await withAuth { auth in
            try await auth.addUser("a@bank.example")
            var request = ApiRequest(method: .post, path: "/recover", remoteAddress: "192.0.2.1")
            request.body = Array(#"{"email":"a@bank.example"}"#.utf8)
            for name in ["X-Forwarded-Host", "Host", "X-Forwarded-Proto", "Forwarded", "Origin", "Referer"] {
                if let name = HTTPField.Name(name) { request.fields[name] = "evil.example" }
            }
            _ = await auth.service.handle(request, actor: nil)
            let mail = try await auth.mailbox.newest(to: "a@bank.example")
            #expect(!mail.body.contains("evil"))
            #expect(mail.link.hasPrefix("https://bank.example/auth/v1/verify?"))
        }
    }
}
