internal import Diagnostics
internal import Foundation
public import Postgres
internal import PostgresServer
internal import Web

/// One day's report in its four forms.
public struct DailyReport: Sendable {
    public let figures: DailyFigures
    public let html: String
    /// Nil when WeasyPrint is not installed: the HTML says the same.
    public let pdf: [UInt8]?
    public let xlsx: [UInt8]
    public let csv: String
    /// Of the page: `fr`, which is the one that is kept, or `en`.
    public let language: String

    /// Writes the files below `folder`; the paths that were written.
    public func write(to folder: String) throws -> [String] {
        let base = folder + "/rapport-\(figures.day.text)" + (language == "fr" ? "" : "." + language)
        var files: [(String, Data)] = [
            (base + ".html", Data(html.utf8)), (base + ".xlsx", Data(xlsx)), (base + ".csv", Data(csv.utf8)),
            (base + ".json", Data(figures.json.text.utf8)),
        ]
        if let pdf { files.insert((base + ".pdf", Data(pdf)), at: 1) }
        do {
            try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
            for (path, data) in files { try data.write(to: URL(filePath: path), options: .atomic) }
        } catch { throw AnalyticsError.file(folder) }
        return files.map(\.0)
    }
}

/// Makes the daily report and keeps it: for the command and for automations.
public struct DailyReportMaker: Sendable {
    private static let typesettingMax: Duration = .seconds(120)

    private let analytics: AnalyticsService
    private let store: ReportStore
    /// The moment, as people read it.
    private let now: @Sendable () -> String

    public init(analytics: AnalyticsService, database: Database, now: @escaping @Sendable () -> String) {
        self.analytics = analytics
        store = ReportStore(database: database)
        self.now = now
    }

    /// - Parameter day: `2026-03-31`.
    public func make(_ day: String, words: DailyWords = .french) async throws -> DailyReport {
        guard let day = Day(day) else { throw AnalyticsError.date(day) }
        let figures = try await analytics.dailyFigures(day)
        let html = DailyHTML(figures: figures, made: now(), words: words).page()
        let report = DailyReport(
            figures: figures, html: html, pdf: try await Self.typeset(html), xlsx: try DailySheets.xlsx(figures, words),
            csv: DailySheets.csv(figures, words), language: words.language)
        // One report a day is kept, the bank's own; figures are the same in every language.
        if words.language == DailyWords.french.language { try await store.keep(report) }
        return report
    }

    private static func typeset(_ html: String) async throws -> [UInt8]? {
        guard let weasyprint = Tools.find("weasyprint") else { return nil }
        let base = FileManager.default.temporaryDirectory.path + "/rapport-\(UInt64.random(in: .min ... .max))"
        defer {
            try? FileManager.default.removeItem(atPath: base + ".html")
            try? FileManager.default.removeItem(atPath: base + ".pdf")
        }
        try Data(html.utf8).write(to: URL(filePath: base + ".html"))
        let run = try await ToolRun.run(
            weasyprint, ["--quiet", base + ".html", base + ".pdf"], timeMax: typesettingMax)
        guard run.status == 0 else { return nil }
        return FileManager.default.contents(atPath: base + ".pdf").map { Array($0) }
    }
}
