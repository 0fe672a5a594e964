public import Diagnostics

/// Why something could not be watched.
public struct MonitoringError: Fault, Hashable {
    public let code: String
    public let message: String
    public let hint: String

    static func unreadable(_ path: String, _ why: String) -> MonitoringError {
        MonitoringError(
            code: "dashboard_unreadable", message: "the dashboard \(path) can not be read: \(why)",
            hint: "Restore the file from the release; docs/guides/monitoring.md says what a dashboard may hold.")
    }

    static func noDashboards(_ folder: String) -> MonitoringError {
        MonitoringError(
            code: "dashboards_missing", message: "there are no dashboards in \(folder)",
            hint: "Name their folder with --dashboards; in a checkout it is deploy/grafana/dashboards.")
    }

    static func prometheusAway(_ url: String, _ why: String) -> MonitoringError {
        MonitoringError(
            code: "prometheus_unreachable", message: "Prometheus does not answer at \(url): \(why)",
            hint: "Start it with: digitalbank up --monitoring, or name another with --prometheus URL")
    }
}
