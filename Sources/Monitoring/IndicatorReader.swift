public import Postgres
internal import Synchronization

/// Reads every `<schema>.indicators` view again and again, so that a scrape costs no query and a slow view delays nobody.
public final class IndicatorReader: Sendable {
    public struct Settings: Sendable {
        public var pause: Duration = .seconds(10)
        /// The trial balance reads every posting.
        public var balancePause: Duration = .seconds(300)
        public var rowsMax = 300
        public var readTimeMax: Duration = .seconds(2)
        public var balanceTimeMax: Duration = .seconds(60)

        public init() {}
    }

    private struct Found {
        var readings: [Reading] = []
        var balance: [Reading] = []
    }

    private let store: IndicatorStore
    private let settings: Settings
    private let clock: @Sendable () -> Int64
    private let found = Mutex(Found())

    /// - Parameter clock: Unix seconds.
    public init(database: Database, settings: Settings = Settings(), clock: @escaping @Sendable () -> Int64) {
        store = IndicatorStore(database: database)
        self.settings = settings
        self.clock = clock
    }

    /// What was read last.
    public var readings: [Reading] { found.withLock { $0.readings + $0.balance } }

    /// Reads until the task is cancelled.
    public func run() async throws {
        var balanceAt = ContinuousClock.now
        while !Task.isCancelled {
            await read()
            if balanceAt <= .now {
                await readBalance()
                balanceAt = .now + settings.balancePause
            }
            try await Task.sleep(for: settings.pause)
        }
    }

    /// Reads all views once. A view that can not be read is a figure too, and takes no other down.
    public func read() async {
        guard let schemas = try? await store.schemas() else { return found.withLock { $0.readings = [] } }
        var readings: [Reading] = []
        var taken: [String: String] = [:]
        for schema in schemas {
            let start = ContinuousClock.now
            let rows = try? await store.rows(of: schema, rowsMax: settings.rowsMax + 1, timeMax: settings.readTimeMax)
            let time = ContinuousClock.now - start
            let kept = accepted(rows ?? [], of: schema, &taken)
            readings += kept
            readings += health(schema, rows, kept.count, time)
        }
        let all = readings
        found.withLock { $0.readings = all }
    }

    /// A name belongs to the schema that had it first, each set of labels comes once.
    private func accepted(_ rows: [IndicatorStore.Row], of schema: String, _ taken: inout [String: String]) -> [Reading]
    {
        var kept: [Reading] = []
        var seen: Set<[String]> = []
        for row in rows.prefix(settings.rowsMax) {
            guard
                let reading = IndicatorRules.reading(
                    name: row.name, labels: row.labels, value: row.value, help: row.help),
                taken[row.name, default: schema] == schema,
                seen.insert([row.name] + reading.labels.flatMap { [$0.name, $0.value] }).inserted
            else { continue }
            taken[row.name] = schema
            kept.append(reading)
        }
        return kept
    }

    private func health(
        _ schema: String, _ rows: [IndicatorStore.Row]?, _ kept: Int, _ time: Duration
    ) -> [Reading] {
        let labels = [Reading.Label("schema", schema)]
        return [
            Reading(
                "digitalbank_indicators_up", .gauge, Int64(rows == nil ? 0 : 1), labels: labels,
                help: "1 when a schema's figures could be read."),
            Reading(
                "digitalbank_indicators_refused", .gauge, Int64((rows?.count ?? 0) - kept), labels: labels,
                help: "Figures of a schema that break the rules of names, labels or number."),
            Reading(
                "digitalbank_indicators_read_seconds", .gauge,
                Double(time.components.seconds) + Double(time.components.attoseconds) / 1e18, labels: labels,
                help: "How long reading a schema's figures took."),
        ]
    }

    /// Asks for the trial balance once. While it can not be had, its age grows and says so.
    public func readBalance() async {
        guard let balances = try? await store.balances(timeMax: settings.balanceTimeMax) else { return }
        var readings: [Reading] = []
        for balance in balances {
            let labels = [Reading.Label("currency", balance.currency)]
            readings.append(
                Reading(
                    "digitalbank_ledger_trial_balance_minor", .gauge, balance.postings, labels: labels,
                    help: "Sum of all postings in minor units: zero at all times."))
            readings.append(
                Reading(
                    "digitalbank_ledger_difference_minor", .gauge, balance.difference, labels: labels,
                    help: "Sum of all balances less the sum of all postings: zero at all times."))
        }
        readings.append(
            Reading(
                "digitalbank_ledger_checked_timestamp_seconds", .gauge, clock(),
                help: "When the trial balance was last made, in Unix seconds."))
        let all = readings
        found.withLock { $0.balance = all }
    }
}
