import Foundation
import Salvage
import Testing

/// The real Czech bank, where it is at hand.
private enum Berka {
    static let folder = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent().appending(path: "shared/data/berka").path

    static let isPresent = FileManager.default.fileExists(atPath: folder + "/berka.dump")

    static let counts = [
        "public.account": 4500, "public.card": 892, "public.client": 5369, "public.disp": 5369, "public.district": 77,
        "public.loan": 682, "public.order": 6471, "public.trans": 49102,
    ]
}

/// Everything a dump's reader says, gathered as a caller would.
final class Gathered {
    var rows: [String: [String]] = [:]
    var summaries: [String: TableSummary] = [:]
    var report = ReadReport()

    init(_ path: String, shapes: [TableShape] = []) throws {
        let reader = try DumpReader(path: path, shapes: shapes)
        report = try reader.read(progress: { _ in }) { event in
            switch event {
            case .begin(let table, _), .restart(let table): self.rows[table] = []
            case .rows(let batch):
                guard batch.confidence == .intact || batch.confidence == .proven else { return }
                for row in 0..<batch.rowCount {
                    let bytes = batch.text[batch.bytes(ofRows: row..<(row + 1))].dropLast()
                    self.rows[batch.table, default: []].append(String(decoding: bytes, as: UTF8.self))
                }
            case .end(let summary): self.summaries[summary.table] = summary
            }
        }
    }
}

@Suite(.enabled(if: Berka.isPresent, "the Czech bank's dumps are not beside the repository"))
struct BerkaTests {
    @Test(arguments: ["berka.dump", "berka.sql.gz"])
    func `every row of the intact bank is read and proven`(file: String) throws {
        let gathered = try Gathered(Berka.folder + "/" + file)
        #expect(gathered.rows.mapValues(\.count) == Berka.counts)
        #expect(gathered.summaries.mapValues(\.proven) == Berka.counts)
        #expect(gathered.report.damage.isEmpty)
    }

    @Test func `a dump without header and table of contents still gives every row`() throws {
        let intact = try Gathered(Berka.folder + "/berka.dump")
        let reader = try DumpReader(path: Berka.folder + "/berka.dump")
        let shapes = Berka.counts.keys.compactMap { reader.shape(of: $0) }
        let headless = try Gathered(Berka.folder + "/berka-headless.dump", shapes: shapes)
        for (table, rows) in intact.rows {
            let isSame = headless.rows[table] == rows
            #expect(isSame, "\(table)")
        }
    }

    @Test func `a cut dump gives every complete row before the cut and nothing else`() throws {
        let intact = try Gathered(Berka.folder + "/berka.dump")
        let cut = try Gathered(Berka.folder + "/berka-truncated.dump")
        for (table, rows) in cut.rows {
            let isPrefix = rows == Array((intact.rows[table] ?? []).prefix(rows.count))
            #expect(isPrefix, "\(table)")
        }
        #expect((cut.rows["public.trans"]?.count ?? 0) > 10_000)
        #expect(cut.report.damage.contains { $0.kind == .truncated || $0.kind == .compressedData })
    }

    @Test func `zeros in a plain dump make no row of what stood on either side`() throws {
        let intact = try Gathered(Berka.folder + "/berka.sql.gz")
        let zeroed = try Gathered(Berka.folder + "/berka-zeros.sql.gz")
        let truth = Set(intact.rows["public.trans"] ?? [])
        let found = zeroed.rows["public.trans"] ?? []
        #expect(found.allSatisfy { truth.contains($0) })
        #expect(truth.count - found.count < 100)
        #expect(zeroed.report.damage.contains { $0.kind == .rows })
    }
}
