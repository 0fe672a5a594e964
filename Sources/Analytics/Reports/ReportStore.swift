internal import Postgres
internal import Web

/// The reports that were made, with their figures.
struct ReportStore: Sendable {
    let database: any SQLExecutor

    func keep(_ report: DailyReport) async throws {
        try await database.run(
            """
            insert into bi.rapports (jour, chiffres, html, pdf, xlsx, csv)
            values (\(report.figures.day.text)::date, \(report.figures.json.text)::jsonb, \(report.html), \(report.pdf),
                \(report.xlsx), \(report.csv))
            on conflict (jour) do update set fait_le = clock_timestamp(), chiffres = excluded.chiffres, html = excluded.html,
                pdf = excluded.pdf, xlsx = excluded.xlsx, csv = excluded.csv
            """)
    }
}
