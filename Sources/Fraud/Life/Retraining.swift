public import Cryptography
internal import Postgres

/// Trains a candidate on the bank's own decisions and labels; it challenges the champion only when it is no worse on the
/// last days, which neither has seen.
public struct Retraining: Sendable {
    public struct Outcome: Sendable, Hashable {
        public var candidate: Double
        /// Nil when there was no champion, or one that has seen no label.
        public var champion: Double?
        /// Frauds on the days that decided.
        public var frauds: Int
        public var rows: Int
        /// The candidate's number when the gate opened.
        public var model: Int64?
    }

    /// Days at the end of what is known that decide.
    public static let gateDays = 7
    public static let rowsMax = 2_000_000
    private static let pageSize = 20_000

    private let desk: FraudDesk
    private let key: Ed25519.PrivateKey
    private let trainDays: Int
    private let trainer: ModelTrainer
    private let rowsMax: Int

    /// - Parameter rowsMax: of more decisions the newest are taken: the last days decide.
    public init(
        desk: FraudDesk, key: Ed25519.PrivateKey, trainDays: Int = 28, trainer: ModelTrainer = ModelTrainer(),
        rowsMax: Int = Retraining.rowsMax
    ) {
        self.rowsMax = rowsMax
        self.desk = desk
        self.key = key
        self.trainDays = trainDays
        self.trainer = trainer
    }

    /// Nil when nothing was decided yet. Too few frauds are an error, `fraud_labels_too_few`.
    public func run() async throws -> Outcome? {
        let store = ExampleStore(database: desk.database)
        let delayDays = Int((desk.plan.labelDelay + Span.day - 1) / Span.day)
        guard let last = try await store.lastDay() else { return nil }
        // Silence on the last days says nothing yet.
        let end = last + 1 - delayDays
        let gate = end - Self.gateDays
        let examples = try await load(store, from: gate - trainDays, to: end)
        let split = examples.days.firstIndex { $0 >= gate } ?? examples.days.count
        let model = try trainer.train(examples.slice(0..<split), plan: desk.plan, from: gate - trainDays, to: gate)
        let bytes = try ModelFile.sign(model, with: key)
        let candidate = try ModelFile.open(bytes, trusted: desk.trusted, plan: desk.plan)
        let unseen = examples.slice(split..<examples.days.count)
        let champion = desk.current.champion.flatMap { $0.scorer.model.isUnsupervised ? nil : $0.scorer }
        let verdict = ModelGate(
            champion: champion, candidate: candidate, matrix: unseen.matrix, labels: unseen.labels)
        var outcome = Outcome(
            candidate: verdict.candidate, champion: verdict.champion, frauds: verdict.frauds,
            rows: examples.days.count)
        guard verdict.isOpen else { return outcome }
        let id = try await desk.registry.add(bytes, actor: "réentraînement")
        try await desk.registry.challenge(id, actor: "réentraînement")
        outcome.model = id
        return outcome
    }

    private func load(_ store: ExampleStore, from: Int, to: Int) async throws -> Examples {
        var examples = Examples(columns: desk.plan.columns.count)
        var rank = try await store.rank(before: rowsMax, version: desk.version, fromDay: from)
        while examples.days.count < rowsMax {
            let page = try await store.page(
                after: rank, version: desk.version, fromDay: from,
                labelDelaySeconds: desk.plan.labelDelay / Span.second, size: Self.pageSize)
            guard let last = page.last else { break }
            rank = last
            for row in page.rows {
                let day = Int(row.time.floorDivided(by: Span.day))
                guard day < to, let columns = FraudDesk.row(row.columns), columns.count == desk.plan.columns.count
                else { continue }
                examples.append(columns, isFraud: row.isFraud, minor: row.minor, day: day)
            }
        }
        return examples.sorted
    }
}
