internal import Evidence
internal import Postgres

/// Where a label comes from.
public enum LabelSource: String, Sendable, CaseIterable {
    case client
    case analyst = "analyste"
    case dispute = "opposition"
    case imported = "import"
}

extension FraudDesk {
    /// Somebody says what became of a payment; features see it from the next payment on. False when an analyst has
    /// already said otherwise.
    @discardableResult
    public func label(
        _ payment: Int64, isFraud: Bool, source: LabelSource, author: String
    ) async throws -> Bool {
        try await database.transaction { tx in
            try await self.label(payment, isFraud: isFraud, source: source, author: author, in: tx)
        }
    }

    func label(
        _ payment: Int64, isFraud: Bool, source: LabelSource, author: String, in tx: Transaction
    ) async throws -> Bool {
        let store = FraudStore(database: tx)
        guard let known = try await store.keys(of: payment) else {
            throw FraudError(
                code: "fraud_payment_unknown", message: "no decision was made on payment \(payment)",
                hint: "Check the payment's number.")
        }
        var keys = SIMD8<Int64>(repeating: PaymentEvent.absent)
        for (place, key) in known.prefix(8).enumerated() { keys[place] = key ?? PaymentEvent.absent }
        let slots = plan.slots(of: keys).filter(plan.isOwn)
        let names = slots.map(plan.stateName)
        let numbers = slots.compactMap { plan.key(of: $0, in: keys) }
        // The states first, the label second: payments take them in the same order.
        let held = try await store.take(names: names, keys: numbers)
        guard
            try await store.label(payment: payment, isFraud: isFraud, source: source.rawValue, author: author)
        else { return false }
        var changed: [StoredState] = []
        for (index, slot) in slots.enumerated() {
            guard let state = EntityState.decode(held[index], halfLives: plan.entities[slot].halfLives.count),
                state.learn(PaymentLabel(payment: payment, isFraud: isFraud))
            else { continue }
            changed.append(StoredState(name: names[index], key: numbers[index], bytes: state.encoded))
        }
        if !changed.isEmpty { try await store.put(changed) }
        try await EvidenceJournal.append(
            EvidenceEvent(
                "fraude.étiquette", "paiement \(payment)", fields: ["fraude": "\(isFraud)", "source": source.rawValue],
                actor: author), in: tx)
        return true
    }

    /// Payments that were decided on without their features enter the states now; says how many.
    @discardableResult
    public func catchUp(limit: Int = 500) async throws -> Int {
        let waiting = try await FraudStore(database: database).unabsorbed(limit: limit)
        for event in waiting {
            try await database.transaction { tx in
                let store = FraudStore(database: tx)
                let slots = self.plan.slots(of: event.keys)
                let held = try await store.take(
                    names: slots.map(self.plan.stateName),
                    keys: slots.compactMap { self.plan.key(of: $0, in: event.keys) })
                let (_, states) = self.features(event, slots: slots, held: held)
                try await store.put(self.changed(slots, states, event))
                try await store.absorb(event.id)
            }
        }
        return waiting.count
    }

    /// What was computed from the history of before service began.
    private func adopt(_ history: HistoryStore, into engine: FeatureEngine) async throws {
        var last: StoredState?
        while true {
            let part = try await history.takenOver(after: last.map { ($0.name, $0.key) }, size: 5_000)
            guard !part.isEmpty else { return }
            for state in part {
                guard let slot = plan.entityNames.firstIndex(of: state.name),
                    let read = EntityState.decode(state.bytes, halfLives: plan.entities[slot].halfLives.count)
                else { continue }
                engine.adopt(read, slot: slot, key: state.key)
            }
            last = part.last
        }
    }

    /// Recomputes every state from the decisions and labels alone, and names those that differ.
    public func audit() async throws -> [String] {
        try await database.transaction(isolation: .repeatableRead) { tx in
            let store = FraudStore(database: tx)
            let engine = FeatureEngine(self.plan)
            try await self.adopt(HistoryStore(database: tx), into: engine)
            var keys: [Int64: SIMD8<Int64>] = [:]
            let labels = try await store.labels()
            let labelled = Set(labels.map(\.payment))
            var order: Int64 = 0
            while true {
                let part = try await store.absorbed(after: order, limit: 5_000)
                guard let last = part.last else { break }
                order = last.order
                for (_, event) in part {
                    _ = engine.observe(event)
                    if labelled.contains(event.id) { keys[event.id] = event.keys }
                }
            }
            for label in labels { if let known = keys[label.payment] { engine.learn(label, of: known) } }
            let stored = try await store.states()
            var differing: [String] = []
            for state in stored {
                guard let slot = self.plan.entityNames.firstIndex(of: state.name) else { continue }
                if engine.state(slot, state.key)?.encoded != state.bytes {
                    differing.append("\(state.name) \(state.key)")
                }
            }
            if stored.count != engine.stateCount {
                differing.append("\(stored.count) states are stored, \(engine.stateCount) were computed")
            }
            return differing
        }
    }
}
