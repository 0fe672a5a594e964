import Cryptography
import Testing
import Tokens
import Web

@Suite struct VerifierTests {
    // group: jwt
    @Test func `a signed token becomes its actor with the claims as they were signed`() throws {
        let keys = secretKeys()
        let token = try keys.token(
            claims(
                ("sub", "4f1c"), ("role", "authenticated"), ("session_id", "s-1"), ("exp", .integer(now + 60)),
                ("app_metadata", ["role": "client"])))
        let actor = try verifier(keys).verify(token)
        #expect(actor.role == "authenticated")
        #expect(actor.subject == "4f1c")
        #expect(actor.sessionID == "s-1")
        #expect(!actor.isAnonymous)
        #expect(
            actor.claims
                == #"{"sub":"4f1c","role":"authenticated","session_id":"s-1","exp":1900000060,"app_metadata":{"role":"client"}}"#
        )
    }

    @Test func `every algorithm verifies what it signed and nothing else`() throws {
        let own: [TokenKey] = [
            TokenKey(id: nil, .secret(secret)), TokenKey(p256: try P256.PrivateKey()),
            TokenKey(id: "ed", .ed25519Private(try Ed25519.PrivateKey())),
        ]
        for (number, key) in own.enumerated() {
            let token = try KeySet([key]).token(claims(("role", "anon")))
            #expect(try verifier(KeySet(own)).verify(token).isAnonymous)
            let others = own.enumerated().filter { $0.offset != number }.map(\.element)
            #expect(throws: TokenError.noSuitableKey) { try verifier(KeySet(others)).verify(token) }
        }
    }

    @Test func `the example of RFC 7515 with RS256 verifies, and not with one bit changed`() throws {
        let jwk = try JSONReader.read(
            #"""
            {"kty":"RSA","e":"AQAB","n":"ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ"}
            """#)
        let key = try #require(TokenKey(jwk: jwk))
        let token =
            "eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw"
        #expect(try verifier(KeySet([key]), now: 1_300_819_370).verify(token).isAnonymous)
        #expect(throws: TokenError.expired) { try verifier(KeySet([key])).verify(token) }
        let changed = String(token.dropLast(3)) + "7Rg"
        #expect(throws: TokenError.badSignature) { try verifier(KeySet([key]), now: 1_300_819_370).verify(changed) }
    }

    @Test func `the token never chooses the algorithm`() throws {
        let own = try P256.PrivateKey()
        let keys = KeySet([TokenKey(p256: own)])
        let payload = #"{"role":"service_role"}"#
        for header in [#"{"alg":"none"}"#, #"{"alg":"None"}"#, #"{"alg":"HS512"}"#, #"{"alg":null}"#, #"{}"#] {
            let token = forged(header: header, payload: payload) { _ in [] }
            #expect(throws: TokenError.unsupportedAlgorithm) { try verifier(keys).verify(token) }
        }
        // The public key used as an HMAC secret.
        let confused = forged(header: #"{"alg":"HS256"}"#, payload: payload) {
            HMACSHA256.code(Array($0.utf8), key: own.publicKey.x + own.publicKey.y)
        }
        #expect(throws: TokenError.noSuitableKey) { try verifier(keys).verify(confused) }
        // The token's own key, an extension, an empty signature.
        for header in [#"{"alg":"ES256","jwk":{"kty":"oct","k":""}}"#, #"{"alg":"ES256"}"#] {
            let token = forged(header: header, payload: payload) { _ in [UInt8](repeating: 0, count: 64) }
            #expect(throws: TokenError.badSignature) { try verifier(keys).verify(token) }
        }
        let critical = forged(header: #"{"alg":"HS256","crit":["b64"],"b64":false}"#, payload: payload, signature: hmac)
        #expect(throws: TokenError.malformed) { try verifier(secretKeys()).verify(critical) }
    }

    @Test func `pREST GHSA-fj7v-859r-2fm4: an empty or short secret makes no key`() {
        #expect(TokenKey(secret: []) == nil)
        #expect(TokenKey(secret: [UInt8](repeating: 1, count: 31)) == nil)
        #expect(TokenKey(jwk: ["kty": "oct", "k": ""]) == nil)
        #expect(KeySet(jwks: ["keys": [["kty": "oct", "k": "AAAA"]]]) == nil)
        let token = forged(header: #"{"alg":"HS256"}"#, payload: #"{"role":"service_role"}"#) {
            HMACSHA256.code(Array($0.utf8), key: [])
        }
        #expect(throws: TokenError.noSuitableKey) { try verifier(KeySet([])).verify(token) }
    }

    @Test(arguments: [
        (#"{"exp":"1"}"#, TokenError.claimNotNumber("exp")),
        (#"{"exp":null}"#, .claimNotNumber("exp")),
        (#"{"exp":true}"#, .claimNotNumber("exp")),
        (#"{"exp":1e999}"#, .claimNotNumber("exp")),
        (#"{"exp":-1}"#, .expired),
        (#"{"exp":1899999970}"#, .expired),
        (#"{"nbf":1900000031}"#, .notYetValid),
        (#"{"iat":1900000031}"#, .issuedInFuture),
        (#"{"nbf":"0"}"#, .claimNotNumber("nbf")),
        (#"{"aud":"other"}"#, .wrongAudience),
        (#"{"aud":["other"]}"#, .wrongAudience),
        (#"{"aud":["bank",1]}"#, .badClaims),
        (#"{"aud":1}"#, .badClaims),
        (#"{"role":1}"#, .badClaims),
        (#"{"role":"anon","role":"service_role"}"#, .badClaims),
        (#"{"sub":{}}"#, .badClaims),
        (#"{"x":"\u0000"}"#, .badClaims),
        (#"[]"#, .badClaims),
        (#""#, .badClaims),
    ])
    func `realtime CVE-2026-54238: claims are typed`(payload: String, error: TokenError) {
        let token = forged(header: #"{"alg":"HS256","typ":"JWT"}"#, payload: payload, signature: hmac)
        #expect(throws: error) { try verifier(secretKeys(), audience: "bank").verify(token) }
    }

    @Test(arguments: [
        #"{"exp":1899999971}"#, #"{"exp":1900000000.5}"#, #"{"exp":1e300}"#, #"{"nbf":1900000030,"iat":1900000030}"#,
        #"{"aud":"bank"}"#, #"{"aud":["x","bank"]}"#, #"{"aud":null}"#, #"{"aud":[]}"#, #"{}"#, #"{"role":""}"#,
    ])
    func `claims within the leeway, and those that are absent, pass`(payload: String) throws {
        let token = forged(header: #"{"alg":"HS256"}"#, payload: payload, signature: hmac)
        #expect(try verifier(secretKeys(), audience: "bank").verify(token).role == "anon")
    }

    @Test func `texts that are no tokens say what they are`() throws {
        let keys = secretKeys()
        #expect(throws: TokenError.empty) { try verifier(keys).verify("") }
        #expect(throws: TokenError.notThreeParts(count: 1)) { try verifier(keys).verify("sb_publishable") }
        #expect(throws: TokenError.notThreeParts(count: 4)) { try verifier(keys).verify("a.b.c.d") }
        #expect(throws: TokenError.malformed) { try verifier(keys).verify("..") }
        #expect(throws: TokenError.tooLong(bytes: 20_000)) {
            try verifier(keys).verify(String(repeating: "a", count: 20_000))
        }
        let token = try keys.token(claims(("role", "anon")))
        for text in [token + "=", " " + token, token + "\n", token.replacing(".", with: "..")] {
            #expect(throws: TokenError.self) { try verifier(keys).verify(text) }
        }
    }

    @Test func `the role may stand elsewhere in the claims`() throws {
        let keys = secretKeys()
        let token = try keys.token(claims(("realm", ["roles": ["a", "teller"]]), ("https://b.example/r", "x")))
        for (path, role) in [(".realm.roles[1]", "teller"), (#"."https://b.example/r""#, "x"), (".none", "anon")] {
            let roleClaim = try #require(ClaimPath(path))
            let verifier = TokenVerifier(keys: keys, audience: nil, roleClaim: roleClaim) { now }
            #expect(try verifier.verify(token).role == role)
        }
        for path in ["", "role", ".a[", ".a[x]", ".", ".a..b", #"."a"#] { #expect(ClaimPath(path) == nil) }
    }
}

extension VerifierTests {
    @Test func `the cache tells how often it knew a token, also after the keys were changed`() throws {
        let keys = secretKeys()
        let verifier = verifier(keys)
        let token = try keys.token(claims(("role", "anon"), ("exp", .integer(now + 60))))
        for _ in 0..<4 { _ = try verifier.verify(token) }
        #expect(throws: TokenError.self) { try verifier.verify("none") }
        #expect(verifier.cacheFigures.hits == 3 && verifier.cacheFigures.misses == 2)
        verifier.replace(keys: keys)
        #expect(verifier.cacheFigures.hits == 3 && verifier.cachedCount == 0)
    }
}
