@testable import Auth
import Cryptography
import HTTPTypes
import Postgres
import Testing
import Tokens
import Web

@Suite struct FactorTests {
    /// What an authenticator app shows for a secret at the test's time.
    func code(_ secret: String, _ auth: TestAuth, steps: Int64 = 0) throws -> String {
        try TOTP.code(secret: base32(secret), step: auth.clock.now / 30 + steps)
    }

    func base32(_ text: String) -> [UInt8] {
        let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567")
        var bits = 0
        var count = 0
        var out: [UInt8] = []
        for character in text {
            bits = (bits << 5 | (alphabet.firstIndex(of: character) ?? 0)) & 0xFFFF
            count += 5
            if count >= 8 {
                count -= 8
                out.append(UInt8(bits >> count & 255))
            }
        }
        return out
    }

    func enroll(_ token: String, _ auth: TestAuth, name: String = "phone") async -> Answer {
        await auth.post("/factors", ["factor_type": "totp", "friendly_name": .string(name)], token: token)
    }

    func verify(_ id: String, _ code: String, _ token: String, _ auth: TestAuth) async -> Answer {
        let challenge = await auth.post("/factors/\(id)/challenge", token: token)
        return await auth.post(
            "/factors/\(id)/verify", ["challenge_id": .string(challenge.string("id")), "code": .string(code)],
            token: token)
    }

    @Test func `a second factor raises the session, and tokens from before do not lead there`() async throws {
        try await withAuth { auth in
            try await auth.addUser("a@bank.example")
            let first = await auth.signIn("a@bank.example")
            let elsewhere = await auth.signIn("a@bank.example").string("access_token")
            let token = first.string("access_token")
            let enrolled = await enroll(token, auth)
            #expect(enrolled.status == 200, "\(enrolled.text)")
            #expect(enrolled.string("type") == "totp")
            #expect(enrolled.string("friendly_name") == "phone")
            let secret = enrolled["totp"]?["secret"]?.string ?? ""
            #expect(secret.count == 32)
            #expect(
                enrolled["totp"]?["uri"]?.string
                    == "otpauth://totp/DigitalBank:a%40bank.example?algorithm=SHA1&digits=6&issuer=DigitalBank&period=30&secret=\(secret)"
            )
            #expect(enrolled["totp"]?["qr_code"]?.string?.hasPrefix("<svg xmlns='http://www.w3.org/2000/svg'") == true)
            let id = enrolled.string("id")
            let challenge = await auth.post("/factors/\(id)/challenge", token: token)
            #expect(challenge.string("type") == "totp")
            #expect((challenge["expires_at"]?.integer ?? 0) > auth.clock.now + 200)
            let raised = await verify(id, try code(secret, auth), token, auth)
            #expect(raised.status == 200, "\(raised.text)")
            let claims = try claims(of: raised.string("access_token"))
            #expect(claims["aal"]?.string == "aal2")
            #expect(claims["amr"]?.array?.map { $0["method"]?.string } == ["totp", "password"])
            #expect(raised["user"]?["factors"]?.array?.first?["status"]?.string == "verified")
            #expect(await auth.get("/user", token: elsewhere).status == 401)
            #expect(await auth.refresh(first.string("refresh_token")).string("code") == "refresh_token_already_used")
        }
    }

    @Test func `a code that was used is refused, also by twenty at once`() async throws {
        try await withAuth({ $0.limits.factorByUser = AttemptWindow(1000, per: 60) }) { auth in
            try await auth.addUser("a@bank.example")
            let token = await auth.signIn("a@bank.example").string("access_token")
            let enrolled = await enroll(token, auth)
            let secret = enrolled["totp"]?["secret"]?.string ?? ""
            let id = enrolled.string("id")
            let shown = try code(secret, auth)
            let raised = await withTaskGroup(of: Answer.self) { group in
                for _ in 0..<20 { group.addTask { await verify(id, shown, token, auth) } }
                return await group.reduce(into: [Answer]()) { $0.append($1) }
            }
            #expect(raised.count { $0.status == 200 } == 1)
            #expect(
                raised.filter { $0.status != 200 }.allSatisfy {
                    ["mfa_verification_failed", "mfa_challenge_expired"].contains($0.string("code"))
                })
            let session = try #require(raised.first { $0.status == 200 }).string("access_token")
            // The one before it is refused too, the next one works.
            #expect(
                try await verify(id, code(secret, auth, steps: -1), session, auth).string("code")
                    == "mfa_verification_failed")
            #expect(try await verify(id, code(secret, auth, steps: 1), session, auth).status == 200)
            for wrong in ["", "12345", "1234567", "abcdef", "１２３４５６"] {
                #expect(await verify(id, wrong, session, auth).status >= 400)
            }
        }
    }

    @Test func `a factor that is verified guards password, address, factors and identities`() async throws {
        try await withAuth { auth in
            try await auth.addUser("a@bank.example")
            let token = await auth.signIn("a@bank.example").string("access_token")
            let enrolled = await enroll(token, auth)
            let secret = enrolled["totp"]?["secret"]?.string ?? ""
            let id = enrolled.string("id")
            let raised = await verify(id, try code(secret, auth), token, auth)
            let low = await auth.signIn("a@bank.example").string("access_token")
            #expect(
                await auth.call(.put, "/user", ["password": "another horse"], token: low).string("code")
                    == "insufficient_aal")
            #expect(
                await auth.call(.put, "/user", ["email": "b@bank.example"], token: low).string("code")
                    == "insufficient_aal")
            #expect(await enroll(low, auth, name: "two").string("code") == "insufficient_aal")
            #expect(await auth.call(.delete, "/factors/\(id)", token: low).string("code") == "insufficient_aal")
            #expect(await auth.call(.put, "/user", ["data": ["a": 1]], token: low).status == 200)
            let high = raised.string("access_token")
            #expect(await enroll(high, auth).string("code") == "mfa_factor_name_conflict")
            let gone = await auth.call(.delete, "/factors/\(id)", token: high)
            #expect(gone.string("id") == id)
            let fresh = await auth.refresh(raised.string("refresh_token"))
            #expect(try claims(of: fresh.string("access_token"))["aal"]?.string == "aal1")
            #expect(await auth.call(.put, "/user", ["password": "another horse"], token: low).status == 200)
        }
    }

    @Test func `factors of others are not there, and challenges belong to one session, address and time`() async throws
    {
        try await withAuth { auth in
            for name in ["a", "b"] { try await auth.addUser("\(name)@bank.example") }
            let token = await auth.signIn("a@bank.example").string("access_token")
            let other = await auth.signIn("b@bank.example").string("access_token")
            let enrolled = await enroll(token, auth)
            let secret = enrolled["totp"]?["secret"]?.string ?? ""
            let id = enrolled.string("id")
            #expect(await auth.post("/factors/\(id)/challenge", token: other).string("code") == "mfa_factor_not_found")
            #expect(await auth.call(.delete, "/factors/\(id)", token: other).string("code") == "mfa_factor_not_found")
            // CVE-2025-48370: what is no id never gets further.
            #expect(
                await auth.post("/factors/..%2F..%2Fadmin/challenge", token: token).string("code")
                    == "validation_failed")
            let challenge = await auth.post("/factors/\(id)/challenge", token: token)
            let body: JSON = ["challenge_id": .string(challenge.string("id")), "code": .string(try code(secret, auth))]
            let elsewhere = await auth.post("/factors/\(id)/verify", body, token: token, address: "198.51.100.7")
            #expect(elsewhere.string("code") == "mfa_ip_address_mismatch")
            try await auth.database.run("update auth.mfa_challenges set created_at = now() - interval '301 seconds'")
            #expect(
                await auth.post("/factors/\(id)/verify", body, token: token).string("code") == "mfa_challenge_expired")
            // An administrator may take it away, and every session with it.
            let user = try claims(of: token)["sub"]?.string ?? ""
            let service = try auth.serviceToken
            #expect(await auth.get("/admin/users/\(user)/factors", token: service).json.array?.count == 1)
            #expect(await auth.call(.delete, "/admin/users/\(user)/factors/\(id)", token: service).string("id") == id)
            #expect(await auth.get("/user", token: token).status == 401)
        }
    }

    @Test func `ten factors are the most, and guessing codes is slowed down`() async throws {
        try await withAuth { auth in
            try await auth.addUser("a@bank.example")
            let token = await auth.signIn("a@bank.example").string("access_token")
            var ids: [String] = []
            for number in 0..<10 { ids.append(await enroll(token, auth, name: "\(number)").string("id")) }
            #expect(await enroll(token, auth, name: "more").string("code") == "too_many_enrolled_mfa_factors")
            var codes: [String] = []
            for _ in 0..<20 { codes.append(await verify(ids[0], "000000", token, auth).string("code")) }
            #expect(codes.contains("over_request_rate_limit"))
        }
    }

    @Test func `the secret is not in the database in clear`() async throws {
        try await withAuth { auth in
            try await auth.addUser("a@bank.example")
            let token = await auth.signIn("a@bank.example").string("access_token")
            let enrolled = await enroll(token, auth)
            let secret = base32(enrolled["totp"]?["secret"]?.string ?? "")
            let stored = try await auth.database.one(
                "select encode(secret, 'hex') from auth.mfa_factors", as: String.self)
            #expect(!stored.contains(secret.hex))
        }
    }

    @Test func `the codes of RFC 6238`() throws {
        let secret = Array("12345678901234567890".utf8)
        for (time, code) in [(59, "287082"), (1_111_111_109, "081804"), (20_000_000_000, "353130")] as [(Int64, String)]
        {
            #expect(try TOTP.code(secret: secret, step: time / 30) == code)
            #expect(try TOTP.step(of: code, secret: secret, now: time) == time / 30)
            #expect(try TOTP.step(of: code, secret: secret, now: time + 30) == time / 30)
            #expect(try TOTP.step(of: code, secret: secret, now: time + 60) == nil)
        }
        #expect(Base32.encode(Array("foobar".utf8)) == "MZXW6YTBOI")
    }

    @Test func `a factor planted before the owner's own never raises a session`() async throws {
        try await withAuth { auth in
            try await auth.addUser("a@bank.example")
            // Somebody who knows the password enrols first, and challenges, and waits.
            let thief = await auth.signIn("a@bank.example").string("access_token")
            let planted = await enroll(thief, auth, name: "theirs")
            let token = await auth.signIn("a@bank.example").string("access_token")
            let own = await enroll(token, auth, name: "mine")
            let secret = own["totp"]?["secret"]?.string ?? ""
            #expect(try await verify(own.string("id"), code(secret, auth), token, auth).status == 200)
            // The one that was never verified is gone with the first that was.
            let again = await auth.signIn("a@bank.example").string("access_token")
            let theirs = planted["totp"]?["secret"]?.string ?? ""
            #expect(
                try await verify(planted.string("id"), code(theirs, auth), again, auth).string("code")
                    == "mfa_factor_not_found")
            // Nor would one do that is there still.
            try await auth.database.run(
                """
                insert into auth.mfa_factors (user_id, friendly_name, factor_type, secret)
                select user_id, 'left', 'totp', secret from auth.mfa_factors
                """)
            let left = try await auth.database.one(
                "select id::text from auth.mfa_factors where friendly_name = 'left'", as: String.self)
            let answer = await verify(left, "123456", again, auth)
            #expect(answer.string("code") == "insufficient_aal", "\(answer.text)")
            #expect(try claims(of: await auth.signIn("a@bank.example").string("access_token"))["aal"]?.string == "aal1")
        }
    }

    @Test func `of two that are to be the first factor at once, one is`() async throws {
        try await withAuth({ $0.limits.factorByUser = AttemptWindow(1000, per: 60) }) { auth in
            try await auth.addUser("a@bank.example")
            var all: [(id: String, code: String, token: String)] = []
            for number in 0..<6 {
                let token = await auth.signIn("a@bank.example").string("access_token")
                let enrolled = await enroll(token, auth, name: "f\(number)")
                all.append(
                    (enrolled.string("id"), try code(enrolled["totp"]?["secret"]?.string ?? "", auth), token))
            }
            let attempts = all
            let raised = await withTaskGroup(of: Answer.self) { group in
                for one in attempts { group.addTask { await verify(one.id, one.code, one.token, auth) } }
                return await group.reduce(into: 0) { $0 += $1.status == 200 ? 1 : 0 }
            }
            #expect(raised == 1)
            let verified = try await auth.database.one(
                "select count(*) from auth.mfa_factors", as: Int.self)
            #expect(verified == 1)
        }
    }
}
