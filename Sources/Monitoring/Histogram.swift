internal import Synchronization

/// Counts durations by size. A plain value: whoever keeps one holds a lock.
struct Histogram: Sendable {
    private(set) var counts: [UInt64]
    private(set) var sum = 0.0
    private var exemplars: [Exemplar?]
    /// Upper bounds in seconds, rising.
    let bounds: [Double]

    init(bounds: [Double]) {
        self.bounds = bounds
        counts = Array(repeating: 0, count: bounds.count + 1)
        exemplars = Array(repeating: nil, count: bounds.count + 1)
    }

    mutating func add(_ seconds: Double, exemplar: Exemplar? = nil) {
        let bucket = bounds.firstIndex { seconds <= $0 } ?? bounds.count
        counts[bucket] += 1
        sum += seconds
        if let exemplar { exemplars[bucket] = exemplar }
    }

    func samples(_ labels: [Reading.Label]) -> [Family.Sample] {
        var samples: [Family.Sample] = []
        var total: UInt64 = 0
        for (index, count) in counts.enumerated() {
            total += count
            let bound = index < bounds.count ? "\(bounds[index])" : "+Inf"
            samples.append(
                Family.Sample(
                    "_bucket", labels + [.init("le", bound)], Double(total), exemplar: exemplars[index]))
        }
        samples.append(Family.Sample("_sum", labels, sum))
        samples.append(Family.Sample("_count", labels, Double(total)))
        return samples
    }
}

/// How late the threads that serve connections come to their work.
public final class LagMeter: Sendable {
    private static let bounds = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5]
    private let histogram = Mutex(Histogram(bounds: bounds))

    public init() {}

    public func record(seconds: Double) { histogram.withLock { $0.add(max(0, seconds)) } }

    public var family: Family {
        Family(
            name: "digitalbank_event_loop_lag_seconds",
            help: "How late an event loop ran what was due, asked each second of each loop.", kind: .histogram,
            samples: histogram.withLock { $0 }.samples([]))
    }
}
