import Foundation
import Testing

@testable import Salvage

struct DebugTests {
    @Test func `debug two`() throws {
        for (kind, level, seed, bit) in [(DeflateWrapper.Kind.zlib, Int32(6), UInt64(601), 135399), (.zlib, 6, 601, 242477), (.gzip, 6, 602, 284647), (.gzip, 9, 902, 271957), (.zlib, 9, 901, 268393), (.zlib, 1, 101, 284970), (.gzip, 1, 102, 1094447), (.zlib, 1, 101, 1010889), (.zlib, 1, 101, 258668)] {
            let bank = BankText(rowCount: 6_000, seed: seed)
            let whole = Deflate.compress(bank.text, level: level, windowBits: kind == .zlib ? 15 : 31)
            let wrapper = try #require(DeflateWrapper.read(whole[...], kind: kind))
            var bytes = whole
            bytes[bit >> 3] ^= 1 << UInt8(bit & 7)
            let begin = ContinuousClock.now
            let repair = BitRepair(DeflateInput(bytes), wrapper, judge: LineJudge(rows: BankText.grammar))
            let outcome = repair.run()
            print(bit, outcome, repair.likely, repair.equals, ContinuousClock.now - begin)
        }
    }
}
