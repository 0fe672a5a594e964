import Foundation
import Salvage
import TestSupport

/// The truth about the sample bank: every row by a hash of its text.
struct Truth: Sendable {
    let tables: [String]
    let counts: [Int]
    private let places: [Int: (table: Int, row: Int)]

    init(_ rows: [String: [[UInt8]]]) {
        tables = SampleBank.tables
        counts = tables.map { rows[$0]?.count ?? 0 }
        var places: [Int: (table: Int, row: Int)] = [:]
        for (table, name) in tables.enumerated() {
            for (row, text) in (rows[name] ?? []).enumerated() {
                places[text.withUnsafeBytes { Self.hash($0) }] = (table, row)
            }
        }
        self.places = places
    }

    var total: Int { counts.reduce(0, +) }

    func place(of row: UnsafeRawBufferPointer) -> (table: Int, row: Int)? { places[Self.hash(row)] }

    private static func hash(_ bytes: UnsafeRawBufferPointer) -> Int {
        var hasher = Hasher()
        hasher.combine(bytes: bytes)
        return hasher.finalize()
    }
}

/// What the reader made of one damaged dump.
struct Outcome: Sendable {
    /// Rows whose bytes are intact, and how many of those came back as proven or intact.
    var demanded = 0
    var kept = 0
    /// True rows that came back at all.
    var recovered = 0
    /// Rows given as proven, or as intact, that the bank never had or had once less.
    var falseProven: [String] = []
    var falseIntact: [String] = []
    var suspects = 0
    var inferred = 0
    /// Demanded rows that came back as suspect or inferred only.
    var heldBack = 0
    /// True rows, demanded or not, that came back so.
    var heldTrue = 0
    var damage: [Damage] = []
    /// The first rows that were demanded and did not come.
    var missed: [String] = []
    var unnamed = 0

    /// Of a file in which nothing of a dump was found.
    init(refused error: SalvageError, intact: [String: [Bool]]) {
        demanded = intact.values.reduce(0) { $0 + $1.count { $0 } }
        damage = [Damage(kind: .headerLost, range: 0..<0, explanation: .init(fr: error.message, en: error.message))]
    }

    /// Reads the dump at `path` and compares with the truth.
    init(_ path: String, truth: Truth, intact: [String: [Bool]], manifest: String? = nil) throws {
        var got = truth.counts.map { [Bool](repeating: false, count: $0) }
        let reader = try DumpReader(path: path, shapes: SampleBank.shapes, manifest: manifest)
        var events: [(table: String, batches: [RowBatch])] = []
        let report = try reader.read(progress: { _ in }) { event in
            switch event {
            case .begin(let table, _):
                events.removeAll { $0.table == table }
                events.append((table, []))
            case .restart(let table):
                events.removeAll { $0.table == table }
                events.append((table, []))
            case .rows(let batch): events[events.count - 1].batches.append(batch)
            case .end: break
            }
        }
        damage = report.damage
        for (table, batches) in events {
            for batch in batches { take(batch, of: table, truth, &got) }
        }
        var held = truth.counts.map { [Bool](repeating: false, count: $0) }
        for (table, batches) in events {
            for batch in batches where batch.confidence != .proven && batch.confidence != .intact {
                Self.mark(batch, of: table, truth, &held)
            }
        }
        for (index, name) in truth.tables.enumerated() {
            recovered += got[index].count { $0 }
            heldTrue += zip(got[index], held[index]).count { !$0 && $1 }
            for (row, isIntact) in (intact[name] ?? []).enumerated() where isIntact {
                demanded += 1
                if !got[index][row], held[index][row] { heldBack += 1 }
                if got[index][row] { kept += 1 } else if missed.count < 5 { missed.append("\(name) \(row + 1)") }
            }
        }
    }

    private static func mark(_ batch: RowBatch, of table: String, _ truth: Truth, _ held: inout [[Bool]]) {
        batch.text.withUnsafeBytes { text in
            for row in 0..<batch.rowCount {
                let bytes = UnsafeRawBufferPointer(rebasing: text[batch.bytes(ofRows: row..<(row + 1))])
                if let place = truth.place(of: bytes) { held[place.table][place.row] = true }
            }
        }
    }

    private mutating func take(_ batch: RowBatch, of table: String, _ truth: Truth, _ got: inout [[Bool]]) {
        switch batch.confidence {
        case .suspect: suspects += batch.rowCount
        case .inferred: inferred += batch.rowCount
        case .proven, .intact:
            let isProven = batch.confidence == .proven
            if table.hasPrefix("inconnu.") { unnamed += batch.rowCount }
            batch.text.withUnsafeBytes { text in
                for row in 0..<batch.rowCount {
                    let bytes = UnsafeRawBufferPointer(rebasing: text[batch.bytes(ofRows: row..<(row + 1))])
                    if let place = truth.place(of: bytes), !got[place.table][place.row],
                        truth.tables[place.table] == table || table.hasPrefix("inconnu.")
                    {
                        got[place.table][place.row] = true
                    } else if isProven {
                        falseProven.append("\(table): " + String(decoding: bytes, as: UTF8.self))
                    } else {
                        falseIntact.append("\(table): " + String(decoding: bytes, as: UTF8.self))
                    }
                }
            }
        }
    }
}

/// One cell of the campaign's table: a kind of damage in a format, over all places.
struct Cell: Sendable {
    var cases = 0
    var demanded = 0
    var kept = 0
    var recovered = 0
    var total = 0
    var falseProven = 0
    /// Rows given as intact whose damaged bytes are again a row: nothing in the file tells them from true ones.
    var altered = 0
    /// Of those, how many a manifest lets through.
    var alteredWithManifest = 0
    var recoveredWithManifest = 0
    var silent = 0
    /// Demanded rows that came back as inferred or suspect only.
    var heldBack = 0
    /// What `pg_restore` or `psql` brought back where they were asked.
    var otherCases = 0
    var otherRows = 0
    var otherTotal = 0
}

/// The campaign: kinds of damage × formats × places.
struct Campaign: Sendable {
    let all: SampleDumps.All
    let truth: Truth
    let layouts: [SampleFormat: DumpLayout]
    let seed: UInt64

    init(seed: UInt64) async throws {
        self.seed = seed
        all = try await SampleDumps.all()
        truth = Truth(all.rows)
        var layouts: [SampleFormat: DumpLayout] = [:]
        for format in SampleFormat.allCases {
            if let dump = all.dumps[format] { layouts[format] = try DumpLayout(dump, format, rows: all.rows) }
        }
        self.layouts = layouts
    }

    /// The damaged dump of one case; nil when the format can not suffer it.
    func wound(_ kind: WoundKind, _ format: SampleFormat, place: Int, of places: Int) -> Wound? {
        guard let dump = all.dumps[format], let layout = layouts[format] else { return nil }
        let kindIndex = UInt64(WoundKind.allCases.firstIndex(of: kind) ?? 0)
        let formatIndex = UInt64(SampleFormat.allCases.firstIndex(of: format) ?? 0)
        var random = Seeded(seed &+ kindIndex &* 1_000_003 &+ formatIndex &* 7919 &+ UInt64(place) &* 65537)
        let part = (Double(place) + Double(random.below(1000)) / 1000) / Double(places)
        return Wound(kind, dump, format, layout, part: part, &random)
    }

    func run(
        _ kind: WoundKind, _ format: SampleFormat, place: Int, of places: Int, in folder: String,
        manifest: String? = nil
    ) throws -> Outcome? {
        guard let wound = wound(kind, format, place: place, of: places), let layout = layouts[format] else {
            return nil
        }
        let path = try wound.dump.write(to: folder)
        let intact = layout.intactRows(wound, format)
        do {
            return try Outcome(path, truth: truth, intact: intact, manifest: manifest)
        } catch let error as SalvageError {
            return Outcome(refused: error, intact: intact)
        }
    }
}
