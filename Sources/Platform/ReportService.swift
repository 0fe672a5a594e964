internal import Analytics
internal import Foundation
internal import Postgres

/// Reports for people, made by command or by an automation.
public enum ReportService {
    /// Refreshes the star schema, makes the report of `day` and keeps it.
    ///
    /// - Parameters:
    ///   - day: `2026-03-31`; nil: yesterday in Paris.
    ///   - out: a folder for the files; nil: only the database keeps it.
    public static func daily(
        day: String?, out: String?, language: String = "fr", dsn: String?, dataDirectory: String
    ) async throws -> [String] {
        let day = day ?? yesterday()
        let words = DailyWords.all.first { $0.language == language } ?? .french
        let report = try await BICommandService.with(dsn, dataDirectory) { database in
            try await BIRefresher(database: database).refresh()
            let analytics = AnalyticsService(database: database, measures: try .shipped())
            return try await DailyReportMaker(analytics: analytics, database: database, now: { moment(language) }).make(
                day, words: words)
        }
        var lines = ["day          \(report.figures.day.text)"]
        if let out { lines += try report.write(to: out).map { "file         \($0)" } }
        if report.pdf == nil { lines.append("pdf          not made: apt-get install weasyprint") }
        return lines + (report.language == "fr" ? ["kept         bi.rapports"] : [])
    }

    static func yesterday() -> String {
        var calendar = Calendar(identifier: .gregorian)
        calendar.timeZone = TimeZone(identifier: "Europe/Paris") ?? .gmt
        let parts = calendar.dateComponents([.year, .month, .day], from: Date(timeIntervalSinceNow: -86_400))
        func two(_ value: Int?) -> String { (value ?? 1) < 10 ? "0\(value ?? 1)" : "\(value ?? 1)" }
        return "\(parts.year ?? 1970)-\(two(parts.month))-\(two(parts.day))"
    }

    /// `29/11/2026 à 06:30 (Paris)`; in English `2026-11-29 at 06:30 (Paris)`.
    static func moment(_ language: String = "fr") -> String {
        var calendar = Calendar(identifier: .gregorian)
        calendar.timeZone = TimeZone(identifier: "Europe/Paris") ?? .gmt
        let parts = calendar.dateComponents([.year, .month, .day, .hour, .minute], from: Date())
        func two(_ value: Int?) -> String { (value ?? 0) < 10 ? "0\(value ?? 0)" : "\(value ?? 0)" }
        if language == "en" {
            return "\(parts.year ?? 1970)-\(two(parts.month))-\(two(parts.day)) at "
                + "\(two(parts.hour)):\(two(parts.minute)) (Paris)"
        }
        return
            "\(two(parts.day))/\(two(parts.month))/\(parts.year ?? 1970) à \(two(parts.hour)):\(two(parts.minute)) (Paris)"
    }
}
