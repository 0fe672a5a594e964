public import Cryptography
public import Postgres
internal import Synchronization
internal import Web

/// Judges payments with the features that PostgreSQL keeps, so that any number of servers share them and a restart loses
/// nothing.
public final class FraudDesk: Sendable {
    public let database: Database
    public let plan: FeaturePlan
    public let settings: FraudSettings
    public let trusted: [Ed25519.PublicKey]
    /// Of the columns: what a decision's features can be read by.
    let version: String
    private let bench: Mutex<Bench>
    private let fallbacks = Mutex<[FraudDecision.Fallback: Int]>([:])

    /// - Parameter trusted: whoever may sign models.
    public init(
        database: Database, plan: FeaturePlan, trusted: [Ed25519.PublicKey], settings: FraudSettings = FraudSettings(),
        bench: Bench = Bench()
    ) {
        self.database = database
        self.plan = plan
        version = plan.version
        self.trusted = trusted
        self.settings = settings
        self.bench = Mutex(bench)
    }

    /// What is in service. The lock is held for a copy only; scoring itself takes none.
    public var current: Bench { bench.withLock { $0 } }

    public func replace(_ change: @Sendable (inout Bench) -> Void) { bench.withLock { change(&$0) } }

    /// How often decisions were made without the model, by the reason.
    public var fallbackCounts: [FraudDecision.Fallback: Int] { fallbacks.withLock { $0 } }

    /// In a transaction of its own. Whoever asks is answered in time, whatever a connection, the network or the server does:
    /// `fraud_late` then says that the caller's own fallback applies.
    public func decide(_ request: PaymentRequest) async throws -> FraudDecision {
        let answer = FirstAnswer<FraudDecision>()
        // It ends with its transaction or its connection, the clock below with its time: nobody waits for them.
        let work = Task {
            do {
                let decision = try await self.database.transaction { tx in try await self.decide(request, in: tx) }
                answer.give(.success(decision))
            } catch {
                answer.give(.failure(error))
            }
        }
        let clock = Task {
            try await Task.sleep(for: self.settings.answerMax)
            if answer.give(.failure(FraudError.late(request.key))) {
                self.fallbacks.withLock { $0[.late, default: 0] += 1 }
                work.cancel()
            }
        }
        defer { clock.cancel() }
        return try await withTaskCancellationHandler {
            try await answer.value()
        } onCancel: {
            work.cancel()
        }
    }

    /// In the payment's transaction: decision and features stand when the payment stands. When PostgreSQL does not answer
    /// in time or the features fail, the fallback decides and is counted, and the payment enters the features later.
    public func decide(_ request: PaymentRequest, in tx: Transaction) async throws -> FraudDecision {
        let event = try request.event(plan)
        do {
            return try await tx.savepoint { tx in
                let settings = try await tx.pipeline([
                    FraudStore.limitNow, FraudStore.limit(self.settings.decisionMax),
                ])
                let before = try settings.first?.first?.decode(0, as: String.self) ?? "0"
                let decision = try await self.judge(request, event, in: tx)
                try await tx.run(FraudStore.limit(before))
                return decision
            }
        } catch let error as FraudError {
            throw error
        } catch let error as PostgresError where FraudStore.isOurs(error) {
            let reason: FraudDecision.Fallback = FraudStore.isLate(error) ? .late : .failed
            fallbacks.withLock { $0[reason, default: 0] += 1 }
            let decision = FraudDecision(
                payment: request.payment, verdict: fallback(request.minor), rules: [], shadowRules: [],
                reasons: [], fallback: reason, isControl: false, isReplay: false, lists: [],
                rulesVersion: nil)
            try await FraudStore(database: tx).keep(
                [], request, event: event, decision, FraudStore.Trace(aheadMax: settings.aheadMax))
            return decision
        }
    }

    /// A forest that has seen no label only asks for proofs: when it does not come in time nobody is asked.
    private func fallback(_ minor: Int64) -> Verdict {
        current.champion?.scorer.model.isUnsupervised == true ? .allow : settings.fallback(minor: minor)
    }

    private func judge(
        _ request: PaymentRequest, _ event: PaymentEvent, in tx: Transaction
    ) async throws -> FraudDecision {
        let store = FraudStore(database: tx)
        let slots = plan.slots(of: event.keys)
        let held = try await store.hold(
            names: slots.map(plan.stateName), keys: slots.compactMap { plan.key(of: $0, in: event.keys) },
            listed: event.named(plan), idempotency: request.key)
        if let earlier = held.earlier {
            return try await replay(earlier, request, event, slots: slots, held: held, in: tx)
        }
        let event = try believed(event, request, now: held.now)
        let bench = current
        let (all, states) = decoded(slots: slots, held: held.states)
        var (decision, trace) = weighed(request, event, all, lists: held.lists, bench)
        if let reason = decision.fallback { count(reason) }
        try await store.keep(changed(slots, states, event), request, event: event, decision, trace)
        if let alert = alert(decision, event, bench) {
            decision.caseNumber = try await store.alert(
                client: alert.client, payment: alert.payment, loss: alert.loss, minor: alert.minor)
        }
        return decision
    }

    /// What is decided of a payment, and what is kept beside it; the payment is in the states then.
    func weighed(
        _ request: PaymentRequest, _ event: PaymentEvent, _ states: [EntityState?], lists: [String], _ bench: Bench
    ) -> (FraudDecision, FraudStore.Trace) {
        let row = features(event, states)
        let opinion = Judge(bench: bench, settings: settings).opinion(
            row, minor: request.minor, lists: lists,
            isDrawn: {
                settings.isControl(request.entities, day: event.time.floorDivided(by: Span.day), minor: request.minor)
            })
        let decision = FraudDecision(
            payment: request.payment, verdict: opinion.verdict, probability: opinion.probability,
            model: bench.champion?.id, rules: opinion.rules.active, shadowRules: opinion.rules.shadow,
            reasons: opinion.reasons, fallback: opinion.fallback, isControl: opinion.isControl, isReplay: false,
            lists: lists, rulesVersion: bench.rules.version)
        if !request.passes(decision.verdict) {
            for case let state? in states { state.mark(event.id, isStopped: true) }
        }
        let trace = FraudStore.Trace(
            challenger: opinion.challenger, columns: Self.bytes(row), version: version,
            reasons: DecisionJSON.reasons(decision.reasons).text, aheadMax: settings.aheadMax)
        return (decision, trace)
    }

    /// What a case is told of a decision; nil when it needs none.
    func alert(_ decision: FraudDecision, _ event: PaymentEvent, _ bench: Bench) -> FraudStore.Alert? {
        // Without labels each odd payment is a case too: what analysts say of them are the first labels.
        let isOdd = bench.champion?.scorer.model.isUnsupervised == true && decision.verdict == .stepUp
        guard decision.verdict >= .review || isOdd else { return nil }
        let policy = bench.champion?.scorer.model.policy ?? DecisionPolicy()
        return FraudStore.Alert(
            client: event.keys[plan.habitKey], payment: decision.payment,
            loss: policy.expectedLoss(decision.probability ?? 0.5, minor: event.minor), minor: event.minor)
    }

    func count(_ reason: FraudDecision.Fallback) { fallbacks.withLock { $0[reason, default: 0] += 1 } }

    /// The states that a payment has changed.
    func changed(_ slots: [Int], _ states: [EntityState], _ event: PaymentEvent) -> [StoredState] {
        zip(slots, states).compactMap { slot, state in
            guard plan.isOwn(slot), let key = plan.key(of: slot, in: event.keys) else { return nil }
            return StoredState(name: plan.entities[slot].name, key: key, bytes: state.encoded)
        }
    }

    /// A state that can not be read counts as new: a payment is never refused for that.
    func decoded(slots: [Int], held: [[UInt8]]) -> (bySlot: [EntityState?], states: [EntityState]) {
        var all = [EntityState?](repeating: nil, count: plan.entities.count)
        for (slot, bytes) in zip(slots, held) {
            let halfLives = plan.entities[slot].halfLives.count
            all[slot] = EntityState.decode(bytes, halfLives: halfLives) ?? EntityState(halfLives: halfLives)
        }
        return (all, slots.compactMap { all[$0] })
    }

    /// The payment's columns; the payment is in the states then.
    func features(_ event: PaymentEvent, _ states: [EntityState?]) -> [Float] {
        var reader = FeatureReader(plan)
        var row = [Float](repeating: .nan, count: plan.columns.count)
        row.withUnsafeMutableBufferPointer { reader.observe(event, states: states, into: $0) }
        return row
    }

    /// A clock that has jumped ahead must not make everything before it look old: a time that a caller gave is refused, the
    /// server's own is brought back.
    func believed(_ event: PaymentEvent, _ request: PaymentRequest, now: Int64) throws -> PaymentEvent {
        let latest = now + settings.aheadMax.components.seconds * Span.second
        guard event.time > latest else { return event }
        guard !request.keepsTime else {
            throw FraudError.request(
                "the time \(event.time) is \((event.time - now) / Span.second) seconds ahead of the bank's clock")
        }
        var event = event
        event.time = now
        return event
    }

    /// The first answer again, unless an analyst has judged since: what they call genuine is let through, what they call
    /// fraud is refused. A blocked entity stays blocked.
    private func replay(
        _ earlier: FraudStore.Earlier, _ request: PaymentRequest, _ event: PaymentEvent, slots: [Int],
        held: FraudStore.Held, in tx: Transaction
    ) async throws -> FraudDecision {
        guard earlier.fingerprint == request.fingerprint else {
            throw FraudError(
                code: "fraud_key_reused", message: "the key \(request.key) stands for another payment",
                hint: "Use a new key for a new payment.")
        }
        var verdict = Verdict(rawValue: earlier.verdict) ?? .review
        if let isFraud = earlier.analystSaysFraud { verdict = isFraud ? .block : .allow }
        if !earlier.passed, held.lists.contains("block") { verdict = .block }
        if !earlier.passed, request.passes(verdict) {
            let store = FraudStore(database: tx)
            let (_, states) = decoded(slots: slots, held: held.states)
            for state in states { state.mark(event.id, isStopped: false) }
            try await store.put(changed(slots, states, event))
            try await store.pass(request.payment)
        }
        return FraudDecision(
            payment: earlier.payment, verdict: verdict,
            probability: earlier.probability.map { Float($0) }, model: earlier.model,
            rules: earlier.rules.split(separator: ",").map(String.init), shadowRules: [], reasons: [],
            fallback: earlier.fallback.flatMap(FraudDecision.Fallback.init), isControl: false, isReplay: true,
            lists: [],
            rulesVersion: earlier.rulesVersion)
    }

    static func bytes(_ row: [Float]) -> [UInt8] { row.withUnsafeBytes { Array($0) } }

    static func row(_ bytes: [UInt8]) -> [Float]? {
        guard bytes.count % 4 == 0 else { return nil }
        return stride(from: 0, to: bytes.count, by: 4).map { start in
            Float(bitPattern: (0..<4).reduce(UInt32(0)) { $0 | UInt32(bytes[start + $1]) << UInt32(8 * $1) })
        }
    }
}
