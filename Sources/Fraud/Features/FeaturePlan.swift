internal import Foundation

/// A definition compiled for a list of columns: which entities are read, over which windows, and what each column takes.
public struct FeaturePlan: Sendable {
    /// Keys of an event: no plan knows more entities.
    static let entitiesMax = 8

    struct Entity: Sendable {
        let name: String
        let history: Int64
        let events: Int
        /// Slot of the entity whose key each kept payment remembers; nil for none.
        let peer: Int?
        /// Sorted lengths of the windows before the payment.
        var windows: ContiguousArray<Int64> = []
        /// Sorted lengths of the label windows, the delay included.
        var labelWindows: ContiguousArray<Int64> = []
        var halfLives: ContiguousArray<Int64> = []
        var needsScan = false
        /// Windows over which different peers are counted: rare and dearer.
        var countsPeers = false
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

    /// How long after a payment silence means that it was genuine.
    public var labelDelaySeconds: Int64 { labelDelay / Span.second }
    public var names: [String] { columns.map(\.name) }
    public var entityNames: [String] { entities.map(\.name) }

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
                peer: entity.peer.flatMap { peer in definition.entities.firstIndex { $0.name == peer } })
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
        operations = zip(columns, slots).map { column, slot in
            Operation(
                measure: column.measure, kind: Self.kind(of: column.measure), slot: slot,
                index: Self.index(of: column, in: entities[max(slot, 0)], delay: delay), current: column.current)
        }
        self.entities = entities
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
        if column.measure.isDecayed { insert(window, into: &entities[slot].halfLives) }
        if column.measure == .peerCount { entities[slot].countsPeers = true }
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

extension EntityState {
    /// What is left after a time of a sum that halves itself each half-life.
    static func factor(from: Int64, to: Int64, _ halfLife: Int64) -> Double {
        to <= from ? 1 : exp2(-Double(to - from) / Double(halfLife))
    }
}
