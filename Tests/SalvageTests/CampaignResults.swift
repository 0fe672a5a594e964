import Foundation
import Postgres
import PostgresServer
import TestSupport

/// What `pg_restore` or `psql` bring back of a damaged dump, in a database of its own.
enum OtherTool {
    static func rows(_ path: String, _ format: SampleFormat) async throws -> Int {
        try await withTestDatabase { database in
            let cluster = try await TestCluster.shared()
            let name: String = try await database.run("select current_database()")[0].decode(0)
            let target = cluster.configuration(database: name)
            let isScript = format == .plain
            // A tool that hangs or dies has brought back what it has.
            _ = try? await ToolRun.run(
                cluster.binaries.path(of: isScript ? "psql" : "pg_restore"),
                isScript
                    ? ["--no-psqlrc", "--quiet", "--dbname=\(target.connectionString)", "--file=\(path)"]
                    : ["--no-owner", "--dbname=\(target.connectionString)", path],
                environment: ["PGPASSWORD": target.password ?? ""], timeMax: .seconds(60))
            var count = 0
            for table in SampleBank.tables {
                let known: Bool = try await database.run("select to_regclass(\(table)) is not null")[0].decode(0)
                guard known else { continue }
                let rows: Int64 = try await database.run(
                    "select count(*) from \(fragment: Statement(unchecked: table))")[0].decode(0)
                count += Int(rows)
            }
            return count
        }
    }
}

/// The cells of this process's campaign; the page is written when all formats have run.
actor CampaignResults {
    static let shared = CampaignResults()
    private var cells: [SampleFormat: [WoundKind: Cell]] = [:]

    func record(_ cell: Cell, _ kind: WoundKind, _ format: SampleFormat) {
        cells[format, default: [:]][kind] = cell
        let isWhole = SampleFormat.allCases.allSatisfy { cells[$0]?.count == WoundKind.allCases.count }
        guard isWhole, ProcessInfo.processInfo.environment["DIGITALBANK_WRITE_DOCS"] == "1" else { return }
        let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent()
        try? Data(page.utf8).write(to: root.appending(path: "docs/corruption-campaign.md"))
    }

    private var page: String {
        let places = CampaignTests.places
        var lines = [
            "# The corruption campaign", "",
            "Dumps of a bank of 20,000 rows in seven tables, made by PostgreSQL's own pg_dump, are damaged in \(WoundKind.allCases.count) ways,",
            "each at \(places) places of each format. The test `CampaignTests` computes from the undamaged dump and the damage which",
            "rows' bytes are intact and holds the reader to them. This page is written by",
            "`DIGITALBANK_LONG=1 DIGITALBANK_WRITE_DOCS=1 scripts/test --filter CampaignTests` (seed \(CampaignTests.seed)).",
            "",
            "- **intact** — share of the rows with intact bytes that came back as proven or intact. Uncompressed: rows whose bytes",
            "  and the line ends beside them are untouched. Compressed: all rows of an untouched stream; of a touched one those",
            "  that are complete before the first damaged byte, and all when one bit was flipped.",
            "- **all** — share of all rows of the bank, the destroyed ones too.",
            "- **false** — rows given as proven, or as intact, that the bank never had, over all places.",
            "- **with manifest** — the same two figures when the dump's manifest is at hand.",
            "- **pg_restore** — rows in the database after `pg_restore` (`psql` for plain), as a share of all; at one place of each kind.",
            "",
        ]
        for format in SampleFormat.allCases {
            lines += [
                "## \(format.rawValue)", "",
                "| damage | cases | intact | all | false: proven / intact | with manifest: all, false | pg_restore |",
                "| --- | ---: | ---: | ---: | ---: | ---: | ---: |",
            ]
            for kind in WoundKind.allCases {
                guard let cell = cells[format]?[kind], cell.cases > 0 else { continue }
                let other = cell.otherTool.map { Self.share($0, cell.total / cell.cases) } ?? "–"
                lines.append(
                    "| \(kind.rawValue) | \(cell.cases) | \(Self.share(cell.kept, cell.demanded)) | \(Self.share(cell.recovered, cell.total)) "
                        + "| \(cell.falseProven) / \(cell.altered) "
                        + "| \(Self.share(cell.recoveredWithManifest, cell.total)), \(cell.alteredWithManifest) | \(other) |"
                )
            }
            lines.append("")
        }
        return lines.joined(separator: "\n")
    }

    private static func share(_ part: Int, _ whole: Int) -> String {
        guard whole > 0 else { return "–" }
        if part == whole { return "100 %" }
        let hundredths = part * 10_000 / whole
        return "\(hundredths / 100).\(hundredths % 100 < 10 ? "0" : "")\(hundredths % 100) %"
    }
}
