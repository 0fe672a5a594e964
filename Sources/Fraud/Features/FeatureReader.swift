/// The one code that turns a payment and the states of its entities into columns, in history and in service alike.
struct FeatureReader {
    let plan: FeaturePlan
    private var readings: [EntityReading]
    private var habit = Habit()
    private var peers: [Int64]

    init(_ plan: FeaturePlan) {
        self.plan = plan
        readings = plan.entities.map { _ in EntityReading() }
        peers = plan.entities.map { _ in PaymentEvent.absent }
    }

    /// Writes the payment's columns, then adds it to the states. Absurd times and amounts are brought into their bounds:
    /// a payment dated before the last one of an entity counts as simultaneous with it.
    mutating func observe(
        _ event: PaymentEvent, states: [EntityState?], into row: UnsafeMutableBufferPointer<Float>
    ) {
        var now = min(max(event.time, 0), Int64.max / 4)
        for case let state? in states where state.lastTime > now { now = state.lastTime }
        let states = remembered(states, now: now)
        let minor = min(max(event.minor, 0), 1_000_000_000_000_000)
        for slot in plan.entities.indices {
            guard let state = states[slot], plan.entities[slot].needsScan else {
                readings[slot].clear(plan.entities[slot])
                continue
            }
            let peer = plan.entities[slot].peer.map { event.keys[$0] } ?? PaymentEvent.absent
            peers[slot] = peer
            readings[slot].read(state, plan.entities[slot], now: now, delay: plan.labelDelay, peer: peer)
        }
        habit.read(states[plan.habitSlot], after: plan.definition.habitAfter)
        for (column, operation) in plan.operations.enumerated() {
            row[column] = value(operation, now: now, minor: minor, states: states)
        }
        let isBig = habit.median.map { Double(minor) > plan.definition.habitRatio * Double($0) } ?? false
        for (slot, entity) in plan.entities.enumerated() {
            guard let state = states[slot], entity.source == nil else { continue }
            let item = EntityState.Item(
                time: now, id: event.id, minor: minor,
                peer: entity.peer.map { event.keys[$0] } ?? PaymentEvent.absent,
                flags: isBig ? EntityState.Item.big : 0)
            state.append(item, history: entity.history, events: entity.events, halfLives: entity.halfLives)
        }
    }

    /// What was not seen for longer than a state is kept counts as new, whether it is still kept or not.
    private func remembered(_ states: [EntityState?], now: Int64) -> [EntityState?] {
        var states = states
        for (slot, entity) in plan.entities.enumerated() {
            guard let state = states[slot], state.count > 0, now - state.lastTime > plan.retention else { continue }
            if entity.source == nil {
                state.forget()
            } else {
                states[slot] = EntityState(halfLives: entity.halfLives.count)
            }
        }
        return states
    }

    private func value(
        _ operation: FeaturePlan.Operation, now: Int64, minor: Int64, states: [EntityState?]
    ) -> Float {
        guard operation.slot >= 0 else { return ownValue(operation.measure, now: now, minor: minor) }
        guard let state = states[operation.slot] else { return .nan }
        switch operation.kind {
        case .window: return windowValue(operation, readings[operation.slot].windows[operation.index], minor)
        case .label: return labelValue(operation, readings[operation.slot].labels[operation.index])
        case .decayed: return decayedValue(operation, state, now)
        case .whole: return wholeValue(operation.measure, operation.slot, minor)
        }
    }

    private func ownValue(_ measure: Measure, now: Int64, minor: Int64) -> Float {
        let local = plan.definition.isParisTime ? now + CivilTime.parisOffset(now) : now
        let day = local.floorDivided(by: Span.day)
        switch measure {
        case .weekend: return CivilTime.weekday(day: Int(day)) >= 5 ? 1 : 0
        case .night: return (local - day * Span.day) / Span.hour <= 6 ? 1 : 0
        case .hour: return Float(Double(local - day * Span.day) / Double(Span.hour))
        default: return euros(minor)
        }
    }

    private func windowValue(
        _ operation: FeaturePlan.Operation, _ totals: EntityReading.Totals, _ minor: Int64
    ) -> Float {
        let count = Int64(totals.count) + (operation.current ? 1 : 0)
        let sum = totals.sum + (operation.current ? minor : 0)
        switch operation.measure {
        case .count: return Float(count)
        case .sum: return euros(sum)
        case .mean: return count == 0 ? .nan : Float(Double(sum) / Double(count) / 100)
        case .bigCount: return Float(totals.big)
        case .peerCount: return Float(readings[operation.slot].peers[operation.index])
        case .share: return totals.sum <= 0 ? .nan : Float(Double(minor) / Double(totals.sum))
        default: return days(totals.firstBig)
        }
    }

    private func labelValue(_ operation: FeaturePlan.Operation, _ labels: EntityReading.Labels) -> Float {
        switch operation.measure {
        case .labelledCount: return Float(labels.known)
        case .fraudCount: return Float(labels.frauds)
        case .fraudShare: return labels.known == 0 ? 0 : Float(Double(labels.frauds) / Double(labels.known))
        case .bigFraudCount: return Float(labels.bigFrauds)
        case .smallFraudCount: return Float(labels.frauds - labels.bigFrauds)
        case .firstFraud: return days(labels.firstFraud)
        case .victims: return Float(labels.victims)
        default: return days(labels.firstSmallFraud)
        }
    }

    private func decayedValue(_ operation: FeaturePlan.Operation, _ state: EntityState, _ now: Int64) -> Float {
        let decay = state.decays[operation.index]
        let halfLife = plan.entities[operation.slot].halfLives[operation.index]
        let factor = EntityState.factor(from: decay.time, to: now, halfLife)
        return operation.measure == .decayedCount
            ? Float(decay.count * factor) : Float(decay.sum * factor / 100)
    }

    private func wholeValue(_ measure: Measure, _ slot: Int, _ minor: Int64) -> Float {
        switch measure {
        case .median: return habit.median.map(euros) ?? .nan
        case .ratio: return habit.median.map { Float(Double(minor) / Double(max($0, 1))) } ?? .nan
        case .deviation:
            guard habit.median != nil, habit.deviation > 0 else { return .nan }
            return Float((Double(minor) - habit.mean) / habit.deviation)
        case .sinceLast: return days(readings[slot].sinceLast)
        case .sinceBig: return days(readings[slot].sinceBig)
        case .sinceFraud: return days(readings[slot].sinceFraud)
        case .sinceGenuine: return days(readings[slot].sinceGenuine)
        case .runLength: return Float(readings[slot].run)
        case .runSmall: return Float(readings[slot].runSmall)
        case .runAge: return days(readings[slot].runAge)
        case .runGap: return days(readings[slot].runGap)
        case .distance: return Place.kilometres(readings[slot].lastPeer, peers[slot])
        case .sincePeer: return days(readings[slot].sincePeer)
        default: return Float(readings[slot].peerVisits)
        }
    }

    private func euros(_ minor: Int64) -> Float { Float(Double(minor) / 100) }

    private func days(_ age: Int64) -> Float { age < 0 ? .nan : Float(Double(age) / Double(Span.day)) }
}
