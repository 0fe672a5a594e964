import Foundation
import TestSupport
import Testing

@testable import Salvage

struct DeflateEchoTests {
    private static func scan(_ bytes: [UInt8], _ grammar: RowGrammar = BankText.grammar) -> (TextScan, EchoScan)? {
        guard let wrapper = DeflateWrapper.read(bytes[...], kind: .zlib) else { return nil }
        let scan = TextScan(DeflateInput(bytes), wrapper, LineJudge(rows: grammar))
        return (scan, EchoScan(scan))
    }

    @Test(arguments: [Int32(1), 2, 3, 4, 5, 6, 7, 8, 9])
    func `a sound stream of any level agrees with its echo to the end`(level: Int32) throws {
        let bank = BankText(rowCount: 12_000, seed: UInt64(level))
        let (scan, echo) = try #require(Self.scan(Deflate.compress(bank.text, level: level)))
        #expect(scan.run() == nil)
        #expect(echo.run(from: 0) == nil)
        #expect(echo.echo?.levels.contains(level) == true)
    }

    @Test(arguments: ["flip", "noise", "missing"])
    func `stream and echo part at the damage`(kind: String) throws {
        var late: [Int] = []
        for seed in UInt64(1)...(isLongRun ? 30 : 8) {
            var generator = SeededGenerator(seed: seed)
            let bank = BankText(rowCount: 8_000, seed: seed)
            let whole = Deflate.compress(bank.text)
            var bytes = whole
            let place = Int.random(in: 2_000..<(bytes.count * 9 / 10), using: &generator)
            switch kind {
            case "flip": bytes[place] ^= 1 << UInt8.random(in: 0..<8, using: &generator)
            case "noise":
                for index in place..<(place + 64) { bytes[index] = UInt8.random(in: 0...255, using: &generator) }
            default: bytes.removeSubrange(place..<(place + 64))
            }
            let (scan, echo) = try #require(Self.scan(bytes))
            let evidence = scan.run()
            let parting = echo.run(from: 0)
            let (sound, _) = try #require(Self.scan(whole))
            _ = sound.run()
            let symbols = EchoScan.symbols(sound.inflater, from: sound.steps[0].state, to: .max)
            let first = symbols.firstIndex { $0.bit + $0.token.bits > place * 8 } ?? 0
            if let parting { late.append(parting.place - symbols[first].place) }
            guard kind != "flip" else { continue }
            #expect(min(parting?.sure ?? 0, evidence?.textOffset ?? 0) <= symbols[first].place)
        }
        print("\(kind): stream and echo part so many bytes of text behind the damage: \(late.sorted())")
    }
}
