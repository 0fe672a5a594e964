import Cryptography
import Testing

@Suite struct P256Tests {
    @Test func `the key and the signature of RFC 6979 verify`() throws {
        let scalar = try #require([UInt8](hex: "C9AFA9D845BA75166B5C215767B1D6934E50C3DB36E89B127B8A622B120F6721"))
        let key = try P256.PrivateKey(scalar: scalar)
        #expect(key.publicKey.x.hex == "60fed4ba255a9d31c961eb74c6356d68c049b8923b61fa6ce669622e60f29fb6")
        #expect(key.publicKey.y.hex == "7903fe1008b8bc99a41ae9e95628bc64f2f1b20c2d7e9f5177a3c294d4462299")
        let signature = try #require(
            [UInt8](
                hex: "efd48b2aacb6a8fd1140dd9cd45e81d69d2c877b56aaf991c34d0ea84eaf3716"
                    + "f7cb1c942d657c41d436c7a1b6e29f65f3e900dbb9aff4064dc4ab2f843acda8"))
        #expect(key.publicKey.isValid(signature, for: Array("sample".utf8)))
        #expect(!key.publicKey.isValid(signature, for: Array("Sample".utf8)))
    }

    @Test func `signatures verify under their own key and message only`() throws {
        let key = try P256.PrivateKey()
        let other = try P256.PrivateKey()
        for number in 0..<200 {
            let message = Array("message \(number)".utf8)
            var signature = try key.signature(of: message)
            #expect(signature.count == 64)
            #expect(key.publicKey.isValid(signature, for: message))
            #expect(!other.publicKey.isValid(signature, for: message))
            signature[number % 64] ^= 1
            #expect(!key.publicKey.isValid(signature, for: message))
        }
        for bad in [[], [UInt8](repeating: 0, count: 64), [UInt8](repeating: 0xFF, count: 64), [1, 2, 3]] {
            #expect(!key.publicKey.isValid(bad, for: [1]))
        }
    }

    @Test func `numbers that are no keys are refused`() {
        for scalar in [[], [UInt8](repeating: 0, count: 32), [UInt8](repeating: 0xFF, count: 32), [1]] {
            #expect(throws: CryptoError.self) { try P256.PrivateKey(scalar: scalar) }
        }
        let one = [UInt8](repeating: 0, count: 31) + [1]
        #expect(throws: CryptoError.self) { try P256.PublicKey(x: one, y: one) }
        #expect(throws: CryptoError.self) { try RSA.PublicKey(modulus: one, exponent: [1, 0, 1]) }
        #expect(throws: CryptoError.self) {
            try RSA.PublicKey(modulus: [UInt8](repeating: 0xFF, count: 256), exponent: [1])
        }
    }
}
