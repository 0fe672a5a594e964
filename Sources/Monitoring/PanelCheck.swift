internal import Foundation
internal import Web

/// Asks a running Prometheus every query of every panel.
public struct PanelCheck: Sendable {
    /// A panel that may be empty, and why: `deploy/grafana/exceptions.json`.
    struct Exception: Sendable, Hashable {
        let dashboard: String
        let panel: String
        let reason: String
    }

    public enum Outcome: Sendable, Hashable {
        case data(series: Int)
        case empty
        case excused(reason: String)
        case failed(String)
    }

    public struct Line: Sendable {
        public let dashboard: String
        public let panel: String
        public let query: String
        public let outcome: Outcome
    }

    public struct Report: Sendable {
        public let lines: [Line]

        public var isGood: Bool {
            lines.allSatisfy { line in
                switch line.outcome {
                case .data, .excused: true
                case .empty, .failed: false
                }
            }
        }

        /// A line for each dashboard, then each query that is not well, then the exceptions with their reasons.
        public var text: [String] {
            var out: [String] = []
            for (name, lines) in Dictionary(grouping: lines, by: \.dashboard).sorted(by: { $0.key < $1.key }) {
                let panels = Set(lines.map(\.panel)).count
                let full = lines.filter { if case .data = $0.outcome { true } else { false } }.count
                out.append("\(name): \(panels) panels, \(lines.count) queries, \(full) with data")
            }
            for line in lines {
                switch line.outcome {
                case .empty: out.append("EMPTY    \(line.dashboard) / \(line.panel): \(line.query)")
                case .failed(let why): out.append("FAILED   \(line.dashboard) / \(line.panel): \(why): \(line.query)")
                case .excused(let reason): out.append("excused  \(line.dashboard) / \(line.panel): \(reason)")
                case .data: continue
                }
            }
            return out
        }
    }

    let client: PrometheusClient
    /// In place of `$__rate_interval`.
    let rate: String

    public init(client: PrometheusClient, rate: String = "5m") {
        self.client = client
        self.rate = rate
    }

    /// - Parameter folder: holds the dashboards; the exceptions lie beside it.
    public func run(folder: String) async throws -> Report {
        let exceptions = Self.exceptions(folder + "/../exceptions.json")
        var lines: [Line] = []
        for dashboard in try Dashboard.all(in: folder) {
            for panel in dashboard.panels {
                let excuse = exceptions.first { $0.dashboard == dashboard.uid && $0.panel == panel.title }
                for query in panel.queries {
                    let outcome = try await outcome(of: query, excuse)
                    lines.append(Line(dashboard: dashboard.uid, panel: panel.title, query: query, outcome: outcome))
                }
            }
        }
        return Report(lines: lines)
    }

    private func outcome(of query: String, _ excuse: Exception?) async throws -> Outcome {
        switch try await client.query(Dashboard.filled(query, rate: rate)) {
        case .refused(let why): return .failed(why)
        case .series(0): return excuse.map { .excused(reason: $0.reason) } ?? .empty
        case .series(let count): return .data(series: count)
        }
    }

    static func exceptions(_ path: String) -> [Exception] {
        guard let data = FileManager.default.contents(atPath: path), let json = try? JSONReader.read([UInt8](data))
        else { return [] }
        return (json.array ?? []).compactMap { entry in
            guard let dashboard = entry["dashboard"]?.string, let panel = entry["panel"]?.string,
                let reason = entry["reason"]?.string
            else { return nil }
            return Exception(dashboard: dashboard, panel: panel, reason: reason)
        }
    }
}
