internal import Foundation
public import Recovery

/// What a recovery came to, for a terminal or a program.
public struct RecoverOutcome: Sendable {
    public let report: RecoveryReport
    public let files: ReportFiles

    public init(report: RecoveryReport, files: ReportFiles) {
        self.report = report
        self.files = files
    }

    /// As the shell sees it: `docs/reference/exit-codes.md`.
    public var exitStatus: Int32 {
        switch report.outcome {
        case .complete: 0
        case .partial: RecoveryError.ExitStatus.partial.rawValue
        case .nothing: RecoveryError.ExitStatus.nothing.rawValue
        }
    }

    public func json() throws -> String { try report.json() }

    public func summaryLines() -> [String] {
        let loaded = report.tables.reduce(0) { $0 + $1.loaded }
        let proven = report.tables.reduce(0) { $0 + $1.proven }
        let quarantined = report.tables.reduce(0) { $0 + $1.quarantined }
        let lost = report.tables.reduce(0) { $0 + ($1.lost ?? 0) }
        let seconds = report.timings.reduce(0) { $0 + $1.seconds }
        var lines = ["", headline, ""]
        lines += Self.table(
            [["table", "proven", "intact", "quarantined", "lost", "loaded", "restored"]]
                + report.tables.map { table in
                    [
                        table.name, "\(table.proven)", "\(table.intact)", "\(table.quarantined)",
                        table.lost.map { "\($0)" } ?? "?", "\(table.loaded)", table.restored.map { "\($0)" } ?? "-",
                    ]
                })
        lines += [
            "",
            "rows         \(loaded) recovered (\(proven) proven by checksum), \(quarantined) quarantined, \(lost) known lost",
            "damage       \(report.damage.count) found",
            "objects      \(report.objects.count) left behind" + Self.worst(report.objects.map(\.severity)),
            "data         \(report.findings.reduce(0) { $0 + $1.rowCount }) rows wrong or tampered with, "
                + "\(report.findings.reduce(0) { $0 + $1.repaired }) repaired",
        ]
        if let attack = report.attack { lines.append("attack       between \(attack.from) and \(attack.to)") }
        lines += [
            "checks       \(report.checks.filter(\.passed).count) of \(report.checks.count) passed"
        ]
        if let protection = report.protection { lines.append("backup       \(protection.detail)") }
        lines.append("time         \(Int(seconds.rounded(.up))) s")
        lines.append("report       \(files.html)")
        if let restored = report.restored { lines.append("connect      \(restored.connectionLine)") }
        return lines
    }

    private var headline: String {
        switch report.outcome {
        case .complete: "The bank is back, whole."
        case .partial:
            "The bank is back. Some things are missing, quarantined, left behind or repaired: see the report."
        case .nothing: "No row could be recovered from this dump."
        }
    }

    private static func worst(_ severities: [String]) -> String {
        let order = ["critical", "high", "medium", "low", "info"]
        let counts = order.compactMap { severity -> String? in
            let count = severities.filter { $0 == severity }.count
            return count > 0 ? "\(count) \(severity)" : nil
        }
        return counts.isEmpty ? "" : " (" + counts.joined(separator: ", ") + ")"
    }

    /// Columns aligned; all but the first to the right.
    static func table(_ rows: [[String]]) -> [String] {
        let columnCount = rows.first?.count ?? 0
        let widths = (0..<columnCount).map { column in rows.map { $0[column].count }.max() ?? 0 }
        return rows.map { row in
            let cells = row.enumerated().map { column, text in
                let padding = String(repeating: " ", count: widths[column] - text.count)
                return column == 0 ? text + padding : padding + text
            }
            return cells.joined(separator: "  ")
        }
    }
}
