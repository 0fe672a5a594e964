internal import Synchronization

/// One figure of a capability, in Prometheus's terms.
public struct Reading: Sendable, Hashable {
    public enum Kind: String, Sendable { case counter, gauge }

    public let name: String
    public let help: String
    public let kind: Kind
    public let value: Int64

    /// `name` follows Prometheus's rules: `digitalbank_realtime_sockets`, a counter ends in `_total`.
    public init(_ name: String, _ kind: Kind, _ value: Int64, help: String) {
        self.name = name
        self.help = help
        self.kind = kind
        self.value = value
    }

    var text: String { "# HELP \(name) \(help)\n# TYPE \(name) \(kind.rawValue)\n\(name) \(value)\n" }
}

/// What Prometheus reads: requests by mount and status, and how long they took.
final class Metrics: Sendable {
    private struct Series {
        var counts: [String: UInt64] = [:]
        var buckets: [String: [UInt64]] = [:]
        var sums: [String: Double] = [:]
    }

    /// Upper bounds in seconds.
    static let bounds = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10]
    private let series = Mutex(Series())
    private let inFlight = Atomic<Int>(0)
    private let quick = Atomic<UInt64>(0)

    /// Counts a request in; how many there are with it.
    func begin() -> Int { inFlight.wrappingAdd(1, ordering: .relaxed).newValue }
    /// Counts an answer that was made without a task.
    func wasQuick() { quick.wrappingAdd(1, ordering: .relaxed) }
    func end() { inFlight.wrappingSubtract(1, ordering: .relaxed) }

    func record(mount: String, status: Int, time: Duration) {
        let seconds = Double(time.components.seconds) + Double(time.components.attoseconds) / 1e18
        let bucket = Self.bounds.firstIndex { seconds <= $0 } ?? Self.bounds.count
        series.withLock { series in
            series.counts["mount=\"\(mount)\",status=\"\(status)\"", default: 0] += 1
            series.buckets[mount, default: Array(repeating: 0, count: Self.bounds.count + 1)][bucket] += 1
            series.sums[mount, default: 0] += seconds
        }
    }

    /// Prometheus's text format 0.0.4.
    var text: String {
        let (series, inFlight) = (series.withLock { $0 }, inFlight.load(ordering: .relaxed))
        var out = "# HELP digitalbank_http_requests_total Requests answered.\n"
        out += "# TYPE digitalbank_http_requests_total counter\n"
        for (labels, count) in series.counts.sorted(by: { $0.key < $1.key }) {
            out += "digitalbank_http_requests_total{\(labels)} \(count)\n"
        }
        out += "# HELP digitalbank_http_request_duration_seconds Time from head to answer.\n"
        out += "# TYPE digitalbank_http_request_duration_seconds histogram\n"
        for (mount, buckets) in series.buckets.sorted(by: { $0.key < $1.key }) {
            var total: UInt64 = 0
            for (index, count) in buckets.enumerated() {
                total += count
                let bound = index < Self.bounds.count ? "\(Self.bounds[index])" : "+Inf"
                out += "digitalbank_http_request_duration_seconds_bucket{mount=\"\(mount)\",le=\"\(bound)\"} \(total)\n"
            }
            out += "digitalbank_http_request_duration_seconds_sum{mount=\"\(mount)\"} \(series.sums[mount] ?? 0)\n"
            out += "digitalbank_http_request_duration_seconds_count{mount=\"\(mount)\"} \(total)\n"
        }
        out += "# HELP digitalbank_http_requests_quick_total Reads answered the short way.\n"
        out += "# TYPE digitalbank_http_requests_quick_total counter\n"
        out += "digitalbank_http_requests_quick_total \(quick.load(ordering: .relaxed))\n"
        out += "# HELP digitalbank_http_requests_in_flight Requests being answered.\n"
        out += "# TYPE digitalbank_http_requests_in_flight gauge\n"
        return out + "digitalbank_http_requests_in_flight \(inFlight)\n"
    }
}
