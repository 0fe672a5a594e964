import Cryptography
import Synchronization
import Testing
import Tokens
import Web

@Suite struct KeySetTests {
    @Test func `postgrest 4014: a token of a key that was taken away is refused at once, cached or not`() throws {
        let old = KeySet([TokenKey(p256: try P256.PrivateKey())])
        let token = try old.token(claims(("role", "anon")))
        let verifier = verifier(old)
        for _ in 0..<3 { #expect(try verifier.verify(token).isAnonymous) }
        let overlapping = old.rotated(to: TokenKey(p256: try P256.PrivateKey()), keeping: 1)
        verifier.replace(keys: overlapping)
        #expect(try verifier.verify(token).isAnonymous)
        let fresh = try overlapping.token(claims(("role", "anon")))
        verifier.replace(keys: overlapping.rotated(to: TokenKey(p256: try P256.PrivateKey()), keeping: 1))
        #expect(throws: TokenError.noSuitableKey) { try verifier.verify(token) }
        #expect(try verifier.verify(fresh).isAnonymous)
    }

    @Test func `a cached token ends with its exp, as the clock has it`() throws {
        let keys = secretKeys()
        let token = try keys.token(claims(("exp", .integer(now + 10))))
        let time = Clock(now)
        let verifier = TokenVerifier(keys: keys, audience: nil) { time.now }
        for _ in 0..<3 { _ = try verifier.verify(token) }
        time.set(now + 39)
        _ = try verifier.verify(token)
        time.set(now + 40)
        #expect(throws: TokenError.expired) { try verifier.verify(token) }
    }

    @Test func `what is published holds public keys only, and verifies what the private ones signed`() throws {
        let ed = try Ed25519.PrivateKey()
        let p256 = try P256.PrivateKey()
        let keys = KeySet([
            TokenKey(id: nil, .secret(secret)), TokenKey(p256: p256), TokenKey(id: "ed", .ed25519Private(ed)),
        ])
        let published = keys.publicJWKS
        #expect(published["keys"]?.array?.count == 2)
        #expect(!published.text.contains("oct"))
        #expect(!published.text.contains("\"d\""))
        #expect(!published.text.contains(Base64URL.encode(p256.scalar)))
        let others = try #require(KeySet(jwks: published))
        #expect(others.active == nil)
        #expect(throws: CryptoError.self) { try others.token([:]) }
        for (index, key) in keys.keys.enumerated().dropFirst() {
            let token = try KeySet(keys.keys, signing: index).token(claims(("role", "anon")))
            #expect(try verifier(others).verify(token).isAnonymous)
            #expect(key.canSign)
        }
    }

    @Test func `the thumbprint of a P-256 key is its name, and the key is read back from its JWK`() throws {
        let key = try P256.PrivateKey()
        let jwk: JSON = [
            "kty": "EC", "crv": "P-256", "x": .string(Base64URL.encode(key.publicKey.x)),
            "y": .string(Base64URL.encode(key.publicKey.y)), "d": .string(Base64URL.encode(key.scalar)),
        ]
        let read = try #require(TokenKey(jwk: jwk))
        #expect(read.canSign)
        #expect(TokenKey(p256: key).id?.count == 43)
        let other = try P256.PrivateKey()
        let mixed: JSON = [
            "kty": "EC", "crv": "P-256", "x": .string(Base64URL.encode(key.publicKey.x)),
            "y": .string(Base64URL.encode(key.publicKey.y)), "d": .string(Base64URL.encode(other.scalar)),
        ]
        #expect(TokenKey(jwk: mixed) == nil)
    }

    @Test func `keys that are not for verifying tokens are passed over`() {
        for jwk: JSON in [
            ["kty": "EC", "crv": "P-384"], ["kty": "RSA", "n": "AQAB", "e": "AQAB"], ["kty": "OKP", "crv": "X25519"],
            [:], "text", ["kty": "EC", "crv": "P-256", "x": "AA", "y": "AA"],
            ["kty": "oct", "k": .string(Base64URL.encode(secret)), "use": "enc"],
            ["kty": "oct", "k": .string(Base64URL.encode(secret)), "alg": "ES256"],
        ] { #expect(TokenKey(jwk: jwk) == nil) }
        #expect(TokenKey(jwk: ["kty": "oct", "k": .string(Base64URL.encode(secret))])?.algorithm == .hs256)
    }

    @Test func `the cache stays within its bound`() throws {
        let keys = secretKeys()
        let verifier = TokenVerifier(keys: keys, audience: nil, cachedTokensMax: 10) { now }
        for number in 0..<100 {
            let token = try keys.token(claims(("sub", .string("\(number)"))))
            for _ in 0..<2 { #expect(try verifier.verify(token).subject == "\(number)") }
        }
    }

    @Test func `tokens are verified by many tasks while keys change`() async throws {
        let keys = secretKeys()
        let token = try keys.token(claims(("sub", "x")))
        let verifier = verifier(keys)
        try await withThrowingTaskGroup(of: Void.self) { group in
            for _ in 0..<8 {
                group.addTask {
                    for _ in 0..<500 {
                        let actor = try verifier.verify(token)
                        #expect(actor.subject == "x")
                    }
                }
            }
            group.addTask { for _ in 0..<200 { verifier.replace(keys: secretKeys()) } }
            try await group.waitForAll()
        }
    }
}

/// Seconds that a test moves.
final class Clock: Sendable {
    private let seconds: Mutex<Int64>

    init(_ seconds: Int64) { self.seconds = Mutex(seconds) }

    var now: Int64 { seconds.withLock { $0 } }
    func set(_ value: Int64) { seconds.withLock { $0 = value } }
}
