internal import Analytics
internal import Bank
internal import Fraud
internal import Foundation
internal import Gateway
internal import Migrations
internal import Postgres
internal import Web

/// The figures as a part of the server: schema `bi`, what fills it, and its addresses.
struct BIService: Sendable {
    let analytics: AnalyticsService
    private let refresher: BIRefresher
    private let routes: AnalyticsRoutes
    private let filling: Database

    static let refreshEvery: Duration = .seconds(60)

    /// - Parameters:
    ///   - configuration: logs in as whoever owns the bank.
    ///   - address: what clients call the server by.
    static func open(_ configuration: DatabaseConfiguration, address: String) async throws -> BIService {
        let database = Database(configuration)
        var patient = configuration
        patient.limits.connectionsMax = 2
        // The first refresh reads the whole bank, in steps.
        patient.limits.statementTimeout = .seconds(900)
        let filling = Database(patient)
        try await Migrator(filling).apply([try BankMigrations.set(), try AnalyticsMigrations.set()])
        let analytics = AnalyticsService(database: database, measures: try .shipped())
        _ = try await analytics.model()
        return BIService(
            analytics: analytics, refresher: BIRefresher(database: filling, every: refreshEvery),
            routes: AnalyticsRoutes(
                analytics: analytics, tokens: BITokenStore(database), address: address,
                clock: { Int64(Date().timeIntervalSince1970) }), filling: filling)
    }

    var mounts: [Mount] { routes.mounts }

    func run() async throws { try await refresher.run() }

    /// The report of `arguments.day`, yesterday without one: kept in the database, and as files in `folder`. Made twice it is
    /// the same report.
    func report(_ arguments: JSON, to folder: String) async throws -> String {
        let asked = arguments["day"]?.string ?? ""
        let day = asked.isEmpty ? ReportService.yesterday() : asked
        _ = try await refresher.refresh()
        let maker = DailyReportMaker(
            analytics: analytics, database: filling, now: { ReportService.moment() })
        let report = try await maker.make(day)
        let words = "report of \(day): \(try report.write(to: folder).count) files in \(folder)"
        return report.pdf == nil ? words + "; no PDF: WeasyPrint is not installed, or failed" : words
    }
}
