/// The batch engine: all states in memory, payments in the order of time.
public final class FeatureEngine {
    public let plan: FeaturePlan
    private var reader: FeatureReader
    private var states: [[Int64: EntityState]]
    private var found: [EntityState?]

    public init(_ plan: FeaturePlan) {
        self.plan = plan
        reader = FeatureReader(plan)
        states = plan.entities.map { _ in [:] }
        found = plan.entities.map { _ in nil }
    }

    /// The columns of a payment, from what was known before it; then it counts as seen.
    public func observe(_ event: PaymentEvent, into row: UnsafeMutableBufferPointer<Float>) {
        for (slot, entity) in plan.entities.enumerated() {
            guard let key = plan.key(of: slot, in: event.keys) else {
                found[slot] = nil
                continue
            }
            if let source = entity.source {
                found[slot] = states[source][key] ?? EntityState(halfLives: entity.halfLives.count)
            } else if let state = states[slot][key] {
                found[slot] = state
            } else {
                let state = EntityState(halfLives: entity.halfLives.count)
                states[slot][key] = state
                found[slot] = state
            }
        }
        reader.observe(event, states: found, into: row)
    }

    public func observe(_ event: PaymentEvent) -> [Float] {
        var row = [Float](repeating: .nan, count: plan.columns.count)
        row.withUnsafeMutableBufferPointer { observe(event, into: $0) }
        return row
    }

    /// A payment's label is known from now on.
    public func learn(_ label: PaymentLabel, of keys: SIMD8<Int64>) {
        for slot in plan.entities.indices where plan.isOwn(slot) {
            if let key = plan.key(of: slot, in: keys) { states[slot][key]?.learn(label) }
        }
    }

    /// No money moved on a payment that was observed.
    func stop(_ payment: Int64, of keys: SIMD8<Int64>) {
        for slot in plan.entities.indices where plan.isOwn(slot) {
            if let key = plan.key(of: slot, in: keys) { states[slot][key]?.mark(payment, isStopped: true) }
        }
    }

    /// Goes on from a state that was computed before.
    func adopt(_ state: EntityState, slot: Int, key: Int64) { states[slot][key] = state }

    /// All states as they stand in the database.
    var stored: [StoredState] {
        plan.entities.enumerated().filter { plan.isOwn($0.offset) }.flatMap { slot, entity in
            states[slot].sorted { $0.key < $1.key }.map {
                StoredState(name: entity.name, key: $0.key, bytes: $0.value.encoded)
            }
        }
    }

    var stateCount: Int { states.reduce(0) { $0 + $1.count } }

    /// The own states of a slot, by their keys.
    func all(_ slot: Int) -> [Int64: EntityState] { states[slot] }

    func state(_ slot: Int, _ key: Int64) -> EntityState? { states[slot][key] }
}
