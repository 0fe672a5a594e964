import Auth
import HTTPTypes
import Postgres
import Testing
import Tokens
import Web

@Suite struct AdminTests {
    @Test func `only the service role gets in`() async throws {
        try await withAuth { auth in
            try await auth.addUser("a@bank.example")
            let user = await auth.signIn("a@bank.example").string("access_token")
            let id = "11111111-1111-1111-1111-111111111111"
            let paths: [(HTTPRequest.Method, String)] = [
                (.get, "/admin/users"), (.post, "/admin/users"), (.get, "/admin/users/\(id)"),
                (.put, "/admin/users/\(id)"), (.delete, "/admin/users/\(id)"), (.post, "/admin/generate_link"),
                (.get, "/admin/users/\(id)/factors"), (.delete, "/admin/users/\(id)/factors/\(id)"),
                (.get, "/admin/audit"), (.post, "/invite"), (.get, "/admin"),
            ]
            for (method, path) in paths {
                #expect(await auth.call(method, path, token: user).string("code") == "not_admin")
                #expect(await auth.call(method, path).string("code") == "no_authorization")
                #expect(try await auth.call(method, path, token: auth.anonToken).status == 401)
            }
        }
    }

    @Test func `an account is made, read, changed, listed and deleted`() async throws {
        try await withAuth { auth in
            let token = try auth.serviceToken
            let id = try await auth.addUser(
                "a@bank.example",
                more: [.init("app_metadata", ["role": "analyst"]), .init("user_metadata", ["name": "A"])])
            let twice = await auth.post("/admin/users", ["email": "a@bank.example"], token: token)
            #expect(twice.status == 422)
            #expect(twice.string("code") == "email_exists")
            let one = await auth.get("/admin/users/\(id)", token: token)
            #expect(one["app_metadata"]?["role"]?.string == "analyst")
            #expect(one["app_metadata"]?["providers"]?.array == ["email"])
            let changed = await auth.call(
                .put, "/admin/users/\(id)",
                [
                    "email": "b@bank.example", "user_metadata": ["name": .null, "town": "Lyon"],
                    "role": "authenticated",
                ],
                token: token)
            #expect(changed.string("email") == "b@bank.example", "\(changed.text)")
            #expect(changed["user_metadata"] == ["town": "Lyon"])
            #expect(changed["identities"]?.array?.count == 1)
            #expect(
                try claims(of: await auth.signIn("b@bank.example").string("access_token"))["app_metadata"]?["role"]?
                    .string == "analyst")
            for number in 0..<5 { try await auth.addUser("n\(number)@bank.example") }
            let page = await auth.get("/admin/users?page=2&per_page=4", token: token)
            #expect(page["users"]?.array?.count == 2)
            #expect(page.field("X-Total-Count") == "6")
            #expect(page.field("Link")?.contains("page=2>; rel=\"last\"") == true)
            #expect(page.field("Link")?.contains("rel=\"next\"") == false)
            #expect(await auth.call(.delete, "/admin/users/\(id)", [:], token: token).status == 200)
            let gone = await auth.get("/admin/users/\(id)", token: token)
            #expect(gone.status == 404)
            #expect(gone.string("code") == "user_not_found")
        }
    }

    @Test(
        arguments: [
            ("5f4dcc3b5aa765d61d8327deb882cf99", "password"),
            ("$2b$05$abcdefghijklmnopqrstuuHNbAKRhpaujgo33bRWs.NLUTJO3lOy2", "correct horse"),
            (
                "$6$saltstring$svn8UoSVapNtMuq1ukKS4tPQd8iKwSMHWjl/O817G3uBnIFNjnQJuesI68u4OTLiBFdcbYEdFCoEOfaS35inz1",
                "Hello world!"
            ),
            ("$argon2i$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$wWKIMhR9lyDFvRz9YTZweHKfbftvj+qf+YFY4NeBbtA", "password"),
        ] as [(String, String?)])
    func `a hash of a former system is accepted and replaced by Argon2id`(hash: String, password: String?) async throws
    {
        try await withAuth { auth in
            let body: JSON = [
                "email": "old@bank.example", "password_hash": .string(hash), "email_confirm": true,
            ]
            #expect(try await auth.post("/admin/users", body, token: auth.serviceToken).status == 200)
            #expect(await auth.signIn("old@bank.example", password: "wrong horse").status == 400)
            guard let password else { return }
            let first = await auth.signIn("old@bank.example", password: password)
            #expect(first.status == 200, "\(first.text)")
            let stored = try await auth.database.one(
                "select encrypted_password from auth.users where email = 'old@bank.example'", as: String.self)
            #expect(stored.hasPrefix("$argon2id$"))
            #expect(await auth.signIn("old@bank.example", password: password).status == 200)
        }
    }

    @Test(arguments: [
        "$2a$31$N9qo8uLOickgx2ZMRZoMyeIjZAgcfl7p92ldGxad68LJZdL17lhWy", "plain text", "$2a$10$short",
        "pbkdf2_sha256$1$a$b",
        "$6$rounds=999999999$saltstring$x",
    ])
    func `a hash that cannot be verified, or only with too much work, is refused`(hash: String) async throws {
        try await withAuth { auth in
            let body: JSON = ["email": "x@bank.example", "password_hash": .string(hash)]
            let answer = try await auth.post("/admin/users", body, token: auth.serviceToken)
            #expect(answer.string("code") == "validation_failed")
        }
    }

    @Test func `links of every kind open a session, once`() async throws {
        try await withAuth { auth in
            let token = try auth.serviceToken
            try await auth.addUser("there@bank.example")
            let asked: [(JSON, String)] = [
                (["type": "signup", "email": "new@bank.example", "password": "correct horse"], "signup"),
                (["type": "invite", "email": "guest@bank.example"], "invite"),
                (["type": "magiclink", "email": "there@bank.example"], "magiclink"),
                (["type": "recovery", "email": "there@bank.example"], "recovery"),
            ]
            for (body, type) in asked {
                let link = await auth.call(
                    .post, "/admin/generate_link", body, token: token,
                    query: "redirect_to=https%3A%2F%2Fapp.bank.example%2Fback")
                #expect(link.status == 200, "\(link.text)")
                #expect(link.string("verification_type") == type)
                #expect(link.string("redirect_to") == TestAuth.redirect)
                #expect(link.string("email_otp").count == 6)
                #expect(link.string("id").count == 36)
                #expect(link.string("action_link").hasPrefix("https://bank.example/auth/v1/verify?token="))
                let verify: JSON = ["type": .string(type), "token_hash": .string(link.string("hashed_token"))]
                let session = await auth.post("/verify", verify)
                #expect(session["access_token"] != nil, "\(session.text)")
                let again = await auth.post("/verify", verify)
                #expect(again.status == 403)
                #expect(again.string("code") == "otp_expired")
            }
            let unknown = await auth.post(
                "/admin/generate_link", ["type": "recovery", "email": "nobody@bank.example"], token: token)
            #expect(unknown.string("code") == "user_not_found")
        }
    }

    @Test func `an invitation is mailed and the audit log tells who did what without an address`() async throws {
        try await withAuth { auth in
            let token = try auth.serviceToken
            let invited = await auth.post(
                "/invite", ["email": "guest@bank.example", "data": ["team": "x"]], token: token)
            #expect(invited.status == 200)
            #expect(invited["invited_at"] != nil)
            let mail = try await auth.mailbox.newest(to: "guest@bank.example")
            let session = await auth.post(
                "/verify", ["type": "invite", "token_hash": .string(mail.linkItems["token"] ?? "")])
            #expect(session["access_token"] != nil, "\(session.text)")
            let entries = await auth.get("/admin/audit?query=author:\(invited.string("id"))", token: token)
            let actions = entries.json.array?.compactMap { $0["payload"]?["action"]?.string } ?? []
            #expect(Set(actions) == ["user_invited", "invite_accepted", "login"])
            #expect(!entries.text.contains("guest@"))
            let error = await #expect(throws: PostgresError.self) {
                try await auth.database.run("update auth.audit_log_entries set ip_address = 'x'")
            }
            #expect(error?.message.contains("append-only") == true)
        }
    }

    @Test func `other rights end the sessions that carry the old ones, by the endpoint and by SQL alike`() async throws
    {
        try await withAuth { auth in
            let id = try await auth.addUser("a@bank.example", more: [.init("app_metadata", ["role": "admin"])])
            let service = try auth.serviceToken
            for change: JSON in [["app_metadata": ["role": "client"]], ["role": "service_role"]] {
                let token = await auth.signIn("a@bank.example").string("access_token")
                #expect(await auth.get("/user", token: token).status == 200)
                #expect(await auth.call(.put, "/admin/users/\(id)", change, token: service).status == 200)
                #expect(await auth.get("/user", token: token).status == 401)
            }
            // What changes no right ends nothing.
            let kept = await auth.signIn("a@bank.example").string("access_token")
            for change: JSON in [["app_metadata": ["role": "client"]], ["user_metadata": ["name": "x"]]] {
                #expect(await auth.call(.put, "/admin/users/\(id)", change, token: service).status == 200)
            }
            #expect(await auth.get("/user", token: kept).status == 200)
            try await auth.database.run(
                """
                update auth.users set raw_app_meta_data = raw_app_meta_data || '{"role": "admin"}'
                where id = \(id)::uuid
                """)
            var status = 200
            for _ in 0..<500 {
                status = await auth.get("/user", token: kept).status
                if status != 200 { break }
                try await Task.sleep(for: .milliseconds(10))
            }
            #expect(status != 200)
        }
    }

    @Test func `an administrator whose session was ended administers nothing`() async throws {
        try await withAuth { auth in
            let id = try await auth.addUser("a@bank.example", more: [.init("role", "service_role")])
            let token = await auth.signIn("a@bank.example").string("access_token")
            #expect(await auth.get("/admin/users", token: token).status == 200)
            let actor = try TokenVerifier(keys: auth.service.keys, audience: nil) { auth.clock.now }.verify(token)
            _ = await auth.call(
                .put, "/admin/users/\(id)", ["role": "authenticated"], token: try auth.serviceToken)
            // As a gate that did not ask would hand it on.
            let request = ApiRequest(method: .get, path: "/admin/users", remoteAddress: "192.0.2.1", id: "test")
            let answer = Answer(response: await auth.service.handle(request, actor: actor))
            #expect(answer.status == 403, "\(answer.text)")
        }
    }
}
