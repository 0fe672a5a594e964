import Foundation
import Salvage
import TestSupport
import Testing

/// Damages real dumps in many ways and places and counts what the reader brings back.
struct CampaignTests {
    static let seed: UInt64 = 20_261_125
    static let places = isLongRun ? 20 : 1

    /// PostgreSQL's own tools are asked about every fourth place of a long run, and about two of a short one.
    private static func comparesTools(_ kind: WoundKind, _ format: SampleFormat, place: Int) -> Bool {
        guard format != .plainGzip, kinds.count == WoundKind.allCases.count else { return false }
        return isLongRun ? place % 4 == 0 : place == 0 && format == .tar && [.truncated, .zeroed4K].contains(kind)
    }

    @Test(arguments: SampleFormat.allCases)
    func `an intact dump gives every row once and nothing else`(format: SampleFormat) async throws {
        let campaign = try await Campaign(seed: Self.seed)
        let dump = try #require(campaign.all.dumps[format])
        let layout = try #require(campaign.layouts[format])
        try await withTemporaryDirectory { folder in
            let outcome = try Outcome(
                dump.write(to: folder), truth: campaign.truth,
                intact: layout.intactRows(Wound.none(dump), format))
            #expect(outcome.demanded == campaign.truth.total)
            #expect(outcome.kept == outcome.demanded)
            #expect(outcome.falseIntact == [] && outcome.falseProven == [] && outcome.suspects == 0)
            #expect(outcome.damage.map(\.explanation) == [])
        }
    }

    /// All formats, or the one that DIGITALBANK_CAMPAIGN names.
    static let formats =
        ProcessInfo.processInfo.environment["DIGITALBANK_CAMPAIGN"]
        .flatMap { SampleFormat(rawValue: $0) }.map { [$0] }
        ?? SampleFormat.allCases.filter { isLongRun || [.custom, .directory, .tar, .plain].contains($0) }

    /// All kinds of damage, or those that DIGITALBANK_CAMPAIGN_KINDS names, with a line on each.
    static let kinds =
        ProcessInfo.processInfo.environment["DIGITALBANK_CAMPAIGN_KINDS"]?
        .split(separator: ",").compactMap { WoundKind(rawValue: String($0)) } ?? WoundKind.allCases

    @Test(arguments: formats)
    func `every intact row of a damaged dump comes back and no row is invented`(format: SampleFormat) async throws {
        let campaign = try await Campaign(seed: Self.seed)
        let dump = try #require(campaign.all.dumps[format])
        try await withTemporaryDirectory { folder in
            let manifest = folder + "/manifest.json"
            try DumpManifest.write(dump: dump.write(to: folder), to: manifest)
            for kind in Self.kinds {
                var cell = Cell()
                for place in 0..<Self.places {
                    guard
                        let outcome = try campaign.run(kind, format, place: place, of: Self.places, in: folder)
                    else { continue }
                    cell.add(outcome, total: campaign.truth.total)
                    if Self.comparesTools(kind, format, place: place) {
                        let rows = try await OtherTool.rows(folder + "/dump", format)
                        cell.addOther(rows, of: campaign.truth.total)
                    }
                    let name = "\(format.rawValue), \(kind.rawValue), place \(place) of \(Self.places)"
                    // In a compressed stream damage shows a little behind its place; in an uncompressed one a row may
                    // touch bytes that moved.
                    let heldBackMax = format.isChecked ? kind.heldBackMax : 1
                    #expect(
                        outcome.kept + heldBackMax >= outcome.demanded,
                        "\(name): \(outcome.kept) of \(outcome.demanded), missed \(outcome.missed)")
                    #expect(outcome.falseProven == [], "\(name)")
                    #expect(
                        outcome.damage.allSatisfy { !$0.explanationFr.isEmpty && $0.explanationFr != $0.explanation },
                        "\(name): damage without words in French")
                    #expect(
                        outcome.falseIntact.count <= kind.alteredRowsMax(format),
                        "\(name): \(outcome.falseIntact.prefix(3))")
                    guard
                        let proved = try campaign.run(
                            kind, format, place: place, of: Self.places, in: folder, manifest: manifest)
                    else { continue }
                    cell.alteredWithManifest += proved.falseIntact.count + proved.falseProven.count
                    cell.recoveredWithManifest += proved.recovered
                    #expect(proved.kept >= outcome.kept, "\(name): a manifest loses rows: \(proved.missed)")
                    #expect(proved.falseProven == [] && (format.isChecked || proved.falseIntact == []), "\(name)")
                    // Damage to bytes that carry nothing (a date in a gzip header) may go unsaid when every row is back.
                    #expect(
                        !outcome.damage.isEmpty || kind.canBeSilent(format)
                            || outcome.recovered == campaign.truth.total, "\(name): no damage is reported")
                }
                guard Self.kinds.count == WoundKind.allCases.count else {
                    let words = "\(cell.kept) of \(cell.demanded) back, \(cell.altered) false"
                    FileHandle.standardError.write(
                        Data("campaign \(format.rawValue), \(kind.rawValue): \(cell.cases) cases, \(words)\n".utf8))
                    continue
                }
                try await CampaignResults.shared.record(cell, kind, format)
            }
        }
    }
}

extension Wound {
    static func none(_ dump: DumpFiles) -> Wound { Wound(dump) }

    private init(_ dump: DumpFiles) { self.dump = dump }
}

extension WoundKind {
    /// Where nothing checks the bytes, a changed digit is a row like any other.
    func alteredRowsMax(_ format: SampleFormat) -> Int {
        // With several flips the checksum proves nothing, and one that changes a digit shows nowhere.
        guard !format.isChecked else { return self == .fiveBits ? 4 : 0 }
        switch self {
        case .bitFlip: return 1
        case .fiveBits: return 5
        // Where bytes vanish or move, the end of one row may meet the fitting rest of another.
        case .missing4K, .missing64: return 1
        case .swapped: return 2
        default: return 0
        }
    }

    /// In a compressed stream damage shows a few symbols behind its place: the rows in which the sign of each may lie
    /// are held back as inferred, in quarantine, rather than called intact.
    var heldBackMax: Int { self == .fiveBits || self == .swapped ? 5 * 4 : 4 }

    func canBeSilent(_ format: SampleFormat) -> Bool {
        (!format.isChecked && [.bitFlip, .fiveBits, .missing4K, .missing64].contains(self)) || isInContents
            // A date or a system in a gzip header carries no row.
            || (format == .directory && self == .framing)
    }
}

extension Cell {
    mutating func add(_ outcome: Outcome, total: Int) {
        cases += 1
        demanded += outcome.demanded
        kept += outcome.kept
        recovered += outcome.recovered
        self.total += total
        falseProven += outcome.falseProven.count
        altered += outcome.falseIntact.count
        heldBack += outcome.heldBack
        if outcome.damage.isEmpty { silent += 1 }
    }

    mutating func addOther(_ rows: Int, of total: Int) {
        otherCases += 1
        otherRows += rows
        otherTotal += total
    }

    mutating func add(_ other: Cell) {
        cases += other.cases
        demanded += other.demanded
        kept += other.kept
        recovered += other.recovered
        total += other.total
        falseProven += other.falseProven
        altered += other.altered
        alteredWithManifest += other.alteredWithManifest
        recoveredWithManifest += other.recoveredWithManifest
        silent += other.silent
        heldBack += other.heldBack
        otherCases += other.otherCases
        otherRows += other.otherRows
        otherTotal += other.otherTotal
    }
}
