public import Postgres

/// What became of one payment of a lot.
public enum LotAnswer: Sendable {
    case decided(FraudDecision)
    /// It can not be judged, whoever asks.
    case refused(FraudError)
    /// It has to be judged by itself: its key is known already, or the lot as a whole was not judged in time.
    case alone
}

extension FraudDesk {
    /// Judges payments that come at the same time in one transaction with two flights for all of them.
    ///
    /// The decisions are those that the same payments get one after the other in this order: a payment sees in the states
    /// what those before it have left. What one order would get from its fallback, the lot leaves to be judged alone.
    public func decide(lot requests: [PaymentRequest], in tx: Transaction) async throws -> [LotAnswer] {
        let lot = Lot(requests, plan)
        guard !lot.isEmpty else { return lot.answers }
        do {
            return try await tx.savepoint { tx in try await self.judge(lot, in: tx) }
        } catch let error as PostgresError where FraudStore.isOurs(error) {
            return lot.answers
        }
    }

    private static let lotMicrosecondsEach = 500

    private func judge(_ begun: Lot, in tx: Transaction) async throws -> [LotAnswer] {
        var lot = begun
        let store = FraudLotStore(database: tx)
        let time = settings.decisionMax + .microseconds(Self.lotMicrosecondsEach * lot.payments.count)
        let held = try await store.hold(
            lot.states, listed: lot.listed(plan), keys: lot.payments.map(\.request.key), within: time)
        var states = LotStates(lot, held.states, plan)
        let bench = current
        var kept: [FraudLotStore.Kept] = []
        var places: [Int] = []
        var alerts: [FraudStore.Alert] = []
        var alerted: [Int] = []
        for payment in lot.payments where !held.known.contains(payment.request.key) {
            let event: PaymentEvent
            do { event = try believed(payment.event, payment.request, now: held.now) } catch let error as FraudError {
                lot.answers[payment.place] = .refused(error)
                continue
            }
            let (decision, trace) = weighed(
                payment.request, event, states.of(payment, plan), lists: held.lists[payment.place] ?? [], bench)
            if let alert = alert(decision, event, bench) {
                alerts.append(alert)
                alerted.append(kept.count)
            }
            kept.append(.init(request: payment.request, event: event, decision: decision, trace: trace))
            places.append(payment.place)
        }
        guard !kept.isEmpty else {
            try await tx.run(FraudStore.limit(held.limit))
            return lot.answers
        }
        let cases = try await store.keep(states.changed(lot), kept, alerts, limit: held.limit)
        for (index, number) in zip(alerted, cases) { kept[index].decision.caseNumber = number }
        for (entry, place) in zip(kept, places) {
            if let reason = entry.decision.fallback { count(reason) }
            lot.answers[place] = .decided(entry.decision)
        }
        return lot.answers
    }
}

/// Payments that are judged together, and what is to be taken for them.
private struct Lot: Sendable {
    struct Payment: Sendable {
        let place: Int
        let request: PaymentRequest
        let event: PaymentEvent
        /// The slots that the payment reads, with the place of each one's state.
        let slots: [(slot: Int, state: Int)]
    }

    /// Until a payment has its answer it is to be judged alone.
    var answers: [LotAnswer]
    private(set) var payments: [Payment] = []
    private(set) var states: [(name: String, key: Int64)] = []
    /// By the state's place: a slot that owns states of its name.
    private(set) var owners: [Int] = []

    var isEmpty: Bool { payments.isEmpty }

    init(_ requests: [PaymentRequest], _ plan: FeaturePlan) {
        answers = Array(repeating: .alone, count: requests.count)
        var names: Set<String> = []
        var numbers: Set<Int64> = []
        var known: [String: [Int64: Int]] = [:]
        for (place, request) in requests.enumerated() {
            let event: PaymentEvent
            do { event = try request.event(plan) } catch {
                answers[place] = .refused(error)
                continue
            }
            // The second of one key gets the first one's answer, when that stands.
            guard names.insert(request.key).inserted, numbers.insert(request.payment).inserted else { continue }
            var slots: [(slot: Int, state: Int)] = []
            for slot in plan.slots(of: event.keys) {
                guard let key = plan.key(of: slot, in: event.keys) else { continue }
                let name = plan.stateName(slot)
                let state = known[name]?[key] ?? states.count
                if state == states.count {
                    known[name, default: [:]][key] = state
                    states.append((name, key))
                    owners.append(plan.entities[slot].source ?? slot)
                }
                slots.append((slot, state))
            }
            payments.append(Payment(place: place, request: request, event: event, slots: slots))
        }
    }

    func listed(_ plan: FeaturePlan) -> [(place: Int, name: String, key: Int64)] {
        payments.flatMap { payment in
            payment.event.named(plan).map { (place: payment.place, name: $0.name, key: $0.key) }
        }
    }
}

/// The states of a lot, shared by its payments: what one leaves is what the next one finds.
private struct LotStates {
    private let states: [EntityState]
    private var isChanged: [Bool]

    /// A state that can not be read counts as new, as a single payment's does.
    init(_ lot: Lot, _ bytes: [[UInt8]], _ plan: FeaturePlan) {
        states = zip(bytes, lot.owners).map { bytes, slot in
            let halfLives = plan.entities[slot].halfLives.count
            return EntityState.decode(bytes, halfLives: halfLives) ?? EntityState(halfLives: halfLives)
        }
        isChanged = Array(repeating: false, count: states.count)
    }

    /// A payment's states by slot; those that it owns count as changed.
    mutating func of(_ payment: Lot.Payment, _ plan: FeaturePlan) -> [EntityState?] {
        var all = [EntityState?](repeating: nil, count: plan.entities.count)
        for (slot, state) in payment.slots {
            all[slot] = states[state]
            if plan.isOwn(slot) { isChanged[state] = true }
        }
        return all
    }

    func changed(_ lot: Lot) -> [StoredState] {
        states.indices.filter { isChanged[$0] }.map { index in
            StoredState(name: lot.states[index].name, key: lot.states[index].key, bytes: states[index].encoded)
        }
    }
}
