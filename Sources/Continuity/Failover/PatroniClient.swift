internal import Foundation
internal import PostgresServer
#if canImport(FoundationNetworking)
    internal import FoundationNetworking
#endif

/// Speaks to Patroni's own interface on each host.
struct PatroniClient: Sendable {
    struct Member: Codable, Sendable, Hashable {
        let name: String
        let role: String
        let state: String
        let timeline: Int64?

        var isLeader: Bool { ["leader", "master", "primary"].contains(role) && state == "running" }
        var isSynchronous: Bool { role == "sync_standby" && isStreaming }
        /// Patroni 3.0 says `running` for a standby that streams, later ones say `streaming`.
        var isStreaming: Bool { state == "running" || state == "streaming" }
    }

    private struct Answer: Codable {
        let members: [Member]
    }

    let plan: ClusterPlan
    let password: String
    /// Where the cluster has TLS: the certificate of its authority.
    let authority: String

    /// What the first host that answers knows; nil when none does.
    func members() async -> [Member]? {
        for host in plan.databases {
            guard let (status, body) = try? await ask("GET", host, "/cluster"), status == 200,
                let answer = try? JSONDecoder().decode(Answer.self, from: body)
            else { continue }
            return answer.members
        }
        return nil
    }

    /// What each host knows, where all answer and say the same: one that was cut off remembers another cluster for a while.
    func agreed() async -> [Member]? {
        var views: Set<[Member]> = []
        for host in plan.databases {
            guard let (status, body) = try? await ask("GET", host, "/cluster"), status == 200,
                let answer = try? JSONDecoder().decode(Answer.self, from: body)
            else { return nil }
            views.insert(answer.members.sorted { $0.name < $1.name })
        }
        return views.count == 1 ? views.first : nil
    }

    /// Whether Patroni on this host says that it leads.
    func leads(_ host: ClusterPlan.Host) async -> Bool { (try? await ask("GET", host, "/primary").status) == 200 }

    func switchover(from leader: String, to candidate: String?) async throws {
        guard let host = plan.databases.first(where: { $0.name == leader }) else {
            throw ContinuityError.switchover("\(leader) is no host of this cluster")
        }
        var order = ["leader": leader]
        order["candidate"] = candidate
        let body = try JSONEncoder().encode(order)
        let (status, answer) = try await ask("POST", host, "/switchover", body: body, timeMax: 60)
        guard status == 200 else {
            throw ContinuityError.switchover(
                "\(leader) refuses: \(String(decoding: answer.prefix(300), as: UTF8.self))")
        }
    }

    private func ask(
        _ method: String, _ host: ClusterPlan.Host, _ path: String, body: Data? = nil, timeMax: Double = 2
    ) async throws -> (status: Int, body: Data) {
        if plan.hasTLS { return try await askSecurely(method, host, path, body: body, timeMax: timeMax) }
        guard let url = URL(string: "http://\(host.frontAddress):\(plan.ports.patroni)\(path)") else {
            throw ContinuityError.clusterAway("\(host.name) has no address")
        }
        var request = URLRequest(url: url, timeoutInterval: timeMax)
        request.httpMethod = method
        request.httpBody = body
        let pair = Data("digitalbank:\(password)".utf8).base64EncodedString()
        request.setValue("Basic \(pair)", forHTTPHeaderField: "Authorization")
        request.setValue("application/json", forHTTPHeaderField: "Content-Type")
        let (data, response) = try await URLSession.shared.data(for: request)
        return ((response as? HTTPURLResponse)?.statusCode ?? 0, data)
    }

    /// By curl, which takes an authority of our own for one request.
    private func askSecurely(
        _ method: String, _ host: ClusterPlan.Host, _ path: String, body: Data?, timeMax: Double
    ) async throws -> (status: Int, body: Data) {
        let stem = (authority as NSString).deletingLastPathComponent + "/ask-" + UUID().uuidString
        defer { for path in [stem, stem + ".body"] { unlink(path) } }
        var lines = [
            "url = \"https://\(host.frontAddress):\(plan.ports.patroni)\(path)\"", "request = \"\(method)\"",
            "user = \"digitalbank:\(password)\"", "cacert = \"\(authority)\"", "silent", "max-time = \(timeMax)",
            "write-out = \"\\n%{http_code}\"", "header = \"content-type: application/json\"",
        ]
        if let body {
            try ContinuityFolder.write(String(decoding: body, as: UTF8.self), to: stem + ".body")
            lines.append("data-binary = \"@\(stem).body\"")
        }
        try ContinuityFolder.write(lines.joined(separator: "\n") + "\n", to: stem)
        let run = try await ToolRun.run(try ObjectStoreClient.find(), ["--disable", "--config", stem])
        guard run.status == 0, let end = run.output.lastIndex(of: 10) else {
            throw ContinuityError.clusterAway("\(host.name) does not answer")
        }
        let status = Int(String(decoding: run.output[(end + 1)...], as: UTF8.self)) ?? 0
        return (status, Data(run.output[..<end]))
    }
}
