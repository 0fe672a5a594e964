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

/// The cells of this process's campaign. A format's section of the page is rewritten when all its kinds of damage have run.
actor CampaignResults {
    static let shared = CampaignResults()
    private var cells: [SampleFormat: [WoundKind: Cell]] = [:]

    func record(_ cell: Cell, _ kind: WoundKind, _ format: SampleFormat) throws {
        cells[format, default: [:]][kind] = cell
        guard cells[format]?.count == WoundKind.allCases.count,
            ProcessInfo.processInfo.environment["DIGITALBANK_WRITE_DOCS"] == "1"
        else { return }
        let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent()
        let page = root.appending(path: "docs/corruption-campaign.md")
        var text = try String(contentsOf: page, encoding: .utf8)
        try Self.replace(format.rawValue, in: &text) { _ in section(format) }
        let sum = sum(format)
        try Self.replace("summary", in: &text) { old in Self.summary(old, format, sum) }
        try Data(text.utf8).write(to: page)
    }

    /// Puts a new text between the marks of a section.
    private static func replace(_ name: String, in page: inout String, _ make: (Substring) -> String) throws {
        let (begin, end) = ("<!-- begin \(name) -->", "<!-- end \(name) -->")
        guard let start = page.range(of: begin), let stop = page.range(of: end, range: start.upperBound..<page.endIndex)
        else { throw MissingSection(mark: begin) }
        let section = start.upperBound..<stop.lowerBound
        page.replaceSubrange(section, with: "\n" + make(page[section]) + "\n")
    }

    /// The table of all formats, one of whose lines is new; those of formats that did not run stay.
    private static func summary(_ old: Substring, _ format: SampleFormat, _ sum: Cell) -> String {
        let before = old.split(separator: "\n")
        var lines = [
            "| format | dumps | intact rows back | held back | all rows back | false: proven / intact | PostgreSQL's own tool |",
            "| --- | ---: | ---: | ---: | ---: | ---: | ---: |",
        ]
        for each in SampleFormat.allCases {
            if each == format {
                lines.append(
                    "| \(format.rawValue) | \(sum.cases) | \(share(sum.kept, sum.demanded)) "
                        + "| \(share(sum.heldBack, sum.demanded)) | \(share(sum.recovered, sum.total)) "
                        + "| \(sum.falseProven) / \(sum.altered) "
                        + "| \(sum.otherCases > 0 ? share(sum.otherRows, sum.otherTotal) : "–") |")
            } else if let line = before.first(where: { $0.hasPrefix("| \(each.rawValue) |") }) {
                lines.append(String(line))
            }
        }
        return lines.joined(separator: "\n")
    }

    private func sum(_ format: SampleFormat) -> Cell {
        var sum = Cell()
        for cell in (cells[format] ?? [:]).values { sum.add(cell) }
        return sum
    }

    struct MissingSection: Error {
        let mark: String
    }

    private func section(_ format: SampleFormat) -> String {
        let rows = cells[format] ?? [:]
        var lines = [
            "## \(format.rawValue)", "",
            "\(sum(format).cases) damaged dumps, up to \(CampaignTests.places) places a kind, seed \(CampaignTests.seed).",
            "",
            "| damage | cases | intact | held back | all | false: proven / intact | with manifest: all, false | \(format == .plain ? "psql" : "pg_restore") |",
            "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |",
        ]
        for kind in WoundKind.allCases {
            guard let cell = rows[kind], cell.cases > 0 else { continue }
            lines.append(Self.line(kind.rawValue, cell))
        }
        lines.append(Self.line("**together**", sum(format)))
        return lines.joined(separator: "\n")
    }

    private static func line(_ name: String, _ cell: Cell) -> String {
        "| \(name) | \(cell.cases) | \(share(cell.kept, cell.demanded)) | \(share(cell.heldBack, cell.demanded)) "
            + "| \(share(cell.recovered, cell.total)) | \(cell.falseProven) / \(cell.altered) "
            + "| \(share(cell.recoveredWithManifest, cell.total)), \(cell.alteredWithManifest) "
            + "| \(cell.otherCases > 0 ? share(cell.otherRows, cell.otherTotal) : "–") |"
    }

    private static func share(_ part: Int, _ whole: Int) -> String {
        guard whole > 0 else { return "–" }
        if part == whole { return "100 %" }
        let hundredths = part * 10_000 / whole
        return "\(hundredths / 100).\(hundredths % 100 < 10 ? "0" : "")\(hundredths % 100) %"
    }
}
