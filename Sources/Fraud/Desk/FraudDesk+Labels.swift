internal import Evidence
public import Postgres

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

    /// A client says that a payment which went on was not theirs: a label at once, and a case for an analyst.
    public func deny(_ payment: Int64, author: String) async throws {
        try await database.transaction { tx in
            _ = try await self.label(payment, isFraud: true, source: .client, author: author, in: tx)
            let store = FraudStore(database: tx)
            guard let client = try await store.keys(of: payment)?[self.plan.habitKey],
                let minor = try await CaseStore(database: tx).amount(of: payment)
            else { return }
            try await store.deny(client: client, payment: payment, minor: minor)
        }
    }

    /// Payments that were decided on without their features enter the states now, with what was said of them since; says how
    /// many. Of many servers that do so at once each payment enters by one.
    @discardableResult
    public func catchUp(limit: Int = 500) async throws -> Int {
        let waiting = try await FraudStore(database: database).unabsorbed(limit: limit)
        var count = 0
        for event in waiting where try await absorb(event) { count += 1 }
        return count
    }

    func absorb(_ event: PaymentEvent) async throws -> Bool {
        try await database.transaction { tx in
            let store = FraudStore(database: tx)
            let slots = self.plan.slots(of: event.keys)
            let held = try await store.take(
                names: slots.map(self.plan.stateName),
                keys: slots.compactMap { self.plan.key(of: $0, in: event.keys) })
            guard let fate = try await store.absorb(event.id) else { return false }
            let (all, states) = self.decoded(slots: slots, held: held)
            _ = self.features(event, all)
            for (slot, state) in zip(slots, states) where self.plan.isOwn(slot) {
                if !fate.passed { state.mark(event.id, isStopped: true) }
                if let isFraud = fate.isFraud { state.learn(PaymentLabel(payment: event.id, isFraud: isFraud)) }
            }
            try await store.put(self.changed(slots, states, event))
            return true
        }
    }

    /// Removes states that were not seen for longer than any window looks back, some at a time; says how many. Nothing
    /// changes by that: a state of that age counts as new.
    @discardableResult
    public func forget(lots: Int = 100, size: Int = 1_000) async throws -> Int64 {
        let days = plan.retention / Span.day + 1
        var count: Int64 = 0
        for _ in 0..<lots {
            let gone = try await FraudStore(database: database).forget(days: days, limit: size)
            count += gone
            if gone < Int64(size) { break }
        }
        return count
    }

    /// The secret of the control group's draw, the same on every server of the bank.
    public static func controlKey(_ database: Database) async throws -> [UInt8] {
        try await FraudStore(database: database).secret("control", proposed: FraudSettings.newKey())
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

    /// States with decisions on top of them: of the entities that those decisions name.
    func rebuilt(
        _ states: [StoredState], _ decisions: [FraudStore.Absorbed], _ labels: [PaymentLabel]
    ) -> [StoredState] {
        let engine = FeatureEngine(plan)
        var touched = plan.entities.map { _ in Set<Int64>() }
        for slot in plan.entities.indices where plan.isOwn(slot) {
            touched[slot] = Set(decisions.compactMap { plan.key(of: slot, in: $0.event.keys) })
        }
        for state in states {
            guard let slot = plan.entityNames.firstIndex(of: state.name), touched[slot].contains(state.key),
                let read = EntityState.decode(state.bytes, halfLives: plan.entities[slot].halfLives.count)
            else { continue }
            engine.adopt(read, slot: slot, key: state.key)
        }
        for decision in decisions {
            _ = engine.observe(decision.event)
            if !decision.passed { engine.stop(decision.event.id, of: decision.event.keys) }
        }
        let keys = Dictionary(decisions.map { ($0.event.id, $0.event.keys) }) { first, _ in first }
        for label in labels { if let known = keys[label.payment] { engine.learn(label, of: known) } }
        return engine.stored
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
                for entry in part {
                    let event = entry.event
                    _ = engine.observe(event)
                    if !entry.passed { engine.stop(event.id, of: event.keys) }
                    if labelled.contains(event.id) { keys[event.id] = event.keys }
                }
            }
            for label in labels { if let known = keys[label.payment] { engine.learn(label, of: known) } }
            return self.differences(stored: try await store.states(), engine)
        }
    }

    /// What stands in the database and was computed otherwise, and what is missing there although it is not too old.
    private func differences(stored: [StoredState], _ engine: FeatureEngine) -> [String] {
        var differing: [String] = []
        var seen = plan.entities.map { _ in Set<Int64>() }
        var newest: Int64 = 0
        for state in stored {
            guard let slot = plan.entityNames.firstIndex(of: state.name) else { continue }
            seen[slot].insert(state.key)
            let computed = engine.state(slot, state.key)
            newest = max(newest, computed?.lastTime ?? 0)
            if computed?.encoded != state.bytes { differing.append("\(state.name) \(state.key)") }
        }
        for slot in plan.entities.indices where plan.isOwn(slot) {
            for (key, state) in engine.all(slot).sorted(by: { $0.key < $1.key })
            where state.count > 0 && !seen[slot].contains(key) && newest - state.lastTime <= plan.retention {
                differing.append("\(plan.entities[slot].name) \(key) is missing")
            }
        }
        return differing
    }
}
