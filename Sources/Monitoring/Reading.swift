/// One figure of a capability, in Prometheus's terms.
public struct Reading: Sendable, Hashable {
    public enum Kind: String, Sendable { case counter, gauge, histogram }

    public struct Label: Sendable, Hashable {
        public let name: String
        public let value: String

        public init(_ name: String, _ value: String) {
            self.name = name
            self.value = value
        }
    }

    public let name: String
    public let help: String
    public let kind: Kind
    public let value: Double
    public let labels: [Label]

    /// `name` follows Prometheus's rules: `digitalbank_realtime_sockets`, a counter ends in `_total`.
    public init(_ name: String, _ kind: Kind, _ value: Int64, labels: [Label] = [], help: String) {
        self.init(name, kind, Double(value), labels: labels, help: help)
    }

    public init(_ name: String, _ kind: Kind, _ value: Double, labels: [Label] = [], help: String) {
        self.name = name
        self.help = help
        self.kind = kind
        self.value = value
        self.labels = labels
    }
}

/// All samples of one name.
public struct Family: Sendable {
    public struct Sample: Sendable {
        /// What follows the family's name: `_bucket`, `_sum`, `_count`; empty for a plain figure.
        let suffix: String
        let labels: [Reading.Label]
        let value: Double
        let exemplar: Exemplar?

        init(_ suffix: String, _ labels: [Reading.Label], _ value: Double, exemplar: Exemplar? = nil) {
            self.suffix = suffix
            self.labels = labels
            self.value = value
            self.exemplar = exemplar
        }
    }

    let name: String
    let help: String
    let kind: Reading.Kind
    let samples: [Sample]

    /// Readings of one name come together, in the order in which the names first came. A name keeps its first kind.
    public static func grouping(_ readings: [Reading]) -> [Family] {
        var order: [String] = []
        var groups: [String: [Reading]] = [:]
        for reading in readings {
            if groups[reading.name] == nil { order.append(reading.name) }
            groups[reading.name, default: []].append(reading)
        }
        return order.compactMap { name -> Family? in
            guard let group = groups[name], let first = group.first else { return nil }
            return Family(
                name: name, help: first.help, kind: first.kind, samples: group.map { Sample("", $0.labels, $0.value) })
        }
    }
}

/// One request that stands for those of its bucket.
public struct Exemplar: Sendable, Hashable {
    let requestID: String
    let value: Double
    /// Unix seconds.
    let time: Double
}
