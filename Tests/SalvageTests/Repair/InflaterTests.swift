import CZlib
import Foundation
import Testing

@testable import Salvage

struct InflaterTests {
    private static let strategies = [Z_DEFAULT_STRATEGY, Z_FILTERED, Z_HUFFMAN_ONLY, Z_RLE, Z_FIXED]

    /// Text, noise, runs, and mixtures: all that a compressor treats in its own way.
    private static func sample(_ generator: inout SeededGenerator) -> [UInt8] {
        let count = Int.random(in: 0...120_000, using: &generator)
        switch Int.random(in: 0..<4, using: &generator) {
        case 0: return (0..<count).map { _ in UInt8.random(in: 0...255, using: &generator) }
        case 1: return [UInt8](repeating: UInt8.random(in: 0...255, using: &generator), count: count)
        case 2: return Array(BankText(rowCount: count / 100, seed: generator.next()).text)
        default:
            var bytes = BankText(rowCount: count / 200, seed: generator.next()).text
            bytes += (0..<(count / 4)).map { _ in UInt8.random(in: 0...255, using: &generator) }
            return bytes + bytes
        }
    }

    private static func inflate(_ compressed: [UInt8], step: Int) -> (text: [UInt8], stop: Inflater.Stop) {
        let inflater = Inflater(DeflateInput(compressed), at: 0)
        var stop = Inflater.Stop.full
        while stop == .full { stop = inflater.run(until: inflater.state.count + step) }
        return (inflater.text[..<inflater.state.count].map { UInt8(truncatingIfNeeded: $0) }, stop)
    }

    @Test(arguments: [Int32](0...9))
    func `every level and strategy of zlib is inflated to what went in`(level: Int32) {
        let seed = UInt64(level) + 2_026
        print("seed \(seed)")
        var generator = SeededGenerator(seed: seed)
        for strategy in Self.strategies {
            for _ in 0..<3 {
                let bytes = Self.sample(&generator)
                let compressed = Deflate.compress(bytes, level: level, windowBits: -15, strategy: strategy)
                let step = Int.random(in: 1...60_000, using: &generator)
                let (text, stop) = Self.inflate(compressed, step: step)
                let isSame = text == bytes
                #expect(isSame && stop == .end, "level \(level), strategy \(strategy), \(bytes.count) bytes")
            }
        }
    }

    @Test func `a few bytes that stand for a thousand times as many stop at the limit`() {
        let compressed = Deflate.compress([UInt8](repeating: 65, count: 4 << 20), windowBits: -15)
        #expect(compressed.count < 8_000)
        let inflater = Inflater(DeflateInput(compressed, textMax: 1 << 20), at: 0)
        let stop = inflater.run(until: .max)
        #expect(stop == .failed(.textTooLong))
        #expect(inflater.state.count >= 1 << 20 && inflater.text.count < 2 << 20)
        let whole = Inflater(DeflateInput(compressed), at: 0)
        #expect(whole.run(until: .max) == .end && whole.state.count == 4 << 20)
    }

    @Test func `a damaged stream gives what zlib gives before the failure, and never traps`() {
        let seed: UInt64 = 7
        print("seed \(seed)")
        var generator = SeededGenerator(seed: seed)
        for _ in 0..<150 {
            var compressed = Deflate.compress(Self.sample(&generator), windowBits: -15)
            for _ in 0..<Int.random(in: 1...3, using: &generator) where !compressed.isEmpty {
                let bit = Int.random(in: 0..<(compressed.count * 8), using: &generator)
                compressed[bit >> 3] ^= 1 << UInt8(bit & 7)
            }
            if Bool.random(using: &generator) { compressed.removeLast(compressed.count / 3) }
            let (text, stop) = Self.inflate(compressed, step: 10_000)
            let (reference, isWhole) = Self.referenceText(compressed)
            #expect(isWhole == (stop == .end))
            let isSame = text.starts(with: reference) || reference.starts(with: text)
            #expect(isSame && abs(text.count - reference.count) <= 600, "\(text.count) \(reference.count)")
        }
    }

    private static func referenceText(_ compressed: [UInt8]) -> (text: [UInt8], isWhole: Bool) {
        var stream = z_stream()
        guard inflateInit2_(&stream, -15, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size)) == Z_OK else {
            return ([], false)
        }
        defer { inflateEnd(&stream) }
        var input = compressed
        var text: [UInt8] = []
        var status = Z_OK
        input.withUnsafeMutableBufferPointer { source in
            stream.next_in = source.baseAddress
            stream.avail_in = UInt32(source.count)
            var buffer = [UInt8](repeating: 0, count: 1 << 16)
            repeat {
                let filled = buffer.withUnsafeMutableBufferPointer { target in
                    stream.next_out = target.baseAddress
                    stream.avail_out = UInt32(target.count)
                    status = CZlib.inflate(&stream, Z_NO_FLUSH)
                    return target.count - Int(stream.avail_out)
                }
                text += buffer.prefix(filled)
            } while status == Z_OK
        }
        return (text, status == Z_STREAM_END)
    }

    @Test func `decoding goes on from a saved state as if it had never stopped`() {
        let bank = BankText(rowCount: 3_000, seed: 11)
        let compressed = Deflate.compress(bank.text, windowBits: -15)
        let inflater = Inflater(DeflateInput(compressed), at: 0)
        _ = inflater.run(until: 100_000)
        let saved = inflater.state
        _ = inflater.run(until: 200_000)
        inflater.state = saved
        #expect(inflater.run(until: .max) == .end)
        #expect(inflater.text[..<inflater.state.count].elementsEqual(bank.text.map(UInt16.init)))
    }

    @Test func `a block read with an unknown window leaves numbered unknowns and invents nothing`() {
        let bank = BankText(rowCount: 4_000, seed: 12)
        let compressed = Deflate.compress(bank.text, windowBits: -15)
        let input = DeflateInput(compressed)
        let whole = Inflater(input, at: 0)
        _ = whole.runBlock(until: .max)
        _ = whole.runBlock(until: .max)
        let (position, count) = (whole.state.position, whole.state.count)
        let middle = Inflater(input, at: position, window: Inflater.unknownWindow)
        #expect(middle.run(until: .max) == .end)
        #expect(whole.run(until: .max) == .end)
        #expect(middle.state.count - MatchCodes.farthestMatch == whole.state.count - count)
        for index in count..<whole.state.count {
            let symbol = Int(middle.text[index - count + MatchCodes.farthestMatch])
            let truth = Int(whole.text[index])
            let known = symbol < 256 ? symbol : Int(whole.text[count - MatchCodes.farthestMatch + symbol - 256])
            if known != truth {
                Issue.record("byte \(index): \(known) is not \(truth)")
                return
            }
        }
    }
}
