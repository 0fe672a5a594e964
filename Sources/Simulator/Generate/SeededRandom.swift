internal import Foundation

/// A repeatable random source: xoshiro256** (Blackman and Vigna, 2018), seeded through SplitMix64.
///
/// Every purpose draws from a stream of its own, so that a change in one part of the bank leaves the others as they were.
struct SeededRandom: Sendable {
    private var state: (UInt64, UInt64, UInt64, UInt64)

    init(seed: UInt64, stream: String, index: Int = 0) {
        var mix = seed &+ UInt64(bitPattern: Int64(index)) &* 0xD6E8_FEB8_6659_FD93
        for byte in stream.utf8 { mix = (mix ^ UInt64(byte)) &* 0x0000_0100_0000_01B3 }
        func draw() -> UInt64 {
            mix &+= 0x9E37_79B9_7F4A_7C15
            var word = mix
            word = (word ^ (word >> 30)) &* 0xBF58_476D_1CE4_E5B9
            word = (word ^ (word >> 27)) &* 0x94D0_49BB_1331_11EB
            return word ^ (word >> 31)
        }
        state = (draw(), draw(), draw(), draw())
    }

    mutating func next() -> UInt64 {
        func rotated(_ word: UInt64, _ count: UInt64) -> UInt64 { (word << count) | (word >> (64 - count)) }
        let result = rotated(state.1 &* 5, 7) &* 9
        let shifted = state.1 << 17
        state.2 ^= state.0
        state.3 ^= state.1
        state.1 ^= state.2
        state.0 ^= state.3
        state.2 ^= shifted
        state.3 = rotated(state.3, 45)
        return result
    }

    /// A whole number from 0 up to, and without, `bound`; 0 when the bound is not positive.
    mutating func below(_ bound: Int) -> Int {
        guard bound > 0 else { return 0 }
        return Int(next().multipliedFullWidth(by: UInt64(bound)).high)
    }

    mutating func within(_ range: ClosedRange<Int>) -> Int { range.lowerBound + below(range.count) }

    /// From 0 up to, and without, 1.
    mutating func unit() -> Double { Double(next() >> 11) * 0x1p-53 }

    mutating func chance(_ probability: Double) -> Bool { unit() < probability }

    /// Normal, mean 0, deviation 1 (Box and Muller).
    mutating func normal() -> Double {
        (-2 * log(1 - unit())).squareRoot() * cos(2 * .pi * unit())
    }

    /// Log-normal around a median: what prices and salaries look like.
    mutating func amount(median: Double, spread: Double) -> Double { median * exp(spread * normal()) }

    /// How many events happen when `mean` are expected (Knuth's product of uniforms; for small means).
    mutating func count(mean: Double) -> Int {
        let floor = exp(-mean)
        var product = unit()
        var count = 0
        while product > floor, count < 100 {
            count += 1
            product *= unit()
        }
        return count
    }

    mutating func pick<Element>(_ elements: [Element]) -> Element { elements[below(elements.count)] }

    /// `count` different whole numbers below `bound`, in ascending order.
    mutating func sample(_ count: Int, below bound: Int) -> [Int] {
        var chosen: Set<Int> = []
        while chosen.count < min(count, bound) { chosen.insert(below(bound)) }
        return chosen.sorted()
    }
}
