import Testing
import Web

@Suite struct JSONTests {
    static let valid: [(String, JSON)] = [
        ("null", .null), ("[]", []), ("{}", [:]),
        (" [1, -2.50e+3 , \"é\\u00e9\\ud83d\\ude00\"] ", [1, .number("-2.50e+3"), "éé😀"]),
        (#"{"a":{"b":[true,false,null]},"a":2}"#, ["a": ["b": [true, false, .null]], "a": 2]),
    ]

    @Test(arguments: valid)
    func `a valid text is read as it stands`(text: String, value: JSON) throws {
        #expect(try JSONReader.read(text) == value)
    }

    @Test(arguments: [
        "", " ", "nul", "[1,]", "{\"a\"}", "{\"a\":1,}", "{a:1}", "01", "-", "1.", "1e", "\"", "\"\\x\"", "\"\\ud800\"",
        "\"\\ud800\\u0041\"", "\"\u{1}\"", "[1] 2", "//", "[", "{", "+1", "NaN", "'a'",
        String(repeating: "[", count: 100_000),
    ])
    func `an invalid text is refused`(text: String) {
        #expect(throws: JSONError.self) { try JSONReader.read(text) }
    }

    @Test func `bytes that are no UTF-8 are refused`() {
        #expect(throws: JSONError.self) { try JSONReader.read([0x22, 0xFF, 0x22]) }
        #expect(throws: JSONError.self) { try JSONReader.read([0x22, 0xC0, 0x80, 0x22]) }
    }

    @Test func `what was read is written again`() throws {
        let text = #"{"a":[1,2.50,"\"\\\n\u0001é"],"b":null,"c":true}"#
        #expect(try JSONReader.read(text).text == text)
    }

    @Test func `the last of two members with one name counts`() throws {
        #expect(try JSONReader.read(#"{"a":1,"a":2}"#)["a"]?.integer == 2)
    }

    @Test func `random bytes never trap`() {
        let seed = UInt64.random(in: .min ... .max)
        var random = Seeded(state: seed)
        let alphabet = Array(#"{}[]",:\u0ae1.-+ tfn"#.utf8) + [0xC3, 0xA9, 0xFF, 0]
        for _ in 0..<20_000 {
            let bytes = (0..<Int.random(in: 0...24, using: &random)).map { _ in
                alphabet[Int.random(in: 0..<alphabet.count, using: &random)]
            }
            if let value = try? JSONReader.read(bytes) {
                #expect((try? JSONReader.read(value.text)) == value, "seed \(seed), bytes \(bytes)")
            }
        }
    }
}

/// SplitMix64.
struct Seeded: RandomNumberGenerator {
    var state: UInt64
    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}
