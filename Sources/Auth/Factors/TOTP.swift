internal import Cryptography

/// Time-based one-time passwords (RFC 6238): SHA-1, six digits, thirty seconds, as authenticator apps have it.
enum TOTP {
    static let secretBytes = 20
    static let stepSeconds: Int64 = 30
    /// Clocks of telephones are off by some seconds, and typing takes some: one step before and behind is accepted.
    static let stepsAround: Int64 = 1

    /// The step whose code it is; nil when it is of none near `now`.
    static func step(of code: String, secret: [UInt8], now: Int64) throws -> Int64? {
        guard code.utf8.count == 6, code.utf8.allSatisfy({ (48...57).contains($0) }), now >= 0 else { return nil }
        let current = now / stepSeconds
        var found: Int64?
        // All are compared, so that the time taken does not tell which it was.
        for step in (current - stepsAround)...(current + stepsAround) where step > 0 {
            if ConstantTime.areEqual(Array(try self.code(secret: secret, step: step).utf8), Array(code.utf8)) {
                found = step
            }
        }
        return found
    }

    static func code(secret: [UInt8], step: Int64) throws -> String {
        let message = withUnsafeBytes(of: step.bigEndian) { Array($0) }
        let mac = try hmacSHA1(message, key: secret)
        guard mac.count == 20 else { throw AuthError.unexpected }
        let offset = Int(mac[19] & 15)
        let number = mac[offset..<offset + 4].reduce(UInt32(0)) { $0 << 8 | UInt32($1) } & 0x7FFF_FFFF
        let digits = String(number % 1_000_000)
        return String(repeating: "0", count: 6 - digits.count) + digits
    }

    /// RFC 2104 over SHA-1; keys here are shorter than its block.
    private static func hmacSHA1(_ message: [UInt8], key: [UInt8]) throws -> [UInt8] {
        let padded = key + [UInt8](repeating: 0, count: max(0, 64 - key.count))
        let inner = try LegacyDigest.sha1.hash(padded.map { $0 ^ 0x36 } + message)
        return try LegacyDigest.sha1.hash(padded.map { $0 ^ 0x5C } + inner)
    }

    static func uri(secret: String, account: String, issuer: String) -> String {
        let label = PercentEncoding.encode(issuer) + ":" + PercentEncoding.encode(account)
        return
            "otpauth://totp/\(label)?algorithm=SHA1&digits=6&issuer=\(PercentEncoding.encode(issuer))&period=30&secret=\(secret)"
    }
}

/// Base32 without padding (RFC 4648), as authenticator apps read secrets.
enum Base32 {
    private static let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567".utf8)

    static func encode(_ bytes: [UInt8]) -> String {
        var out: [UInt8] = []
        var bits: UInt32 = 0
        var count: UInt32 = 0
        for byte in bytes {
            bits = (bits << 8 | UInt32(byte)) & 0xFFFF
            count += 8
            while count >= 5 {
                count -= 5
                out.append(alphabet[Int(bits >> count & 31)])
            }
        }
        if count > 0 { out.append(alphabet[Int(bits << (5 - count) & 31)]) }
        return String(decoding: out, as: UTF8.self)
    }
}
