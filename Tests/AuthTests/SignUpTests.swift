import Testing
import Web

/// Whose password an account has that several asked for before anybody had proved the address.
@Suite struct SignUpTests {
    @Test func `a sign-up of somebody else does not put its password behind the owner's link`() async throws {
        try await withAuth { auth in
            let email = "owner@bank.example"
            func signUp(_ password: String) async {
                _ = await auth.post("/signup", ["email": .string(email), "password": .string(password)])
            }
            await signUp("the owner's own")
            let own = try await auth.mailbox.newest(to: email)
            await signUp("a thief's choice")
            let thiefs = try await auth.mailbox.newest(to: email, count: 2)
            let opened = await auth.post(
                "/verify", ["type": "signup", "token_hash": .string(own.linkItems["token"] ?? "-")])
            #expect(opened["access_token"] != nil, "\(opened.text)")
            #expect(await auth.signIn(email, password: "the owner's own").status == 200)
            #expect(await auth.signIn(email, password: "a thief's choice").status == 400)
            // The other link went with it.
            let late = await auth.post(
                "/verify", ["type": "signup", "token_hash": .string(thiefs.linkItems["token"] ?? "-")])
            #expect(late.string("code") == "otp_expired")
        }
    }

    @Test func `an account planted before has the password of the link that was opened`() async throws {
        try await withAuth { auth in
            let email = "owner@bank.example"
            for password in ["a thief's choice", "the owner's own"] {
                _ = await auth.post("/signup", ["email": .string(email), "password": .string(password)])
                _ = try await auth.mailbox.newest(to: email)
            }
            let own = try await auth.mailbox.newest(to: email, count: 2)
            let opened = await auth.post(
                "/verify", ["type": "email", "email": .string(email), "token": .string(own.code)])
            #expect(opened["access_token"] != nil, "\(opened.text)")
            #expect(await auth.signIn(email, password: "the owner's own").status == 200)
            #expect(await auth.signIn(email, password: "a thief's choice").status == 400)
        }
    }

    @Test func `a message asked for again brings no password of somebody who asked meanwhile`() async throws {
        try await withAuth { auth in
            let email = "owner@bank.example"
            for password in ["the owner's own", "a thief's choice"] {
                _ = await auth.post("/signup", ["email": .string(email), "password": .string(password)])
                _ = try await auth.mailbox.newest(to: email)
            }
            _ = try await auth.mailbox.newest(to: email, count: 2)
            _ = await auth.post("/resend", ["type": "signup", "email": .string(email)])
            let resent = try await auth.mailbox.newest(to: email, count: 3)
            let opened = await auth.post(
                "/verify", ["type": "signup", "token_hash": .string(resent.linkItems["token"] ?? "-")])
            #expect(opened["access_token"] != nil, "\(opened.text)")
            for password in ["the owner's own", "a thief's choice"] {
                #expect(await auth.signIn(email, password: password).status == 400)
            }
        }
    }

    @Test func `one sign-up alone keeps its password when its message is sent again`() async throws {
        try await withAuth { auth in
            let email = "owner@bank.example"
            _ = await auth.post("/signup", ["email": .string(email), "password": "the owner's own"])
            _ = try await auth.mailbox.newest(to: email)
            _ = await auth.post("/resend", ["type": "signup", "email": .string(email)])
            let resent = try await auth.mailbox.newest(to: email, count: 2)
            _ = await auth.post("/verify", ["type": "signup", "token_hash": .string(resent.linkItems["token"] ?? "-")])
            #expect(await auth.signIn(email, password: "the owner's own").status == 200)
        }
    }
}
