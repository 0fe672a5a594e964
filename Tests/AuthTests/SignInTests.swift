import Auth
import HTTPTypes
import Testing
import Tokens
import Web

@Suite struct SignInTests {
    @Test func `health, settings and keys are public, and name no secret`() async throws {
        try await withAuth { auth in
            #expect(await auth.get("/health").string("name") == "GoTrue")
            let settings = await auth.get("/settings")
            #expect(settings["external"]?["email"]?.bool == true)
            #expect(settings["mailer_autoconfirm"]?.bool == false)
            let keys = await auth.get("/.well-known/jwks.json")
            #expect(keys["keys"]?.array == [])
            #expect(keys.field("Cache-Control") == "public, max-age=600")
            #expect(await auth.get("/nothing").string("code") == "not_found")
        }
    }

    @Test func `signing up, confirming by code, and reading oneself`() async throws {
        try await withAuth { auth in
            let up = await auth.post(
                "/signup", ["email": "Ana@Bank.Example", "password": "correct horse", "data": ["name": "Ana"]])
            #expect(up.status == 200)
            #expect(up.string("email") == "ana@bank.example")
            #expect(up["access_token"] == nil)
            #expect(up["user_metadata"]?["name"]?.string == "Ana")
            let early = await auth.signIn("ana@bank.example")
            #expect(early.status == 400)
            #expect(early.string("code") == "email_not_confirmed")
            let mail = try await auth.mailbox.newest(to: "ana@bank.example")
            #expect(mail.code.count == 6)
            let session = await auth.post(
                "/verify", ["type": "signup", "email": "ana@bank.example", "token": .string(mail.code)])
            #expect(session.status == 200, "\(session.text)")
            #expect(session.string("token_type") == "bearer")
            #expect(session["expires_in"]?.integer == 3600)
            #expect(session["user"]?["email_confirmed_at"]?.string?.hasSuffix("Z") == true)
            #expect(session["user"]?["app_metadata"]?["provider"]?.string == "email")
            let token = session.string("access_token")
            let claims = try claims(of: token)
            #expect(claims["role"]?.string == "authenticated")
            #expect(claims["aal"]?.string == "aal1")
            #expect(claims["iss"]?.string == "https://bank.example/auth/v1")
            #expect(claims["aud"]?.string == "authenticated")
            #expect(claims["amr"]?.array?.first?["method"]?.string == "otp")
            #expect(claims["is_anonymous"]?.bool == false)
            let user = await auth.get("/user", token: token)
            #expect(user.status == 200)
            #expect(user.string("id") == claims["sub"]?.string)
            #expect(user["identities"]?.array?.first?["provider"]?.string == "email")
            #expect(user["identities"]?.array?.first?["identity_data"]?["email_verified"]?.bool == true)
            #expect(user.field("Cache-Control") == "no-store")
        }
    }

    @Test func `a password opens a session and a wrong one says no more than that it is wrong`() async throws {
        try await withAuth { auth in
            try await auth.addUser("ana@bank.example")
            let good = await auth.signIn("ana@bank.example")
            #expect(good.status == 200)
            #expect(good["user"]?["last_sign_in_at"] != nil)
            for email in ["ana@bank.example", "nobody@bank.example"] {
                let bad = await auth.signIn(email, password: "wrong horse")
                #expect(bad.status == 400)
                #expect(bad.string("code") == "invalid_credentials")
                #expect(bad.string("message") == "Invalid login credentials")
            }
        }
    }

    @Test func `errors have the shape of the version that the client names`() async throws {
        try await withAuth { auth in
            let body: JSON = ["email": "x@bank.example", "password": "wrong horse"]
            let new = await auth.call(.post, "/token?grant_type=password", body)
            #expect(new.string("code") == "invalid_credentials")
            #expect(new.field("X-Supabase-Api-Version") == "2024-01-01")
            #expect(new.field("x-sb-error-code") == "invalid_credentials")
            let old = await auth.call(.post, "/token?grant_type=password", body, version: nil)
            #expect(old["code"]?.integer == 400)
            #expect(old.string("error_code") == "invalid_credentials")
            #expect(old.string("msg") == "Invalid login credentials")
            #expect(old.field("X-Supabase-Api-Version") == nil)
            #expect(old.field("x-sb-error-code") == "invalid_credentials")
            #expect(old.field("Cache-Control") == "no-store")
        }
    }

    @Test func `a weak password is refused with its reasons`() async throws {
        try await withAuth({ $0.password.isBreached = { $0 == "password1" } }) { auth in
            for (password, reason) in [("short", "length"), ("aaaaaaaaaa", "characters"), ("password1", "pwned")] {
                let answer = await auth.post("/signup", ["email": "a@bank.example", "password": .string(password)])
                #expect(answer.status == 422)
                #expect(answer.string("code") == "weak_password")
                #expect(answer["weak_password"]?["reasons"]?.array?.contains(.string(reason)) == true)
            }
        }
    }

    @Test func `with autoconfirm a session comes at once, and a taken address is said to be taken`() async throws {
        try await withAuth({ $0.isAutoconfirmed = true }) { auth in
            let body: JSON = ["email": "a@bank.example", "password": "correct horse"]
            #expect(await auth.post("/signup", body)["access_token"] != nil)
            let again = await auth.post("/signup", body)
            #expect(again.status == 422)
            #expect(again.string("code") == "user_already_exists")
        }
    }

    @Test func `an anonymous user becomes a real one by proving an address`() async throws {
        try await withAuth { auth in
            let session = await auth.post("/signup", ["data": ["from": "shop"]])
            #expect(session["user"]?["is_anonymous"]?.bool == true)
            let token = session.string("access_token")
            #expect(try claims(of: token)["is_anonymous"]?.bool == true)
            let changed = await auth.call(.put, "/user", ["email": "new@bank.example"], token: token)
            #expect(changed.string("new_email") == "new@bank.example", "\(changed.text)")
            let mail = try await auth.mailbox.newest(to: "new@bank.example")
            let done = await auth.post(
                "/verify", ["type": "email_change", "email": "new@bank.example", "token": .string(mail.code)])
            #expect(done["user"]?["is_anonymous"]?.bool == false, "\(done.text)")
            #expect(done["user"]?["email"]?.string == "new@bank.example")
        }
        try await withAuth({ $0.isAnonymousEnabled = false }) { auth in
            #expect(await auth.post("/signup").string("code") == "anonymous_provider_disabled")
        }
    }

    @Test func `bodies and queries that make no sense are refused, never a failure`() async throws {
        try await withAuth { auth in
            let token = try auth.serviceToken
            for body: JSON in [
                ["email": 1], ["email": "no address", "password": "x"], ["email": "a@b\u{0}.example"], [],
                ["email": "a@bank.example", "password": ["x"]], ["email": "a@bank.example", "data": "x"],
                ["email": "a@bank.example\r\nBCC: x@y.example", "password": "correct horse"],
                ["email": "a@bank.example", "password": "correct horse", "data": ["x": "\u{0}"]],
                ["phone": "+33612345678", "password": "correct horse"],
            ] {
                for path in [
                    "/signup", "/token?grant_type=password", "/otp", "/recover", "/verify", "/resend", "/admin/users",
                    "/admin/generate_link", "/token?grant_type=pkce", "/token?grant_type=refresh_token", "/token",
                    "/token?grant_type=id_token", "/factors",
                ] {
                    let answer = await auth.post(path, body, token: path.hasPrefix("/admin") ? token : nil)
                    #expect(
                        answer.status < 500, "\(path) \(body.text): \(answer.status) \(answer.text)")
                }
            }
            for path in ["/admin/users/x", "/admin/users?page=-1", "/admin/users?page=x", "/admin/users/../../user"] {
                #expect((400..<500).contains(await auth.get(path, token: token).status), "\(path)")
            }
            #expect(await auth.call(.post, "/signup", form: "a=%", version: nil).status == 400)
            #expect(await auth.call(.get, "/settings?a=%zz").status == 400)
        }
    }
}
