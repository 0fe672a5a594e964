internal import Diagnostics
internal import Foundation
internal import PostgresServer

/// What stands below `monitoring` in the data directory: configurations with the ports that are really taken, the rules,
/// Prometheus's data.
struct MonitoringFiles: Sendable {
    let folder: String
    let user: UnprivilegedCommand?

    private var passwordFile: String { folder + "/supervision.pass" }
    private var hookTokenFile: String { folder + "/hook.token" }

    /// The hooks of the bank that Alertmanager calls.
    static let hooks = ["alertmanager", "deadman"]
    static let deployedTokenFile = "/etc/prometheus/digitalbank-hook.token"

    func prepare() throws {
        for path in [folder, folder + "/prometheus", folder + "/alertmanager", folder + "/rules"] {
            try FileManager.default.createDirectory(
                atPath: path, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o755])
            user?.own(path)
        }
    }

    /// The password of the role `supervision`, made once.
    func password() throws -> String { try secret(passwordFile) }

    /// What Alertmanager proves itself with at the bank's hooks, made once.
    func hookToken() throws -> String { try secret(hookTokenFile) }

    private func secret(_ file: String) throws -> String {
        if let data = FileManager.default.contents(atPath: file), !data.isEmpty {
            return String(decoding: data, as: UTF8.self)
        }
        let alphabet = Array("abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789")
        var generator = SystemRandomNumberGenerator()
        let password = String((0..<32).compactMap { _ in alphabet.randomElement(using: &generator) })
        guard
            FileManager.default.createFile(
                atPath: file, contents: Data(password.utf8), attributes: [.posixPermissions: 0o600])
        else { throw CocoaError(.fileWriteUnknown) }
        user?.own(file)
        return password
    }

    /// Rules and configurations are copied: the unprivileged user may not reach where the program lies.
    func write(ports: [String: Int], server: ServeProcess) throws {
        let deploy = DeployFolder.path
        if let deploy {
            for name in ["recording.yml", "alerts.yml"] {
                try copy(deploy + "/prometheus/rules/" + name, to: "rules/" + name) { $0 }
            }
            try copy(deploy + "/prometheus/queries.yml", to: "queries.yml") { $0 }
            try copy(deploy + "/alertmanager/alertmanager.yml", to: "alertmanager.yml") {
                Self.fallback(
                    $0.replacing("http://127.0.0.1:8000", with: server.url)
                        .replacing(Self.deployedTokenFile, with: hookTokenFile),
                    environment: ProcessInfo.processInfo.environment)
            }
        } else {
            try write("route: {receiver: nobody}\nreceivers: [{name: nobody}]\n", to: "alertmanager.yml")
        }
        try write(Self.configuration(ports: ports, admin: server.admin), to: "prometheus.yml")
    }

    /// Who is told when the bank itself is what is down: an address, and a relay as host:port. What is no address or no relay
    /// is left out, since Alertmanager would not start with it.
    static func fallback(_ text: String, environment: [String: String]) -> String {
        var text = text
        let plain = /[A-Za-z0-9.!#$&*+=?^_{|}~@:\-]+/
        if let to = environment["DIGITALBANK_FALLBACK_EMAIL"], to.contains("@"), to.wholeMatch(of: plain) != nil {
            text = text.replacing("to: root@localhost", with: "to: '\(to)'")
        }
        if let relay = environment["DIGITALBANK_FALLBACK_SMTP"], relay.contains(":"), relay.wholeMatch(of: plain) != nil
        {
            text = text.replacing("smarthost: 127.0.0.1:25", with: "smarthost: '\(relay)'")
        }
        return text
    }

    static func configuration(ports: [String: Int], admin: String?) -> String {
        var out = """
            global:
              scrape_interval: 5s
              evaluation_interval: 15s
              external_labels: {bank: digitalbank}
            rule_files: ['rules/*.yml']

            """
        if let port = ports["prometheus-alertmanager"] {
            out += "alerting: {alertmanagers: [{static_configs: [{targets: ['127.0.0.1:\(port)']}]}]}\n"
        }
        out += "scrape_configs:\n"
        let jobs = [
            ("prometheus", "prometheus"), ("alertmanager", "prometheus-alertmanager"),
            ("node", "prometheus-node-exporter"), ("postgres", "prometheus-postgres-exporter"),
        ]
        for (job, program) in jobs {
            guard let port = ports[program] else { continue }
            out += "  - {job_name: \(job), static_configs: [{targets: ['127.0.0.1:\(port)']}]}\n"
        }
        if let host = admin?.split(separator: "/").last {
            out += "  - {job_name: digitalbank, static_configs: [{targets: ['\(host)']}]}\n"
        }
        return out
    }

    /// No secret stands in a command: others on the machine may read it.
    func command(_ name: String, _ path: String, port: Int, _ cluster: Cluster) -> [String] {
        let listen = "--web.listen-address=127.0.0.1:\(port)"
        switch name {
        case "prometheus":
            return [
                path, "--config.file=\(folder)/prometheus.yml", "--storage.tsdb.path=\(folder)/prometheus",
                "--storage.tsdb.retention.time=30d", "--storage.tsdb.retention.size=1GB",
                "--enable-feature=exemplar-storage", "--log.level=warn", listen,
            ]
        case "prometheus-alertmanager":
            return [
                path, "--config.file=\(folder)/alertmanager.yml", "--storage.path=\(folder)/alertmanager",
                "--cluster.listen-address=", "--log.level=warn", listen,
            ]
        case "prometheus-postgres-exporter":
            // The socket's name tells PostgreSQL's port.
            let place = "?host=\(cluster.socketDirectory)&port=\(cluster.port ?? 5432)&sslmode=disable"
            var command = [
                "/usr/bin/env", "DATA_SOURCE_URI=/\(UpService.databaseName)\(place)",
                "DATA_SOURCE_USER=\(SupervisionStore.role)", "DATA_SOURCE_PASS_FILE=\(passwordFile)", path,
                "--log.level=warn", listen,
            ]
            if FileManager.default.fileExists(atPath: folder + "/queries.yml") {
                command.append("--extend.query-path=\(folder)/queries.yml")
            }
            return command
        default: return [path, "--log.level=warn", listen]
        }
    }

    private func copy(_ source: String, to name: String, _ change: (String) -> String) throws {
        guard let text = try? String(contentsOfFile: source, encoding: .utf8) else { return }
        try write(change(text), to: name)
    }

    private func write(_ text: String, to name: String) throws {
        try Data(text.utf8).write(to: URL(filePath: folder + "/" + name), options: .atomic)
        chmod(folder + "/" + name, 0o644)
    }
}
