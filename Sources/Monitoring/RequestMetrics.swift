internal import Foundation
internal import Synchronization

/// What Prometheus reads of requests: rate, errors and duration of each route, and how many are under way.
///
/// The number of series is bounded whatever clients ask for: a route has a name of its own once it answered a request
/// without an error, `routesMax` at most have one, and everything else of a mount is its route `other`.
public final class RequestMetrics: Sendable {
    struct Route: Hashable, Sendable {
        let mount: String
        let name: String
        let method: String
    }

    /// Touched under the lock only.
    private final class Series {
        var statuses: [Int: UInt64] = [:]
        var times = Histogram(bounds: bounds)
    }

    private struct Snapshot: Sendable {
        let route: Route
        let statuses: [Int: UInt64]
        let times: Histogram
    }

    public static let routesMax = 200
    /// Upper bounds in seconds.
    static let bounds = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10]
    /// Named from the first request on: alerts ask for them, and what they ask about may be that none is answered well.
    private static let named: Set<Route> = [
        Route(mount: "/auth/v1", name: "/token", method: "POST"),
        Route(mount: "/auth/v1", name: "/verify", method: "POST"),
        Route(mount: "/bank/v1", name: "/transfers", method: "POST"),
    ]
    private static let learning: Set<String> = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"]
    private let series = Mutex<[Route: Series]>([:])
    private let inFlight = Atomic<Int>(0)
    private let quick = Atomic<UInt64>(0)

    public init() {}

    /// Counts a request in; how many there are with it.
    public func begin() -> Int { inFlight.wrappingAdd(1, ordering: .relaxed).newValue }
    /// Counts an answer that was made without a task.
    public func wasQuick() { quick.wrappingAdd(1, ordering: .relaxed) }
    public func end() { inFlight.wrappingSubtract(1, ordering: .relaxed) }

    /// - Parameter path: what lies below the mount.
    public func record(mount: String, path: String, method: String, status: Int, time: Duration, id: String) {
        let seconds = Double(time.components.seconds) + Double(time.components.attoseconds) / 1e18
        let known = Self.learning.contains(method)
        let exemplar = Exemplar(requestID: id, value: seconds, time: Self.now())
        let own = Route(
            mount: mount, name: known ? RouteName.of(path) : RouteName.other, method: known ? method : "OTHER")
        series.withLock { series in
            // One look-up for a route that is known: this is on the way of every answer.
            let found = series[own] ?? Self.newSeries(own, status, known, &series)
            found.statuses[status, default: 0] += 1
            found.times.add(seconds, exemplar: exemplar)
        }
    }

    private static func newSeries(
        _ own: Route, _ status: Int, _ known: Bool, _ series: inout [Route: Series]
    ) -> Series {
        let isNamed = named.contains(own) || (known && status < 400 && series.count < routesMax)
        let route = isNamed ? own : Route(mount: own.mount, name: RouteName.other, method: own.method)
        if let found = series[route] { return found }
        let new = Series()
        series[route] = new
        return new
    }

    /// By mount.
    var totals: [String: Totals] {
        series.withLock { series in
            series.reduce(into: [:]) { totals, entry in
                var total = totals[entry.key.mount] ?? Totals()
                for (status, count) in entry.value.statuses {
                    total.requests += count
                    if status >= 500 { total.errors += count }
                }
                for (place, count) in entry.value.times.counts.enumerated() { total.counts[place] += count }
                totals[entry.key.mount] = total
            }
        }
    }

    private static func now() -> Double {
        var now = timespec()
        clock_gettime(CLOCK_REALTIME_COARSE, &now)
        return Double(now.tv_sec) + Double(now.tv_nsec / 1_000_000) / 1000
    }

    public var families: [Family] {
        let found = series.withLock { series in
            series.map { Snapshot(route: $0.key, statuses: $0.value.statuses, times: $0.value.times) }
        }
        let all = found.sorted {
            ($0.route.mount, $0.route.name, $0.route.method) < ($1.route.mount, $1.route.name, $1.route.method)
        }
        var requests: [Family.Sample] = []
        var times: [Family.Sample] = []
        for series in all {
            let labels: [Reading.Label] = [
                .init("mount", series.route.mount), .init("route", series.route.name),
                .init("method", series.route.method),
            ]
            requests += series.statuses.sorted { $0.key < $1.key }.map { status, count in
                Family.Sample("", labels + [.init("status", "\(status)")], Double(count))
            }
            times += series.times.samples(labels)
        }
        return [
            Family(
                name: "digitalbank_http_requests_total", help: "Requests answered.", kind: .counter, samples: requests),
            Family(
                name: "digitalbank_http_request_duration_seconds", help: "Time from head to answer.", kind: .histogram,
                samples: times),
        ]
            + Family.grouping([
                Reading(
                    "digitalbank_http_requests_quick_total", .counter, Double(quick.load(ordering: .relaxed)),
                    help: "Reads answered the short way."),
                Reading(
                    "digitalbank_http_requests_in_flight", .gauge, Int64(inFlight.load(ordering: .relaxed)),
                    help: "Requests being answered."),
                Reading(
                    "digitalbank_http_routes", .gauge, Int64(all.count),
                    help: "Routes with figures of their own; 200 at most, the rest is counted as other."),
            ])
    }
}
