internal import Diagnostics
internal import Foundation
internal import Yams

/// `features.yml` as it was read: entities, columns and sets of columns.
public struct FeatureDefinition: Sendable {
    public struct Entity: Sendable {
        public let name: String
        let history: Int64
        let events: Int
        /// The key of a payment that names one of them.
        let key: String
        /// The key that each kept payment remembers.
        let peer: String?
        /// Payments without that key leave the state as it is.
        let needsPeer: Bool
        /// The entity whose states are read under this one's key and never changed; nil: it has its own.
        let source: String?
    }

    public struct Column: Sendable {
        public let name: String
        let measure: Measure
        let entity: String?
        let window: Int64?
        let current: Bool
        public let french: String
        public let english: String
    }

    public let version: Int
    /// How long after a payment silence means that it was genuine.
    let labelDelay: Int64
    let isParisTime: Bool
    public let entities: [Entity]
    /// What a payment can name, in the order of its keys.
    public let keys: [String]
    let habitEntity: String
    let habitRatio: Double
    let habitAfter: Int
    public let columns: [Column]
    public let sets: [String: [String]]

    private struct File: Decodable {
        struct EntityFile: Decodable {
            let history: String?
            let events: Int?
            let key: String?
            let peer: String?
            let needs_peer: Bool?
            let state_of: String?
        }
        struct HabitFile: Decodable {
            let of: String
            let ratio: Double
            let after: Int
        }
        struct ColumnFile: Decodable {
            let name: String
            let measure: String
            let of: String?
            let window: String?
            let current: Bool?
            let fr: String
            let en: String
        }
        let version: Int
        let label_delay: String
        let zone: String
        let keys: [String]?
        let entities: [String: EntityFile]
        let habit: HabitFile
        let columns: [ColumnFile]
        let sets: [String: [String]]
    }

    /// The definition that ships with the program.
    public static func shipped() throws -> FeatureDefinition {
        try read(path: shippedPath())
    }

    static func shippedPath() throws -> String {
        try ResourceFolder.find(target: "Fraud", name: "Rules") + "/features.yml"
    }

    public static func read(path: String) throws(FraudError) -> FeatureDefinition {
        guard let data = FileManager.default.contents(atPath: path) else {
            throw FraudError.definition("no file at \(path)")
        }
        return try parse(String(decoding: data, as: UTF8.self))
    }

    public static func parse(_ text: String) throws(FraudError) -> FeatureDefinition {
        let file: File
        do {
            file = try YAMLDecoder().decode(File.self, from: text)
        } catch {
            throw FraudError.definition("\(error)")
        }
        return try FeatureDefinition(file)
    }

    private init(_ file: File) throws(FraudError) {
        guard let delay = Span.read(file.label_delay) else { throw FraudError.definition("label_delay") }
        guard file.zone == "utc" || file.zone == "paris" else { throw FraudError.definition("zone \(file.zone)") }
        version = file.version
        labelDelay = delay
        isParisTime = file.zone == "paris"
        habitEntity = file.habit.of
        habitRatio = file.habit.ratio
        habitAfter = file.habit.after
        sets = file.sets
        let keys = file.keys ?? file.entities.keys.sorted()
        self.keys = keys
        entities = try Self.entities(file, keys)
        var columns: [Column] = []
        for column in file.columns {
            guard let measure = Measure(rawValue: column.measure) else {
                throw FraudError.definition("\(column.name) has the unknown measure \(column.measure)")
            }
            var window: Int64?
            if let text = column.window {
                guard let read = Span.read(text) else { throw FraudError.definition("window of \(column.name)") }
                window = read
            }
            columns.append(
                Column(
                    name: column.name, measure: measure, entity: column.of, window: window,
                    current: column.current ?? false, french: column.fr, english: column.en))
        }
        self.columns = columns
    }

    /// Those that a key names first, in the order of keys.
    private static func entities(_ file: File, _ keys: [String]) throws(FraudError) -> [Entity] {
        guard Set(keys).count == keys.count, (1...FeaturePlan.keysMax).contains(keys.count) else {
            throw FraudError.definition("1 to \(FeaturePlan.keysMax) different keys")
        }
        func rank(_ name: String) -> (Int, String) { (keys.firstIndex(of: name) ?? keys.count, name) }
        var entities: [Entity] = []
        for (name, entity) in file.entities.sorted(by: { rank($0.key) < rank($1.key) }) {
            let own = entity.state_of.map { file.entities[$0] } ?? entity
            guard let own, own.state_of == nil else {
                throw FraudError.definition("\(name) reads the states of an entity that has none")
            }
            guard let history = own.history.flatMap({ Span.read($0) }), let events = own.events,
                (8...4_096).contains(events)
            else { throw FraudError.definition("history or events of \(name); events are 8 to 4096") }
            let peer = entity.peer ?? own.peer
            for key in [entity.key ?? name, peer ?? keys[0]] where !keys.contains(key) {
                throw FraudError.definition("\(name) names the unknown key \(key)")
            }
            entities.append(
                Entity(
                    name: name, history: history, events: events, key: entity.key ?? name, peer: peer,
                    needsPeer: entity.needs_peer ?? false, source: entity.state_of))
        }
        return entities
    }
}
