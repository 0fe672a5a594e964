internal import Analytics
internal import Diagnostics
internal import Foundation
internal import Fraud
internal import PostgresServer

/// Looks for what the product needs on this machine.
public enum Doctor {
    public struct Examination: Sendable {
        public let lines: [String]
        public let isHealthy: Bool
    }

    private struct Need {
        let what: String
        let purpose: String
        let install: String
        let isRequired: Bool
        let find: () -> String?
    }

    public static func examine() async -> Examination {
        var lines: [String] = []
        var missing: [String] = []
        var isHealthy = true
        for need in needs() + conveniences() {
            if let found = need.find() {
                lines.append("ok       \(need.what): \(found)")
            } else {
                lines.append("\(need.isRequired ? "MISSING" : "missing")  \(need.what): \(need.purpose)")
                missing.append(need.install)
                if need.isRequired { isHealthy = false }
            }
        }
        if !missing.isEmpty { lines += ["", "install with: \(missing.joined(separator: "; "))"] }
        return Examination(lines: lines, isHealthy: isHealthy)
    }

    private static func needs() -> [Need] {
        [
            Need(
                what: "PostgreSQL 14 to 17", purpose: "holds the restored bank and the clean room",
                install: "apt-get install postgresql-15", isRequired: true
            ) {
                (try? PostgresBinaries.find()).map { "\($0.majorVersion) in \($0.directory)" }
            },
            Need(
                what: "pgcrypto and amcheck", purpose: "extensions of the restored bank",
                install: "apt-get install postgresql-contrib", isRequired: true
            ) {
                guard let binaries = try? PostgresBinaries.find() else { return nil }
                let folder = "/usr/share/postgresql/\(binaries.majorVersion)/extension"
                let has = ["pgcrypto.control", "amcheck.control"].allSatisfy {
                    FileManager.default.fileExists(atPath: "\(folder)/\($0)")
                }
                return has ? folder : nil
            },
            Need(
                what: "an unprivileged user for the server", purpose: "PostgreSQL refuses to run as root",
                install: "useradd --system --shell /usr/sbin/nologin digitalbank", isRequired: true
            ) { serverUser() },
            Need(
                what: "XGBoost", purpose: "trains the fraud model",
                install: "apt-get install libxgboost-dev", isRequired: true
            ) { FraudLibrary.version },
            Need(
                what: "libxlsxwriter", purpose: "writes workbooks", install: "apt-get install libxlsxwriter-dev",
                isRequired: true
            ) { SpreadsheetLibrary.version },
            Need(
                what: "space", purpose: "at least 1 GB free here", install: "free some space", isRequired: true
            ) {
                let attributes = try? FileManager.default.attributesOfFileSystem(forPath: ".")
                let free = (attributes?[.systemFreeSize] as? NSNumber)?.int64Value ?? 0
                return free > 1_000_000_000 ? "\(free / 1_000_000_000) GB free" : nil
            },
        ]
    }

    /// What some commands want, and the bank runs without.
    private static func conveniences() -> [Need] {
        [
            Need(
                what: "WeasyPrint", purpose: "writes the report as PDF", install: "apt-get install weasyprint",
                isRequired: false
            ) { Tools.find("weasyprint") },
            Need(
                what: "Prometheus", purpose: "watches the bank (up --monitoring)",
                install: "apt-get install --no-install-recommends "
                    + MonitoringStack.needed.map(\.name).joined(separator: " "),
                isRequired: false
            ) {
                let missing = MonitoringStack.needed.map(\.name).filter { Tools.find($0) == nil }
                return missing.isEmpty ? "with Alertmanager and both exporters" : nil
            },
            Need(
                what: "Chromium", purpose: "runs the console's journeys in the tests",
                install: "apt-get install chromium", isRequired: false
            ) { Tools.find("chromium") },
            Need(
                what: "rsvg-convert", purpose: "turns charts into PNG", install: "apt-get install librsvg2-bin",
                isRequired: false
            ) { Tools.find("rsvg-convert") },
            Need(
                what: "pgBackRest", purpose: "backups and point-in-time recovery",
                install: "apt-get install --no-install-recommends pgbackrest", isRequired: false
            ) { Tools.find("pgbackrest") },
            Need(
                what: "curl", purpose: "looks at repositories behind S3 and their lock",
                install: "apt-get install --no-install-recommends curl", isRequired: false
            ) { Tools.find("curl") },
            Need(
                what: "Patroni, etcd and HAProxy", purpose: "drills of failover (cluster drill)",
                install: "apt-get install --no-install-recommends patroni python3-idna etcd-server haproxy",
                isRequired: false
            ) { ["patroni", "etcd", "haproxy"].allSatisfy { Tools.find($0) != nil } ? "all three" : nil },
        ]
    }

    private static func serverUser() -> String? {
        guard geteuid() == 0 else { return "the current one" }
        let names = [ProcessInfo.processInfo.environment["DIGITALBANK_OS_USER"], "digitalbank", "postgres"]
        return names.compactMap { $0 }.first { getpwnam($0) != nil }
    }
}
