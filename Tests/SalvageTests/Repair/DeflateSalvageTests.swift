import Foundation
import Testing

@testable import Salvage

struct DeflateSalvageTests {
    private struct Found {
        var proven: [String] = []
        var intact: [String] = []
        var inferred = 0
        var suspect = 0
        var damage: [Damage] = []
    }

    private static func read(_ bytes: [UInt8], codec: Codec) throws -> Found {
        var found = Found()
        let reader = StreamReader(
            table: "public.operations", columns: BankText.columns.map(\.name), grammar: BankText.grammar,
            source: "entry 1", codec: codec
        ) { event in
            if case .restart = event { found = Found() }
            guard case .rows(let batch) = event else { return }
            let rows = (0..<batch.rowCount).map {
                String(decoding: batch.text[batch.bytes(ofRows: $0..<($0 + 1))].dropLast(), as: UTF8.self)
            }
            switch batch.confidence {
            case .proven: found.proven += rows
            case .intact: found.intact += rows
            case .inferred: found.inferred += rows.count
            case .suspect: found.suspect += rows.count
            }
        }
        let (_, damage) = try reader.read { receive in
            for start in stride(from: 0, to: bytes.count, by: 4096) {
                try bytes[start..<min(start + 4096, bytes.count)].withUnsafeBufferPointer { try receive($0, start) }
            }
            return nil
        }
        found.damage = damage
        return found
    }

    @Test(arguments: ["flip", "cut", "intact"])
    func `of more text than can be held the beginning is read, and the rest is told as lost`(kind: String) throws {
        let bank = BankText(rowCount: 8_000, seed: 9)
        var bytes = Deflate.compress(bank.text)
        switch kind {
        case "flip": bytes[bytes.count - 3_000] ^= 4
        case "cut": bytes.removeLast(500)
        default: break
        }
        var rows: [String] = []
        let reader = StreamReader(
            table: "public.operations", columns: BankText.columns.map(\.name), grammar: BankText.grammar,
            source: "entry 1", codec: .zlib
        ) { event in
            guard case .rows(let batch) = event, batch.confidence == .intact || batch.confidence == .proven else {
                return
            }
            rows += (0..<batch.rowCount).map {
                String(decoding: batch.text[batch.bytes(ofRows: $0..<($0 + 1))].dropLast(), as: UTF8.self)
            }
        }
        let stream = try StreamBytes { receive in
            try bytes.withUnsafeBufferPointer { try receive($0, 0) }
            return nil
        }
        let wrapper = try #require(DeflateWrapper.read(stream.bytes[...], kind: .zlib))
        let salvage = DeflateSalvage(reader: reader, stream: stream, textMax: 100_000)
        let (_, damage) = try salvage.read(wrapper)
        let isBeginning = rows == Array(bank.rows.prefix(rows.count))
        #expect(isBeginning && rows.count > 500 && rows.count < bank.rows.count)
        let told = damage.filter { $0.kind == .truncated }.map(\.explanation)
        #expect(told.count == 1 && told[0].hasPrefix("more text than"), "\(damage)")
    }

    @Test func `a flipped bit is repaired, proven and named`() throws {
        for seed in UInt64(1)...4 {
            var generator = SeededGenerator(seed: seed)
            let bank = BankText(rowCount: 3_000, seed: seed)
            var bytes = Deflate.compress(bank.text, windowBits: seed % 2 == 0 ? 15 : 31)
            let bit = Int.random(in: 100..<(bytes.count * 8), using: &generator)
            bytes[bit >> 3] ^= 1 << UInt8(bit & 7)
            let found = try Self.read(bytes, codec: seed % 2 == 0 ? .zlib : .gzip)
            let isSame = found.proven == bank.rows
            #expect(isSame, "seed \(seed), bit \(bit)")
            #expect(found.damage.contains { $0.kind == .bitFlip && $0.range.lowerBound == bit >> 3 }, "seed \(seed)")
        }
    }

    @Test(arguments: ["zeros", "noise", "missing"])
    func `around a hole no false row is called intact, and all before zeros are there`(kind: String) throws {
        for seed in UInt64(1)...6 {
            var generator = SeededGenerator(seed: seed)
            let bank = BankText(rowCount: 12_000, seed: seed)
            var bytes = Deflate.compress(bank.text)
            let length = [64, 512, 4096].randomElement(using: &generator) ?? 512
            let place = Int.random(in: 2_000..<(bytes.count * 8 / 10), using: &generator)
            switch kind {
            case "zeros": for index in place..<(place + length) { bytes[index] = 0 }
            case "noise":
                for index in place..<(place + length) { bytes[index] = UInt8.random(in: 0...255, using: &generator) }
            default: bytes.removeSubrange(place..<(place + length))
            }
            let found = try Self.read(bytes, codec: .zlib)
            let truth = Set(bank.rows)
            let wrong = (found.intact + found.proven).filter { !truth.contains($0) }
            #expect(wrong.isEmpty, "seed \(seed): \(wrong.prefix(3))")
            let before = zip(found.intact, bank.rows).prefix { $0 == $1 }.count
            let text = Inflater(DeflateInput(Deflate.compress(bank.text)), at: 16)
            text.tokens = []
            while text.state.position < place * 8, text.run(until: text.state.count + 64) == .full {}
            let rowsBefore = text.text[..<text.state.count].count { $0 == 10 }
            print(
                "\(kind) \(length) B, seed \(seed): \(before) of \(rowsBefore) rows before the hole,",
                "\(found.intact.count - before) intact behind, \(found.inferred) inferred, \(found.suspect) suspect")
            #expect(before >= rowsBefore - (kind == "zeros" ? 2 : 4), "seed \(seed)")
        }
    }

    @Test func `a cut stream gives its complete rows, and a broken gzip header costs none`() throws {
        let bank = BankText(rowCount: 4_000, seed: 3)
        let whole = Deflate.compress(bank.text, windowBits: 31)
        let cut = try Self.read(Array(whole.prefix(whole.count / 2)), codec: .gzip)
        #expect(cut.intact.count > 1_500 && cut.intact.elementsEqual(bank.rows.prefix(cut.intact.count)))
        #expect(cut.damage.contains { $0.kind == .truncated })
        var broken = whole
        for index in 0..<10 { broken[index] = UInt8(7 + index * 3) }
        let headless = try Self.read(broken, codec: .none)
        #expect(headless.proven.count == bank.rows.count)
        #expect(headless.damage.contains { $0.kind == .headerLost })
    }
}
