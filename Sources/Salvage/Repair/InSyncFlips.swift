internal import CZlib

/// Finds the one flipped bit that changes bytes of the text but no lengths: a literal, a distance.
///
/// Such a flip may show nowhere but in the checksum. Both checksums are linear: what one changed byte does to the sum
/// depends only on its place and on the places to which later references copy it. One pass backwards over the symbols
/// adds up these weights, so that a bit is judged without decoding the rest of the stream again.
struct InSyncFlips {
    let trace: TokenTrace
    let input: DeflateInput
    let algebra: ChecksumAlgebra
    /// The difference a flip has to make.
    let wanted: UInt64

    /// An alternative reading that has not come back to the original symbols after so many is no candidate.
    private static let symbolsMax = 24

    init(_ trace: TokenTrace, _ input: DeflateInput, _ proof: DeflateProof, _ wrapper: DeflateWrapper, stored: UInt32) {
        self.trace = trace
        self.input = input
        algebra = ChecksumAlgebra(kind: wrapper.kind, length: trace.text.count)
        wanted = algebra.difference(from: proof.computed, to: stored)
    }

    /// All single bits that make the checksum hold.
    func find() -> [Int] {
        var weights = Weights(algebra: algebra, count: trace.text.count)
        var found: [Int] = []
        for block in trace.blocks.reversed() {
            guard let codes = block.codes else {
                stored(block, &weights, &found)
                continue
            }
            var position = block.end
            var text = block.textEnd
            for index in block.tokens.reversed() {
                let token = trace.tokens[index]
                position -= token.bits
                text -= token.length
                weights.take(token, at: text)
                guard token.length > 0 else { continue }
                for bit in position..<(position + token.bits) {
                    guard comesBack(bit, at: position, index, block, codes),
                        let change = change(bit, at: position, text, index, block, codes)
                    else { continue }
                    if effect(of: change, at: text, index, weights) == wanted { found.append(bit) }
                }
            }
        }
        return found
    }

    private func stored(_ block: TokenTrace.Block, _ weights: inout Weights, _ found: inout [Int]) {
        for offset in (0..<(block.textEnd - block.textStart)).reversed() {
            let place = block.textStart + offset
            weights.enter(place)
            let old = UInt8(truncatingIfNeeded: trace.text[place])
            for bit in 0..<8 where algebra.effect(old, old ^ 1 << UInt8(bit), weights[place]) == wanted {
                found.append(block.dataStart + offset * 8 + bit)
            }
        }
    }

    /// What is read instead of the symbols from `index` on.
    private struct Change {
        var tokens: [Token]
        var length: Int
        /// How many of the original symbols it stands for.
        var replaced: Int
    }

    /// Whether the reading with `bit` turned comes back to the original symbols; asked of every bit, so that nothing is
    /// kept.
    private func comesBack(
        _ bit: Int, at position: Int, _ index: Int, _ block: TokenTrace.Block, _ codes: BlockCodes
    ) -> Bool {
        var (other, original) = (position, position)
        var (lengths, next, count) = (0, index, 0)
        repeat {
            if other <= original {
                var word = input.peek(other)
                if bit >= other, bit - other < 57 { word ^= 1 << UInt64(bit - other) }
                let token = Token.read(word, codes)
                count += 1
                guard token.bits > 0, token.length > 0, count <= Self.symbolsMax else { return false }
                other += token.bits
                lengths += token.length
            } else {
                guard next < block.tokens.upperBound, trace.tokens[next].length > 0 else { return false }
                original += trace.tokens[next].bits
                lengths -= trace.tokens[next].length
                next += 1
            }
        } while other != original || next == index
        return lengths == 0
    }

    /// Nil unless the reading with `bit` turned comes back to the original symbols with a text of the same length.
    private func change(
        _ bit: Int, at position: Int, _ text: Int, _ index: Int, _ block: TokenTrace.Block, _ codes: BlockCodes
    ) -> Change? {
        var other = position
        var otherLength = 0
        var original = position
        var originalLength = 0
        var next = index
        var tokens: [Token] = []
        repeat {
            if other <= original {
                var word = input.peek(other)
                if bit >= other, bit - other < 57 { word ^= 1 << UInt64(bit - other) }
                let token = Token.read(word, codes)
                guard token.bits > 0, token.length > 0, tokens.count < Self.symbolsMax else { return nil }
                if token.length > 1, token.distance > text + otherLength { return nil }
                tokens.append(token)
                other += token.bits
                otherLength += token.length
            } else {
                guard next < block.tokens.upperBound, trace.tokens[next].length > 0 else { return nil }
                original += trace.tokens[next].bits
                originalLength += trace.tokens[next].length
                next += 1
            }
        } while other != original || next == index
        guard otherLength == originalLength else { return nil }
        return Change(tokens: tokens, length: otherLength, replaced: next - index)
    }

    /// What `change` does to the checksum.
    private func effect(of change: Change, at text: Int, _ index: Int, _ weights: Weights) -> UInt64 {
        var own = (0..<change.length).map { weights[text + $0] }
        var place = 0
        for token in trace.tokens[index..<(index + change.replaced)] {
            if token.length > 1 {
                for target in place..<(place + token.length) where target >= token.distance {
                    own[target - token.distance] = algebra.subtract(own[target - token.distance], own[target])
                }
            }
            place += token.length
        }
        var new: [UInt8] = []
        for token in change.tokens {
            if token.length == 1 {
                new.append(UInt8(truncatingIfNeeded: token.literal))
                continue
            }
            for _ in 0..<token.length {
                let source = new.count - token.distance
                new.append(source >= 0 ? new[source] : UInt8(truncatingIfNeeded: trace.text[text + source]))
            }
        }
        var sum: UInt64 = 0
        for (offset, byte) in new.enumerated() {
            let old = UInt8(truncatingIfNeeded: trace.text[text + offset])
            if old != byte { sum = algebra.add(sum, algebra.effect(old, byte, own[offset])) }
        }
        return sum
    }
}

/// How Adler-32 and CRC-32 answer to a changed byte; a weight says how much a byte's change weighs.
struct ChecksumAlgebra {
    let kind: DeflateWrapper.Kind
    let length: Int
    private static let adlerModulus: UInt64 = 65521
    private static let polynomial: UInt64 = 0xEDB8_8320

    private let table: [UInt64] = (0..<256).map { index in
        (0..<8).reduce(UInt64(index)) { value, _ in value & 1 == 1 ? value >> 1 ^ polynomial : value >> 1 }
    }

    init(kind: DeflateWrapper.Kind, length: Int) {
        self.kind = kind
        self.length = length
    }

    /// The weight of the last byte of the text, and of the byte before one of `weight`.
    func unit(before weight: UInt64?, at place: Int) -> UInt64 {
        switch kind {
        case .zlib: return 1 << 32 | UInt64(length - place) % Self.adlerModulus
        case .gzip:
            guard let weight else { return Self.polynomial }
            return weight >> 8 ^ table[Int(weight & 255)]
        }
    }

    func add(_ a: UInt64, _ b: UInt64) -> UInt64 {
        guard kind == .zlib else { return a ^ b }
        let high = (a >> 32 + b >> 32) % Self.adlerModulus
        return high << 32 | ((a & 0xFFFF_FFFF) + (b & 0xFFFF_FFFF)) % Self.adlerModulus
    }

    func subtract(_ a: UInt64, _ b: UInt64) -> UInt64 {
        guard kind == .zlib else { return a ^ b }
        let modulus = Self.adlerModulus
        let high = (a >> 32 + modulus - b >> 32) % modulus
        return high << 32 | ((a & 0xFFFF_FFFF) + modulus - (b & 0xFFFF_FFFF)) % modulus
    }

    func effect(_ old: UInt8, _ new: UInt8, _ weight: UInt64) -> UInt64 {
        switch kind {
        case .zlib:
            let modulus = Self.adlerModulus
            let delta = (UInt64(new) + modulus - UInt64(old)) % modulus
            return (weight >> 32 * delta % modulus) << 32 | (weight & 0xFFFF_FFFF) * delta % modulus
        case .gzip:
            var product: UInt64 = 0
            var factor = weight
            var bits = old ^ new
            while bits != 0 {
                if bits & 0x80 != 0 { product ^= factor }
                factor = factor & 1 == 1 ? factor >> 1 ^ Self.polynomial : factor >> 1
                bits <<= 1
            }
            return product
        }
    }

    func difference(from computed: UInt32, to stored: UInt32) -> UInt64 {
        guard kind == .zlib else { return UInt64(computed ^ stored) }
        let a = subtract(UInt64(stored & 0xFFFF) << 32, UInt64(computed & 0xFFFF) << 32)
        return a | subtract(UInt64(stored >> 16), UInt64(computed >> 16))
    }
}

/// The weights of the 64 KiB of text around the pass.
struct Weights {
    private let algebra: ChecksumAlgebra
    private var ring = [UInt64](repeating: 0, count: 1 << 16)
    private var unit: UInt64?
    /// Slots at and above this place hold sums; those below are cleared when they come into reach.
    private var cleared: Int

    init(algebra: ChecksumAlgebra, count: Int) {
        self.algebra = algebra
        cleared = count
    }

    subscript(_ place: Int) -> UInt64 { ring[place & 0xFFFF] }

    /// Takes the byte at `place` in: all later ones have been.
    mutating func enter(_ place: Int) {
        let low = max(place - MatchCodes.farthestMatch, 0)
        while cleared > low {
            cleared -= 1
            ring[cleared & 0xFFFF] = 0
        }
        let next = algebra.unit(before: unit, at: place)
        unit = next
        ring[place & 0xFFFF] = algebra.add(ring[place & 0xFFFF], next)
    }

    /// Takes a symbol's bytes in, and passes their weights on to those they were copied from.
    mutating func take(_ token: Token, at text: Int) {
        for place in (text..<(text + token.length)).reversed() {
            enter(place)
            guard token.length > 1 else { continue }
            let source = place - token.distance
            ring[source & 0xFFFF] = algebra.add(ring[source & 0xFFFF], ring[place & 0xFFFF])
        }
    }
}
