internal import Diagnostics
internal import Foundation
internal import PostgresServer

/// What etcd says of who leads, at one moment.
struct LeaseView: Sendable, Hashable {
    let leader: String
    let leaderRevision: String
    /// Where its Patroni answers.
    let leaderAddress: String?
    /// For how long the lease was granted, and how much of it is left, in seconds.
    let granted: Int
    let left: Int
    let synchronousLeader: String
    let synchronousStandbys: [String]
    let synchronousValue: String
    let synchronousRevision: String
    let isPaused: Bool
}

/// When the synchronous standby may take the lead from a leader that is silent, without waiting for the end of its lease.
///
/// What keeps two servers from acknowledging is not the lease but the standby: a commit is acknowledged when this host has it, and
/// once this host leads it receives nothing any more. `synchronous_standby_names` can be changed by the leader only after it has
/// changed `/sync` in etcd, from the revision that it read last: whoever takes the lead writes that key anew in the same
/// transaction that removes the leader's, so that a leader which is alive after all fails in it.
enum LeaseRule {
    /// Seconds without a renewal, of which a healthy leader makes one each second.
    static let silenceMin = 6
    /// Times in a row that the leader's Patroni gives no answer, a second apart.
    static let missesMin = 2

    /// Nil when this host may ask whether the leader is there; else why it has nothing to do.
    static func reason(_ view: LeaseView, me: String) -> String? {
        if view.isPaused { return "the cluster is paused" }
        if view.leader == me { return "this host leads" }
        guard view.synchronousLeader == view.leader, view.synchronousStandbys.contains(me) else {
            return "another host is the synchronous standby"
        }
        return view.granted - view.left < silenceMin ? "the lease is renewed" : nil
    }
}

/// Runs beside Patroni on each database host: as the synchronous standby's it ends the lease of a leader that neither renews it nor
/// answers, in some seven seconds instead of twenty.
public struct LeaseGuard: Sendable {
    /// This host's name in the cluster.
    let host: String
    let store: LeaseStore
    private static let pause: Duration = .seconds(1)

    public init(host: String, cluster: String, etcd: String, certificates: String?) {
        self.host = host
        store = LeaseStore(cluster: cluster, address: etcd, certificates: certificates)
    }

    /// Until the task is cancelled.
    public func run(report: @Sendable (String) -> Void) async throws {
        var misses = 0
        var silent = ""
        while true {
            try Task.checkCancellation()
            try await Task.sleep(for: Self.pause)
            // etcd without a majority, or away: nothing is known, nothing is done.
            guard let view = try? await store.look(), LeaseRule.reason(view, me: host) == nil else {
                misses = 0
                continue
            }
            if silent != view.leader { misses = 0 }
            silent = view.leader
            guard let address = view.leaderAddress else { continue }
            guard await !store.answers(address) else {
                misses = 0
                continue
            }
            misses += 1
            guard misses >= LeaseRule.missesMin else { continue }
            misses = 0
            let isDone = (try? await store.depose(view)) ?? false
            report(
                isDone
                    ? "the lease of \(view.leader) is ended: not renewed for \(view.granted - view.left) s, no answer"
                    : "the lease of \(view.leader) was not ended: it changed meanwhile")
        }
    }
}

/// Patroni's keys in etcd, by etcd's gateway for JSON.
struct LeaseStore: Sendable {
    let cluster: String
    let address: String
    /// Of `host.pem`, `host.key` and `ca.pem`; nil where the cluster has no TLS.
    let certificates: String?

    private static let timeMax = "2"

    private struct Range: Decodable {
        struct Pair: Decodable {
            let key: String
            let value: String?
            let mod_revision: String
            let lease: String?
        }
        let kvs: [Pair]?
    }
    private struct Lease: Decodable {
        let TTL: String?
        let grantedTTL: String?
    }
    private struct Sync: Decodable {
        let leader: String?
        let sync_standby: String?
    }
    private struct Config: Decodable { let pause: Bool? }
    private struct Member: Decodable { let api_url: String? }
    private struct Transaction: Decodable { let succeeded: Bool? }

    private var prefix: String { "/service/\(cluster)/" }

    /// Nil while nobody leads.
    func look() async throws -> LeaseView? {
        let range: Range = try await ask(
            "kv/range", ["key": Self.encoded(prefix), "range_end": Self.encoded("/service/\(cluster)0")])
        var pairs: [String: Range.Pair] = [:]
        for pair in range.kvs ?? [] { pairs[Self.decoded(pair.key)] = pair }
        guard let leader = pairs[prefix + "leader"], let lease = leader.lease, let sync = pairs[prefix + "sync"] else {
            return nil
        }
        let name = Self.decoded(leader.value ?? "")
        let value = Self.decoded(sync.value ?? "")
        let known: Sync = try Self.json(value)
        let left: Lease = try await ask("lease/timetolive", ["ID": lease])
        let config: Config? = try? Self.json(Self.decoded(pairs[prefix + "config"]?.value ?? ""))
        let member: Member? = try? Self.json(Self.decoded(pairs[prefix + "members/" + name]?.value ?? ""))
        guard let granted = left.grantedTTL.flatMap({ Int($0) }) else { return nil }
        return LeaseView(
            leader: name, leaderRevision: leader.mod_revision,
            leaderAddress: member?.api_url?.replacing("/patroni", with: "/liveness"), granted: granted,
            left: left.TTL.flatMap { Int($0) } ?? 0, synchronousLeader: known.leader ?? "",
            synchronousStandbys: (known.sync_standby ?? "").split(separator: ",").map(String.init),
            synchronousValue: value, synchronousRevision: sync.mod_revision, isPaused: config?.pause ?? false)
    }

    /// Whether the leader's Patroni says anything at all.
    func answers(_ address: String) async -> Bool {
        let run = try? await ToolRun.run(
            try ObjectStoreClient.find(),
            ["--disable", "--silent", "--max-time", Self.timeMax, "--output", "/dev/null"] + security + [address])
        return run?.status == 0
    }

    /// Removes the leader's key and writes `/sync` anew, if neither was changed since it was looked at.
    func depose(_ view: LeaseView) async throws -> Bool {
        let (leader, sync) = (Self.encoded(prefix + "leader"), Self.encoded(prefix + "sync"))
        func unchanged(_ key: String, _ revision: String) -> [String: Any] {
            ["key": key, "target": "MOD", "result": "EQUAL", "mod_revision": revision]
        }
        let order: [String: Any] = [
            "compare": [
                unchanged(leader, view.leaderRevision), unchanged(sync, view.synchronousRevision),
            ],
            "success": [
                ["request_put": ["key": sync, "value": Self.encoded(view.synchronousValue)]],
                ["request_delete_range": ["key": leader]],
            ],
        ]
        let done: Transaction = try await ask("kv/txn", order)
        return done.succeeded ?? false
    }

    private var security: [String] {
        guard let certificates else { return [] }
        return [
            "--cacert", certificates + "/ca.pem", "--cert", certificates + "/host.pem", "--key",
            certificates + "/host.key",
        ]
    }

    private func ask<Answer: Decodable>(_ path: String, _ order: [String: Any]) async throws -> Answer {
        let body = try JSONSerialization.data(withJSONObject: order)
        let run = try await ToolRun.run(
            try ObjectStoreClient.find(),
            [
                "--disable", "--silent", "--fail", "--max-time", Self.timeMax, "--data-binary",
                String(decoding: body, as: UTF8.self),
            ] + security + ["\(address)/v3/\(path)"])
        guard run.status == 0 else { throw ContinuityError.clusterAway("etcd at \(address) does not answer") }
        return try JSONDecoder().decode(Answer.self, from: Data(run.output))
    }

    private static func json<Value: Decodable>(_ text: String) throws -> Value {
        try JSONDecoder().decode(Value.self, from: Data(text.utf8))
    }

    private static func encoded(_ text: String) -> String { Data(text.utf8).base64EncodedString() }

    private static func decoded(_ text: String) -> String {
        String(decoding: Data(base64Encoded: text) ?? Data(), as: UTF8.self)
    }
}
