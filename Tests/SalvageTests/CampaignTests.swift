import Foundation
import Salvage
import TestSupport
import Testing

/// Damages real dumps in many ways and places and counts what the reader brings back.
struct CampaignTests {
    static let seed: UInt64 = 20_261_125
    static let places = isLongRun ? 20 : 1

    /// PostgreSQL's own tools are asked about a sample; about the first place of every kind in a long run.
    static let comparesTools = isLongRun
    static let sampled: Set<WoundKind> = [.truncated, .zeroed4K]

    private static func compare(
        _ kind: WoundKind, _ format: SampleFormat, _ campaign: Campaign, _ folder: String, _ cell: inout Cell
    ) async throws {
        guard format != .plainGzip, let wound = campaign.wound(kind, format, place: places / 2, of: places) else {
            return
        }
        let path = try wound.dump.write(to: folder)
        cell.otherTool = try await OtherTool.rows(path, format)
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

    @Test(arguments: formats)
    func `every intact row of a damaged dump comes back and no row is invented`(format: SampleFormat) async throws {
        let campaign = try await Campaign(seed: Self.seed)
        let dump = try #require(campaign.all.dumps[format])
        try await withTemporaryDirectory { folder in
            let manifest = folder + "/manifest.json"
            try DumpManifest.write(dump: dump.write(to: folder), to: manifest)
            for kind in WoundKind.allCases {
                var cell = Cell()
                for place in 0..<Self.places {
                    guard
                        let outcome = try campaign.run(kind, format, place: place, of: Self.places, in: folder)
                    else { continue }
                    cell.add(outcome, total: campaign.truth.total)
                    let name = "\(format.rawValue), \(kind.rawValue), place \(place) of \(Self.places)"
                    // Every intact row is kept or held back in quarantine, and hardly any is held back.
                    let heldBack = format.isChecked ? kind.heldBackMax : outcome.suspects
                    #expect(
                        outcome.kept + heldBack >= outcome.demanded,
                        "\(name): \(outcome.kept) of \(outcome.demanded), missed \(outcome.missed)")
                    #expect(
                        outcome.kept * 20 >= outcome.demanded * 19, "\(name): \(outcome.kept) of \(outcome.demanded)")
                    #expect(outcome.falseProven == [], "\(name)")
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
                if Self.comparesTools || Self.sampled.contains(kind), format == .custom || Self.comparesTools {
                    try await Self.compare(kind, format, campaign, folder, &cell)
                }
                print(
                    "\(format.rawValue), \(kind.rawValue): kept \(cell.kept) of \(cell.demanded) intact rows, back",
                    "\(cell.recovered) of \(cell.total), false proven \(cell.falseProven), false intact \(cell.altered),",
                    "cases \(cell.cases)")
                await CampaignResults.shared.record(cell, kind, format)
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
        case .swapped, .duplicated: return 4
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
        if outcome.damage.isEmpty { silent += 1 }
    }
}
