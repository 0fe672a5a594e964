internal import Foundation

/// The files of a cluster below a data directory: the plan, the pass words, a folder to carry to each host.
struct ClusterFolder: Sendable {
    let path: String

    init(dataDirectory: String) { path = dataDirectory + "/cluster" }

    var planFile: String { path + "/cluster.json" }
    var secretsFile: String { path + "/secrets.json" }

    var authority: ClusterAuthority { ClusterAuthority(folder: path + "/authority") }

    /// Certificates for the hosts of a cluster with TLS, in their folders.
    func certify(_ plan: ClusterPlan) async throws {
        guard plan.hasTLS else { return }
        try await authority.prepare()
        for host in plan.databases { try await authority.certify(host, into: path + "/" + host.name) }
        guard let certificate = FileManager.default.contents(atPath: authority.authority) else { return }
        for host in plan.servers {
            try ContinuityFolder.write(
                String(decoding: certificate, as: UTF8.self),
                to: "\(path)/\(host.name)/\(ClusterAuthority.certificate)")
        }
    }

    func plan() throws -> ClusterPlan {
        guard let data = FileManager.default.contents(atPath: planFile) else {
            throw ContinuityError(
                code: "cluster_not_found", message: "there is no cluster in \(path)",
                hint: "Describe one with: digitalbank cluster init", exitStatus: .conflict)
        }
        guard let plan = try? JSONDecoder().decode(ClusterPlan.self, from: data) else {
            throw ContinuityError.file("read", planFile, "it is not as cluster init wrote it")
        }
        return plan
    }

    /// Writes everything. Pass words that are there stay: files of a cluster that runs can be written again.
    func write(_ plan: ClusterPlan) throws -> ClusterSecrets {
        try ContinuityFolder.make(path, mode: 0o700)
        let isNew = !FileManager.default.fileExists(atPath: secretsFile)
        let secrets = try isNew ? ClusterSecrets.make() : ClusterSecrets.open(secretsFile)
        if isNew { try secrets.save(secretsFile) }
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        try ContinuityFolder.write(String(decoding: try encoder.encode(plan), as: UTF8.self) + "\n", to: planFile)
        for host in plan.databases { try write(database: host, plan, secrets) }
        for host in plan.servers { try write(server: host, plan, secrets) }
        return secrets
    }

    private func write(database host: ClusterPlan.Host, _ plan: ClusterPlan, _ secrets: ClusterSecrets) throws {
        let patroni = PatroniText(
            plan: plan, secrets: secrets, host: host, directory: plan.directory,
            bootstrap: plan.configuration + "/bootstrap", certificates: plan.configuration)
        try write(
            host,
            [
                "patroni.yml": patroni.text,
                "etcd.yml": HostTexts.etcd(
                    plan, host, directory: plan.directory, certificates: plan.configuration),
                "bootstrap": HostTexts.bootstrap(secrets), PatroniStart.name: PatroniStart.script,
                "digitalbank-patroni.service": HostTexts.patroniUnit(plan),
                "digitalbank-etcd.service": HostTexts.etcdUnit(plan),
                "digitalbank-guard.service": HostTexts.guardUnit(plan, host),
                "install.sh": HostTexts.install(plan, isDatabase: true),
            ])
    }

    private func write(server host: ClusterPlan.Host, _ plan: ClusterPlan, _ secrets: ClusterSecrets) throws {
        try write(
            host,
            [
                "haproxy.cfg": HostTexts.proxy(plan, bind: "127.0.0.1", certificates: plan.configuration),
                "serve.env": "DATABASE=\(plan.proxiedAddress())\nPGPASSWORD=\(secrets.owner)\n",
                "digitalbank-serve.service": HostTexts.serveUnit(plan),
                "digitalbank-proxy.service": HostTexts.proxyUnit(plan),
                "install.sh": HostTexts.install(plan, isDatabase: false),
            ])
    }

    private func write(_ host: ClusterPlan.Host, _ files: [String: String]) throws {
        let folder = path + "/" + host.name
        try ContinuityFolder.make(folder, mode: 0o700)
        for (name, text) in files {
            try ContinuityFolder.write(text, to: folder + "/" + name)
            if ["install.sh", "bootstrap", PatroniStart.name].contains(name) { chmod(folder + "/" + name, 0o700) }
        }
    }
}
