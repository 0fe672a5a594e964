public import Cryptography
internal import Evidence
internal import Postgres

/// The first day after a recovery: no label, no model, but a history. States of features are computed from it, a forest
/// without labels is trained on it, signed and put into service, all in one transaction and once only.
public struct DayOne: Sendable {
    /// With fewer payments rules and lists decide alone.
    public static let paymentsMin = 5_000
    private static let actor = "premier jour"
    private static let historyDays = 120
    private static let pageSize = 20_000
    private static let sampleRows = 100_000
    private static let lotSize = 500
    /// Decisions before the first day that are played again on top of the history.
    static let decisionsMax = 10_000

    private let desk: FraudDesk
    private let key: Ed25519.PrivateKey
    private let trainer: OddityTrainer

    public init(desk: FraudDesk, key: Ed25519.PrivateKey, trainer: OddityTrainer = OddityTrainer()) {
        self.desk = desk
        self.key = key
        self.trainer = trainer
    }

    /// The model's number, or nil when it is not the first day, there is no bank here, or its history is too short.
    public func begin() async throws -> Int64? {
        let history = HistoryStore(database: desk.database)
        guard try await history.isFirstDay(), try await history.hasBank() else { return nil }
        let past = try await walk(history, serviceSince: try await history.firstDecision())
        guard past.count >= Self.paymentsMin else { return nil }
        let model = try trainer.train(past.matrix, minors: past.minors, plan: desk.plan, from: past.from, to: past.to)
        let id = try await desk.registry.add(ModelFile.sign(model, with: key), actor: Self.actor)
        let isFirst = try await desk.database.transaction { tx in
            let store = HistoryStore(database: tx)
            try await store.hold()
            guard try await store.isFirstDay() else { return false }
            // What was judged while the history was read goes on from that history, unless it is long since.
            let since = try await FraudStore(database: tx).absorbed(after: 0, limit: Self.decisionsMax + 1)
            let isSoon = since.count <= Self.decisionsMax
            for start in stride(from: 0, to: past.states.count, by: Self.lotSize) {
                try await store.take(
                    over: Array(past.states[start..<min(start + Self.lotSize, past.states.count)]), whole: isSoon)
            }
            if isSoon, !since.isEmpty {
                let labels = try await FraudStore(database: tx).labels()
                try await FraudStore(database: tx).put(self.desk.rebuilt(past.states, since, labels))
            }
            _ = try await ModelStore(database: tx).promote(id)
            for (kind, fields) in [
                ("fraude.premier_jour", ["paiements": "\(past.count)", "états": "\(past.states.count)"]),
                ("fraude.modèle_promu", ["champion": "\(id)"]),
            ] {
                try await EvidenceJournal.append(
                    EvidenceEvent(kind, "modèle \(id)", fields: fields, actor: Self.actor), in: tx)
            }
            return true
        }
        guard isFirst else { return nil }
        try await desk.reloadModels()
        return id
    }

    private struct Past: Sendable {
        var count: Int
        var matrix: FeatureMatrix
        var minors: [Int64]
        var states: [StoredState]
        var from: Int
        var to: Int
    }

    /// All of the history through the batch engine; of its second half's rows a sample without order is kept.
    ///
    /// - Parameter serviceSince: states are taken as they stood then; the desk has seen what came later.
    private func walk(_ history: HistoryStore, serviceSince: Int64?) async throws -> Past {
        let engine = FeatureEngine(desk.plan)
        let slots = (
            customer: desk.plan.keyNames.firstIndex(of: "customer"),
            terminal: desk.plan.keyNames.firstIndex(of: "terminal")
        )
        guard let customer = slots.customer, let terminal = slots.terminal else {
            throw FraudError.definition("the entities customer and terminal are needed for a bank's history")
        }
        var sample = Reservoir(rows: Self.sampleRows, seed: trainer.seed)
        var count = 0
        var span: (from: Int64, to: Int64)?
        var states: [StoredState]?
        var page = try await history.page(after: nil, days: Self.historyDays, size: Self.pageSize)
        while !page.events.isEmpty {
            try Task.checkCancellation()
            for payment in page.events {
                if states == nil, let serviceSince, payment.time >= serviceSince { states = engine.stored }
                var keys = SIMD8<Int64>(repeating: PaymentEvent.absent)
                keys[customer] = payment.customer
                keys[terminal] = payment.terminal
                let row = engine.observe(
                    PaymentEvent(id: payment.id, time: payment.time, minor: payment.minor, keys: keys))
                span = (span?.from ?? payment.time, payment.time)
                count += 1
                // The first payments of an account are odd for want of a past.
                if payment.time - (span?.from ?? 0) >= 14 * Span.day { sample.add(row, payment.minor) }
            }
            page = try await history.page(after: page.last, days: Self.historyDays, size: Self.pageSize)
        }
        return Past(
            count: count, matrix: sample.matrix(columns: desk.plan.columns.count), minors: sample.minors,
            states: states ?? engine.stored, from: Int((span?.from ?? 0).floorDivided(by: Span.day)),
            to: Int((span?.to ?? 0).floorDivided(by: Span.day)) + 1)
    }
}

/// So many rows of a stream, each with the same chance.
struct Reservoir {
    private let size: Int
    private var rows: [[Float]] = []
    private(set) var minors: [Int64] = []
    private var seen = 0
    private var generator: SplitMix

    init(rows size: Int, seed: UInt64) {
        self.size = size
        generator = SplitMix(state: seed)
    }

    mutating func add(_ row: [Float], _ minor: Int64) {
        seen += 1
        guard rows.count >= size else {
            rows.append(row)
            minors.append(minor)
            return
        }
        let place = Int(generator.next() % UInt64(seen))
        guard place < size else { return }
        rows[place] = row
        minors[place] = minor
    }

    func matrix(columns: Int) -> FeatureMatrix {
        var matrix = FeatureMatrix(rows: rows.count, columns: columns)
        for (index, row) in rows.enumerated() {
            matrix.withRow(index) { for column in row.indices { $0[column] = row[column] } }
        }
        return matrix
    }
}
