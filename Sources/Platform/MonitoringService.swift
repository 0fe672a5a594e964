internal import Foundation
internal import Monitoring

/// What `digitalbank monitoring` does.
public enum MonitoringService {
    public struct CheckResult: Sendable {
        public let lines: [String]
        public let isGood: Bool
    }

    /// Asks every query of every dashboard of the Prometheus that `up --monitoring` started, or of another.
    public static func check(
        prometheus: String?, dashboards: String?, rate: String, dataDirectory: String
    ) async throws -> CheckResult {
        let running = MonitoringStack.running(DataDirectory(dataDirectory))?.url("prometheus")
        let url = prometheus ?? running ?? "http://127.0.0.1:9090"
        let folder = dashboards ?? DeployFolder.path.map { $0 + "/grafana/dashboards" } ?? "deploy/grafana/dashboards"
        let report = try await PanelCheck(client: PrometheusClient(url: url), rate: rate).run(folder: folder)
        return CheckResult(lines: report.text, isGood: report.isGood)
    }
}
