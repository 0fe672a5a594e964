import Cryptography
import Foundation
import Testing
import Tokens
import Web

/// A small generator that repeats itself from its seed.
struct Generator: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var value = state
        value = (value ^ value >> 30) &* 0xBF58_476D_1CE4_E5B9
        value = (value ^ value >> 27) &* 0x94D0_49BB_1331_11EB
        return value ^ value >> 31
    }
}

@Suite struct FuzzTests {
    @Test func `no text traps the parser, and no changed token passes`() throws {
        let seed = UInt64.random(in: .min ... .max)
        var generator = Generator(seed: seed)
        let keys = KeySet([
            TokenKey(id: nil, .secret(secret)), TokenKey(p256: try P256.PrivateKey()),
            TokenKey(id: "ed", .ed25519Private(try Ed25519.PrivateKey())),
        ])
        let verifier = verifier(keys)
        let good = try (0..<3).map { try KeySet(keys.keys, signing: $0).token(claims(("role", "anon"))) }
        for round in 0..<20_000 {
            var bytes = Array(good[round % 3].utf8)
            for _ in 0...Int.random(in: 0..<4, using: &generator) {
                let place = Int.random(in: 0..<bytes.count, using: &generator)
                switch Int.random(in: 0..<4, using: &generator) {
                case 0: bytes[place] = UInt8.random(in: .min ... .max, using: &generator)
                case 1 where bytes.count > 1: bytes.remove(at: place)
                case 2: bytes.insert(UInt8.random(in: 45...122, using: &generator), at: place)
                default: bytes = Array(bytes[..<max(1, place)])
                }
            }
            let text = String(decoding: bytes, as: UTF8.self)
            guard !good.contains(text) else { continue }
            #expect(throws: TokenError.self, "seed \(seed), round \(round)") { try verifier.verify(text) }
        }
    }

    /// Whole tokens in all shapes, for some seconds; ten minutes with `DIGITALBANK_LONG=1`.
    @Test(.timeLimit(.minutes(15))) func `no token traps the parser, however long one tries`() throws {
        let isLong = ProcessInfo.processInfo.environment["DIGITALBANK_LONG"] == "1"
        let seed = UInt64.random(in: .min ... .max)
        var generator = Generator(seed: seed)
        let verifier = verifier(secretKeys(), audience: "x")
        let pieces: [[UInt8]] = [
            "eyJhbGciOiJIUzI1NiJ9", "eyJhbGciOiJub25lIn0", ".", "..", "e30", "eyJleHAiOjF9", "=", "-_", "A", "\u{0}",
            "é",
            "{\"alg\":\"HS256\"}", "[[[[[[[[", "{\"a\":", "\"\\ud800\"", "1e99999", "-", "Bearer ",
        ].map { Array($0.utf8) }
        let clock = ContinuousClock()
        let end = clock.now + (isLong ? .seconds(600) : .seconds(2))
        var round = 0
        while clock.now < end {
            round += 1
            var bytes: [UInt8] = []
            for _ in 0..<Int.random(in: 0..<10, using: &generator) {
                if Bool.random(using: &generator) {
                    bytes += pieces[Int.random(in: 0..<pieces.count, using: &generator)]
                } else {
                    let count = Int.random(in: 0..<24, using: &generator)
                    let raw = (0..<count).map { _ in UInt8.random(in: .min ... .max, using: &generator) }
                    bytes += Bool.random(using: &generator) ? raw : Array(Base64URL.encode(raw).utf8)
                }
            }
            let text = String(decoding: bytes, as: UTF8.self)
            if let actor = try? verifier.verify(text) { Issue.record("seed \(seed), round \(round): \(actor.role)") }
            // And the same as the payload of a token that is signed well.
            _ = try? verifier.verify(forged(header: #"{"alg":"HS256"}"#, payload: text, signature: hmac))
        }
        #expect(round > 100)
    }

    @Test func `any signed payload is refused or read, never a trap`() {
        let seed = UInt64.random(in: .min ... .max)
        var generator = Generator(seed: seed)
        let pieces = [
            "{", "}", "[", "]", ":", ",", "\"exp\"", "\"aud\"", "\"role\"", "\"\\ud800\"", "1e400", "-0",
            "9223372036854775808",
            "null", "true", "\"\"", "\"x\"", " ", "\u{FF}", "1900000000", "\"iat\"",
        ]
        let verifier = verifier(secretKeys(), audience: "x")
        for _ in 0..<20_000 {
            let count = Int.random(in: 0..<12, using: &generator)
            let payload = (0..<count).map { _ in pieces[Int.random(in: 0..<pieces.count, using: &generator)] }.joined()
            let header = Bool.random(using: &generator) ? #"{"alg":"HS256"}"# : payload
            _ = try? verifier.verify(forged(header: header, payload: payload, signature: hmac))
        }
    }

    @Test func `base64url reads exactly what it writes`() {
        let seed = UInt64.random(in: .min ... .max)
        var generator = Generator(seed: seed)
        for count in 0..<200 {
            let bytes = (0..<count).map { _ in UInt8.random(in: .min ... .max, using: &generator) }
            let text = Base64URL.encode(bytes)
            #expect(Base64URL.decode(text) == bytes, "seed \(seed)")
            #expect(!text.contains("="))
        }
        for text in ["A", "AAAAA", "AB", "AAB", "AA=", "AA==", "A+", "A/", "A A", "é", "AA\n"] {
            #expect(Base64URL.decode(text) == nil, "\(text)")
        }
        #expect(Base64URL.decode("_-8") == [0xFF, 0xEF])
    }
}
