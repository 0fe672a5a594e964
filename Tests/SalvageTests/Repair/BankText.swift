import CZlib
import Foundation

@testable import Salvage

/// Chance that can be repeated: SplitMix64.
struct SeededGenerator: RandomNumberGenerator {
    private var state: UInt64
    let seed: UInt64

    init(seed: UInt64) {
        self.seed = seed
        state = seed
    }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ mixed >> 30) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ mixed >> 27) &* 0x94D0_49BB_1331_11EB
        return mixed ^ mixed >> 31
    }
}

/// A table's COPY data as pg_dump writes it: id, name, IBAN, amount, timestamp, label.
struct BankText {
    let rows: [String]
    var text: [UInt8] { Array((rows.joined(separator: "\n") + "\n\\.\n\n\n").utf8) }

    static let columns = [
        ColumnShape(name: "id", type: .bigint, isNullable: false),
        ColumnShape(name: "nom", type: .text(limit: nil), isNullable: false),
        ColumnShape(name: "iban", type: .character(length: 27), isNullable: false),
        ColumnShape(name: "montant", type: .numeric(precision: 12, scale: 2), isNullable: false),
        ColumnShape(name: "cree_le", type: .timestamptz, isNullable: false),
        ColumnShape(name: "libelle", type: .text(limit: nil)),
    ]
    static let grammar = RowGrammar(columns: columns)

    private static let firstNames = [
        "Camille", "Louise", "Jules", "Adèle", "Hugo", "Inès", "Paul", "Zoé", "Léon", "Agathe", "Noé", "Rose",
    ]
    private static let lastNames = [
        "Martin", "Bernard", "Lefèvre", "Moreau", "Girard", "Roux", "Fontaine", "Chevalier", "Perrin", "Marchand",
    ]
    private static let labels = [
        "PAIEMENT CB CARREFOUR CITY", "VIREMENT RECU SALAIRE", "LOYER", "PRELEVEMENT EDF", "RETRAIT DAB PARIS 11",
        "COTISATION CARTE", "\\N", "REMBOURSEMENT SANTE", "PAIEMENT CB SNCF", "ABONNEMENT MOBILE",
    ]

    init(rowCount: Int, seed: UInt64) {
        var generator = SeededGenerator(seed: seed)
        var clock = 1_700_000_000
        rows = (0..<rowCount).map { index in
            clock += Int.random(in: 1...900, using: &generator)
            let name =
                "\(Self.firstNames.randomElement(using: &generator) ?? "") "
                + "\(Self.lastNames.randomElement(using: &generator) ?? "")"
            let cents = Int.random(in: -250_000...400_000, using: &generator)
            let amount = (cents < 0 ? "-" : "") + "\(abs(cents) / 100)." + String(format: "%02d", abs(cents) % 100)
            let label = Self.labels.randomElement(using: &generator) ?? ""
            return
                "\(index + 1)\t\(name)\t\(Self.iban(&generator))\t\(amount)\t\(Self.moment(clock, &generator))\t\(label)"
        }
    }

    private static func iban(_ generator: inout SeededGenerator) -> String {
        let account = (0..<23).map { _ in String(Int.random(in: 0...9, using: &generator)) }.joined()
        var remainder = 0
        for digit in (account + "152700").utf8 { remainder = (remainder * 10 + Int(digit) - 48) % 97 }
        return "FR" + String(format: "%02d", 98 - remainder) + account
    }

    private static func moment(_ clock: Int, _ generator: inout SeededGenerator) -> String {
        var parts = tm()
        var seconds = time_t(clock)
        gmtime_r(&seconds, &parts)
        return String(
            format: "%04d-%02d-%02d %02d:%02d:%02d.%06d+00", parts.tm_year + 1900, parts.tm_mon + 1, parts.tm_mday,
            parts.tm_hour, parts.tm_min, parts.tm_sec, Int.random(in: 0..<1_000_000, using: &generator))
    }
}

/// Compression by zlib, for tests.
enum Deflate {
    /// As in `deflateInit2`: below zero raw deflate, 15 zlib, 31 gzip.
    static func compress(
        _ bytes: [UInt8], level: Int32 = 6, windowBits: Int32 = 15, strategy: Int32 = Z_DEFAULT_STRATEGY
    ) -> [UInt8] {
        var stream = z_stream()
        let size = Int32(MemoryLayout<z_stream>.size)
        guard deflateInit2_(&stream, level, Z_DEFLATED, windowBits, 8, strategy, ZLIB_VERSION, size) == Z_OK else {
            return []
        }
        defer { deflateEnd(&stream) }
        var input = bytes
        var output = [UInt8](repeating: 0, count: Int(deflateBound(&stream, UInt(bytes.count))) + 64)
        let capacity = output.count
        input.withUnsafeMutableBufferPointer { source in
            output.withUnsafeMutableBufferPointer { target in
                stream.next_in = source.baseAddress
                stream.avail_in = UInt32(source.count)
                stream.next_out = target.baseAddress
                stream.avail_out = UInt32(capacity)
                _ = deflate(&stream, Z_FINISH)
            }
        }
        return Array(output.prefix(capacity - Int(stream.avail_out)))
    }
}
