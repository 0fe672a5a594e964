/// How figures are written for whoever scrapes them.
public enum Exposition: Sendable {
    /// Prometheus's text format 0.0.4.
    case prometheus
    /// OpenMetrics 1.0.0: the same with exemplars, and an end that shows when a part is missing.
    case openMetrics

    /// What an `Accept` header asks for.
    public init(accept: String?) {
        self = accept?.contains("application/openmetrics-text") == true ? .openMetrics : .prometheus
    }

    public var contentType: String {
        switch self {
        case .prometheus: "text/plain; version=0.0.4; charset=utf-8"
        case .openMetrics: "application/openmetrics-text; version=1.0.0; charset=utf-8"
        }
    }

    /// A family whose name came before is left out: twice the same name is an error to every reader.
    public func text(_ families: [Family]) -> String {
        var out = ""
        out.reserveCapacity(16 << 10)
        var seen: Set<String> = []
        for family in families where seen.insert(family.name).inserted { write(family, to: &out) }
        if self == .openMetrics { out += "# EOF\n" }
        return out
    }

    private func write(_ family: Family, to out: inout String) {
        let isCounter = family.kind == .counter
        var name = family.name
        // OpenMetrics names a counter's family without its ending.
        if isCounter, self == .openMetrics, name.hasSuffix("_total") { name.removeLast("_total".count) }
        out += "# HELP \(name) \(Self.escaped(family.help))\n# TYPE \(name) \(family.kind.rawValue)\n"
        for sample in family.samples {
            out += family.name
            out += sample.suffix
            Self.write(sample.labels, to: &out)
            out += " "
            out += Self.number(sample.value)
            if self == .openMetrics, let exemplar = sample.exemplar {
                out += " # {request_id=\"\(Self.escaped(exemplar.requestID))\"} "
                out += "\(Self.number(exemplar.value)) \(Self.number(exemplar.time))"
            }
            out += "\n"
        }
    }

    private static func write(_ labels: [Reading.Label], to out: inout String) {
        guard !labels.isEmpty else { return }
        out += "{"
        for (index, label) in labels.enumerated() {
            if index > 0 { out += "," }
            out += "\(label.name)=\"\(escaped(label.value))\""
        }
        out += "}"
    }

    /// Whole numbers without a fraction, up to where a double holds them exactly.
    static func number(_ value: Double) -> String {
        if value.isNaN { return "NaN" }
        guard value.isFinite else { return value < 0 ? "-Inf" : "+Inf" }
        guard value == value.rounded(), value.magnitude < 9e15 else { return "\(value)" }
        return String(Int64(value))
    }

    static func escaped(_ text: String) -> String {
        guard text.utf8.contains(where: { $0 == 92 || $0 == 34 || $0 == 10 }) else { return text }
        return text.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"").replacing("\n", with: "\\n")
    }
}
