/// The 32-bit checksum of the LZ4 frame format (xxHash specification, XXH32, seed 0).
enum XXHash32 {
    private static let primes: [UInt32] = [2_654_435_761, 2_246_822_519, 3_266_489_917, 668_265_263, 374_761_393]

    static func of(_ bytes: UnsafeBufferPointer<UInt8>) -> UInt32 {
        var index = 0
        var sum: UInt32
        if bytes.count >= 16 {
            var lanes = [primes[0] &+ primes[1], primes[1], 0, 0 &- primes[0]]
            while index + 16 <= bytes.count {
                for lane in 0..<4 {
                    let word = lanes[lane] &+ read32(bytes, index + 4 * lane) &* primes[1]
                    lanes[lane] = rotate(word, 13) &* primes[0]
                }
                index += 16
            }
            sum = rotate(lanes[0], 1) &+ rotate(lanes[1], 7) &+ rotate(lanes[2], 12) &+ rotate(lanes[3], 18)
        } else {
            sum = primes[4]
        }
        sum &+= UInt32(truncatingIfNeeded: bytes.count)
        while index + 4 <= bytes.count {
            sum = rotate(sum &+ read32(bytes, index) &* primes[2], 17) &* primes[3]
            index += 4
        }
        while index < bytes.count {
            sum = rotate(sum &+ UInt32(bytes[index]) &* primes[4], 11) &* primes[0]
            index += 1
        }
        sum = (sum ^ (sum >> 15)) &* primes[1]
        sum = (sum ^ (sum >> 13)) &* primes[2]
        return sum ^ (sum >> 16)
    }

    static func of(_ bytes: ArraySlice<UInt8>) -> UInt32 {
        bytes.withUnsafeBufferPointer { of($0) }
    }

    private static func rotate(_ word: UInt32, _ count: UInt32) -> UInt32 { word << count | word >> (32 - count) }

    private static func read32(_ bytes: UnsafeBufferPointer<UInt8>, _ at: Int) -> UInt32 {
        UInt32(bytes[at]) | UInt32(bytes[at + 1]) << 8 | UInt32(bytes[at + 2]) << 16 | UInt32(bytes[at + 3]) << 24
    }
}
