internal import Foundation
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
}
