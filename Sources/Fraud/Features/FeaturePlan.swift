internal import Foundation

/// A definition compiled for a list of columns: which entities are read, over which windows, and what each column takes.
public struct FeaturePlan: Sendable {
    static let entitiesMax = 16
    /// Keys of an event.
    static let keysMax = 8

    struct Entity: Sendable {
        let name: String
        let history: Int64
        let events: Int
        /// Place of the key among a payment's keys.
        let key: Int
        /// Place of the key that each kept payment remembers; nil for none.
        let peer: Int?
        let needsPeer: Bool
        /// Slot whose states are read and never changed here; nil: its own are.
        let source: Int?
        /// Sorted lengths of the windows before the payment.
        var windows: ContiguousArray<Int64> = []
        /// Sorted lengths of the label windows, the delay included.
        var labelWindows: ContiguousArray<Int64> = []
        var halfLives: ContiguousArray<Int64> = []
        var needsScan = false
        /// Windows over which different peers are counted: rare and dearer.
        var countsPeers = false
        /// The same among known frauds.
        var countsVictims = false
    }

    struct Operation: Sendable {
        enum Kind { case window, label, decayed, whole }

        let measure: Measure
        let kind: Kind
        let slot: Int
        let index: Int
        let current: Bool
    }

    public let definition: FeatureDefinition
    public let columns: [FeatureDefinition.Column]
    let entities: [Entity]
    let operations: [Operation]
    let habitSlot: Int
    let labelDelay: Int64

    /// How long a state is kept behind its last payment: longer than any window looks back.
    let retention: Int64
    /// How long after a payment silence means that it was genuine.
    public var labelDelaySeconds: Int64 { labelDelay / Span.second }
    public var names: [String] { columns.map(\.name) }
    public var entityNames: [String] { entities.map(\.name) }
    /// What a payment can name.
    public var keyNames: [String] { definition.keys }
    var habitKey: Int { entities[habitSlot].key }

    /// - Parameter labelDelay: in days, instead of the definition's own.
    public init(
        _ definition: FeatureDefinition, set: String, labelDelaySeconds: Int64? = nil
    ) throws(FraudError) {
        guard let names = definition.sets[set] else {
            throw FraudError.definition("there is no set of columns named \(set)")
        }
        try self.init(definition, columns: names, labelDelaySeconds: labelDelaySeconds)
    }

    public init(
        _ definition: FeatureDefinition, columns names: [String], labelDelaySeconds: Int64? = nil
    ) throws(FraudError) {
        guard (1...Self.entitiesMax).contains(definition.entities.count) else {
            throw FraudError.definition("1 to \(Self.entitiesMax) entities")
        }
        self.definition = definition
        let delay = labelDelaySeconds.map { $0 * Span.second } ?? definition.labelDelay
        labelDelay = delay
        var entities = definition.entities.map { entity in
            Entity(
                name: entity.name, history: entity.history, events: entity.events,
                key: definition.keys.firstIndex(of: entity.key) ?? 0,
                peer: entity.peer.flatMap { definition.keys.firstIndex(of: $0) }, needsPeer: entity.needsPeer,
                source: entity.source.flatMap { name in definition.entities.firstIndex { $0.name == name } })
        }
        guard let habit = entities.firstIndex(where: { $0.name == definition.habitEntity }) else {
            throw FraudError.definition("habit names the unknown entity \(definition.habitEntity)")
        }
        habitSlot = habit
        var columns: [FeatureDefinition.Column] = []
        for name in names {
            guard let column = definition.columns.first(where: { $0.name == name }) else {
                throw FraudError.definition("a set names the unknown column \(name)")
            }
            columns.append(column)
        }
        self.columns = columns
        // The state keeps the decayed sums of every column, so that it is the same whatever a model reads.
        for column in definition.columns where column.measure.isDecayed {
            _ = try Self.register(column, in: &entities, delay: delay)
        }
        var slots: [Int] = []
        for column in columns { slots.append(try Self.register(column, in: &entities, delay: delay)) }
        for slot in entities.indices {
            if let source = entities[slot].source { entities[slot].halfLives = entities[source].halfLives }
        }
        operations = zip(columns, slots).map { column, slot in
            Operation(
                measure: column.measure, kind: Self.kind(of: column.measure), slot: slot,
                index: Self.index(of: column, in: entities[max(slot, 0)], delay: delay), current: column.current)
        }
        self.entities = entities
        retention = max(400 * Span.day, entities.map(\.history).max() ?? 0)
    }

    /// Notes what a column needs of its entity; returns the entity's slot.
    private static func register(
        _ column: FeatureDefinition.Column, in entities: inout [Entity], delay: Int64
    ) throws(FraudError) -> Int {
        guard column.measure.needsEntity else { return -1 }
        guard let slot = entities.firstIndex(where: { $0.name == column.entity }) else {
            throw FraudError.definition("\(column.name) needs `of`, an entity")
        }
        guard !column.measure.needsWindow || column.window != nil else {
            throw FraudError.definition("\(column.name) needs a window")
        }
        let window = column.window ?? 0
        if column.measure.readsWindow { insert(window, into: &entities[slot].windows) }
        if column.measure.readsLabelWindow { insert(window + delay, into: &entities[slot].labelWindows) }
        guard !column.measure.isDecayed || entities[slot].source == nil else {
            throw FraudError.definition("\(column.name) is a decayed sum of states that are another's")
        }
        if column.measure.isDecayed { insert(window, into: &entities[slot].halfLives) }
        if column.measure == .peerCount { entities[slot].countsPeers = true }
        if column.measure == .victims { entities[slot].countsVictims = true }
        guard max(window, column.measure.readsLabelWindow ? window + delay : 0) <= entities[slot].history else {
            throw FraudError.definition(
                "the window of \(column.name) is longer than what is kept of \(entities[slot].name)")
        }
        entities[slot].needsScan = true
        return slot
    }

    private static func kind(of measure: Measure) -> Operation.Kind {
        if measure.readsWindow { return .window }
        if measure.readsLabelWindow { return .label }
        return measure.isDecayed ? .decayed : .whole
    }

    private static func insert(_ value: Int64, into sorted: inout ContiguousArray<Int64>) {
        guard !sorted.contains(value) else { return }
        sorted.append(value)
        sorted.sort()
    }

    private static func index(of column: FeatureDefinition.Column, in entity: Entity, delay: Int64) -> Int {
        guard let window = column.window else { return 0 }
        if column.measure.readsWindow { return entity.windows.firstIndex(of: window) ?? 0 }
        if column.measure.readsLabelWindow { return entity.labelWindows.firstIndex(of: window + delay) ?? 0 }
        return entity.halfLives.firstIndex(of: window) ?? 0
    }
}

extension FeaturePlan {
    /// The key of a slot's state in a payment; nil when the payment has nothing to do with it.
    func key(of slot: Int, in keys: SIMD8<Int64>) -> Int64? {
        let entity = entities[slot]
        let key = keys[entity.key]
        guard key != PaymentEvent.absent, entity.source == nil || entity.needsScan else { return nil }
        if entity.needsPeer, let peer = entity.peer, keys[peer] == PaymentEvent.absent { return nil }
        return key
    }

    /// Slots that a payment reads, and those of them that it changes.
    func slots(of keys: SIMD8<Int64>) -> [Int] { entities.indices.filter { key(of: $0, in: keys) != nil } }

    func isOwn(_ slot: Int) -> Bool { entities[slot].source == nil }

    /// What a slot's states are called where they are kept.
    func stateName(_ slot: Int) -> String { entities[entities[slot].source ?? slot].name }
}

extension EntityState {
    /// What is left after a time of a sum that halves itself each half-life.
    static func factor(from: Int64, to: Int64, _ halfLife: Int64) -> Double {
        to <= from ? 1 : exp2(-Double(to - from) / Double(halfLife))
    }
}
