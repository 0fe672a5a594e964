public import Postgres

/// What a refresh wrote, by its source.
public struct RefreshReport: Sendable, Hashable {
    public struct Line: Sendable, Hashable {
        public let source: String
        public var count: Int64
    }

    public private(set) var lines: [Line] = []

    public var total: Int64 { lines.reduce(0) { $0 + $1.count } }

    mutating func add(_ source: String, _ count: Int64) {
        if let place = lines.firstIndex(where: { $0.source == source }) {
            lines[place].count += count
        } else {
            lines.append(Line(source: source, count: count))
        }
    }
}

/// Fills the star schema: in steps, each a transaction of its own, so that one that is stopped has lost nothing.
public struct BIRefresher: Sendable {
    public static let step: Int64 = 100_000
    public static let days: Int64 = 31
    /// Clients, accounts and cards that are new, and as many known ones in turn, in a transaction.
    static let lot: Int64 = 20_000

    private let store: RefreshStore
    private let every: Duration

    /// - Parameter database: logs in as whoever owns the bank.
    public init(database: Database, every: Duration = .seconds(60)) {
        store = RefreshStore(database: database)
        self.every = every
    }

    /// Until it is cancelled. What fails is tried again at the next turn.
    public func run() async throws {
        while !Task.isCancelled {
            _ = try? await refresh(isGentle: true)
            try? await Task.sleep(for: every)
        }
    }

    /// Everything there is to read now. A gentle one rests after each step for as long as that took: it leaves the machine
    /// to others half of the time, however much there is to do.
    @discardableResult
    public func refresh(
        isGentle: Bool = false, progress: @Sendable (RefreshReport) -> Void = { _ in }
    ) async throws -> RefreshReport {
        var report = RefreshReport()
        func step(_ source: String, _ body: () async throws -> (count: Int64, hasMore: Bool)) async throws {
            var hasMore = true
            while hasMore {
                let start = ContinuousClock.now
                let (count, more) = try await body()
                report.add(source, count)
                progress(report)
                hasMore = more
                if more, isGentle { try await Task.sleep(for: ContinuousClock.now - start) }
            }
        }
        try await step("dimensions") { try await store.dimensions(lot: Self.lot) }
        try await step("transactions") {
            let count = try await store.transactions(most: Self.step)
            return (count, count == Self.step)
        }
        report.add("rattrapées", try await store.unknown())
        try await step("cubes") { try await store.cubes(days: Self.days) }
        try await step("soldes") {
            let count = try await store.balances(days: Self.days)
            return (count, count > 0)
        }
        report.add("alertes", try await store.alerts())
        report.add("sécurité", try await store.security())
        report.add("incidents", try await store.incidents())
        report.add("autres", try await store.others())
        progress(report)
        return report
    }
}
