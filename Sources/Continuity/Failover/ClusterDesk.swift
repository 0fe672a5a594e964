internal import Foundation
internal import Postgres

/// A bank on several machines, from where it is administered.
public struct ClusterDesk: Sendable {
    let folder: ClusterFolder

    public init(dataDirectory: String) { folder = ClusterFolder(dataDirectory: dataDirectory) }

    public static func unreadable(_ host: String) -> ContinuityError {
        .cluster("\(host) is no host: give name=address, in small letters, digits, dots and -")
    }

    public static func notStarted(_ program: String, _ reason: String) -> ContinuityError {
        .clusterAway("\(program) does not start: \(reason)")
    }

    /// Writes a folder of files for each host; the lines say what to do with them.
    public func prepare(_ plan: ClusterPlan) async throws -> [String] {
        let plan = try plan.checked()
        _ = try folder.write(plan)
        try await folder.certify(plan)
        return (plan.databases + plan.servers).map { host in
            "\(host.name)  copy \(folder.path)/\(host.name) there and run in it, as root: ./install.sh"
        } + [
            "keys         copy keys/ of one server to the others: a token of one is good at all",
            "servers      \(plan.address())",
        ]
    }

    /// One line for each member, and whether the cluster is as it should be.
    public func status() async throws -> (lines: [String], isSound: Bool) {
        let plan = try folder.plan()
        let client = PatroniClient(
            plan: plan, password: try ClusterSecrets.open(folder.secretsFile).patroni,
            authority: folder.authority.authority)
        guard let members = await client.members() else {
            throw ContinuityError.clusterAway("no host of \(plan.name) answers")
        }
        let lines = plan.databases.map { host in
            guard let member = members.first(where: { $0.name == host.name }) else { return "MISSING  \(host.name)" }
            let timeline = member.timeline.map { "timeline \($0)" } ?? ""
            return "\(member.isStreaming ? "ok      " : "AWAY    ") \(host.name)  \(host.address)  \(member.role)  "
                + "\(member.state)  \(timeline)"
        }
        let verdict = ClusterVerdict(members: members, expected: plan.databases.count)
        return (lines + verdict.troubles.map { "TROUBLE  \($0)" }, verdict.troubles.isEmpty)
    }

    /// Hands the lead over, and says for how long nothing could be written.
    public func switchover(to candidate: String?) async throws -> [String] {
        let plan = try folder.plan()
        let secrets = try ClusterSecrets.open(folder.secretsFile)
        let client = PatroniClient(plan: plan, password: secrets.patroni, authority: folder.authority.authority)
        guard let members = await client.members() else {
            throw ContinuityError.clusterAway("no host of \(plan.name) answers")
        }
        guard let leader = members.first(where: \.isLeader) else {
            throw ContinuityError.switchover("nobody leads")
        }
        guard members.contains(where: { $0.isSynchronous && (candidate == nil || $0.name == candidate) }) else {
            throw ContinuityError.switchover("\(candidate ?? "no standby") is not synchronous")
        }
        let database = Database(plan.writing(secrets.owner))
        let store = ClusterStore(database: database)
        let watch = Task { await Self.outage(store) }
        try await client.switchover(from: leader.name, to: candidate)
        for _ in 0..<300 {
            if let new = await client.members()?.first(where: \.isLeader), new.name != leader.name {
                let seconds = await watch.value
                await database.close()
                return [
                    "leader   \(new.name), before it \(leader.name)",
                    "outage   \(DrillReport.seconds(seconds)) in which no write was answered",
                ]
            }
            try await Task.sleep(for: .milliseconds(100))
        }
        watch.cancel()
        await database.close()
        throw ContinuityError.switchover("no other host leads after 30 s")
    }

    /// The longest pause between two answers of a server that may write, from now until answers come on a new timeline.
    private static func outage(_ store: ClusterStore) async -> Double {
        var first: String?
        var last = ContinuousClock.now
        var longest = 0.0
        for _ in 0..<600 where !Task.isCancelled {
            if let origin = try? await store.database.one(ClusterStore.origin, as: String.self) {
                longest = max(longest, (ContinuousClock.now - last) / .seconds(1))
                last = .now
                if first == nil { first = origin }
                if origin != first { return longest }
            }
            try? await Task.sleep(for: .milliseconds(20))
        }
        return longest
    }
}

extension ClusterPlan {
    /// For one program's writes: it gives up a connection soon and tries the hosts again.
    func writing(_ password: String) -> DatabaseConfiguration {
        var configuration = DatabaseConfiguration(address(), password: password)
        configuration.limits.connectionsMax = 4
        configuration.limits.waitMax = .seconds(2)
        // A frozen server's machine still answers for it: only its silence tells.
        configuration.limits.statementTimeout = .seconds(3)
        configuration.limits.silenceMax = .seconds(2)
        configuration.limits.reconnectPauseMin = .milliseconds(50)
        configuration.limits.reconnectPauseMax = .milliseconds(200)
        return configuration
    }
}

/// Whether a cluster is as it should be.
struct ClusterVerdict {
    let troubles: [String]

    init(members: [PatroniClient.Member], expected: Int) {
        var troubles: [String] = []
        let leaders = members.filter(\.isLeader)
        if leaders.isEmpty { troubles.append("nobody leads: nothing can be written") }
        if leaders.count > 1 {
            troubles.append("\(leaders.map(\.name).joined(separator: " and ")) both say that they lead")
        }
        if !members.contains(where: \.isSynchronous) {
            troubles.append("no synchronous standby: what is confirmed is on one machine only")
        }
        let away = members.filter { !$0.isStreaming }.map(\.name)
        if !away.isEmpty { troubles.append("not in step: \(away.joined(separator: ", "))") }
        if members.count < expected { troubles.append("\(expected - members.count) of \(expected) members missing") }
        let timelines = Set(members.filter(\.isStreaming).compactMap(\.timeline))
        if timelines.count > 1 { troubles.append("several timelines: \(timelines.sorted())") }
        self.troubles = troubles
    }
}
