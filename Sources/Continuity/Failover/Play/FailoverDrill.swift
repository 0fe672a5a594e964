internal import Bank
internal import Evidence
internal import Foundation
internal import Migrations
internal import Postgres
internal import Vault

/// Rounds of faults against a played cluster, with clients that move money all the while.
public struct FailoverDrill: Sendable {
    public struct Request: Sendable {
        public var directory: String
        public var program: String
        public var faults: [FailoverFault]
        /// With two servers of the bank and HAProxy before them.
        public var hasServers = false
        /// Makes the servers' keys in a folder and returns the key that clients use.
        public var makeKeys: @Sendable (_ dataDirectory: String) async throws -> String

        public init(
            directory: String, program: String, faults: [FailoverFault],
            makeKeys: @escaping @Sendable (_ dataDirectory: String) async throws -> String
        ) {
            self.directory = directory
            self.program = program
            self.faults = faults
            self.makeKeys = makeKeys
        }
    }

    private let request: Request
    private let cluster: PlayedCluster
    private let report: @Sendable (String) -> Void

    /// What keeps a cluster from being played here; nil when nothing does.
    public static func obstacle() -> String? { PlayedCluster.obstacle() }

    public init(_ request: Request, report: @escaping @Sendable (String) -> Void) throws {
        self.request = request
        self.report = report
        cluster = try PlayedCluster(directory: request.directory, program: request.program)
    }

    public func run() async throws -> FailoverReport {
        try? FileManager.default.removeItem(atPath: request.directory)
        let begun = Acknowledgements.now()
        try await cluster.start()
        try await settle(patience: 180)
        let writing = cluster.plan.writing(cluster.secrets.owner)
        let database = Database(writing)
        // For migrations and proofs, which may take their time.
        var patient = writing
        patient.limits.statementTimeout = .zero
        let asking = Database(patient)
        try await furnish(asking)
        for host in cluster.plan.databases { try cluster.startWitness(host.name) }
        let direct = FailoverWriters(prefix: "direct-", acknowledged: Acknowledgements())
        var api: (writers: FailoverWriters, key: String)?
        if request.hasServers {
            let key = try await startServers()
            api = (FailoverWriters(prefix: "api-", acknowledged: Acknowledgements()), key)
        }
        report("three databases\(api == nil ? "" : ", two servers") after \(Int(Acknowledgements.now() - begun)) s")
        var found = FailoverReport()
        found.startSeconds = Acknowledgements.now() - begun
        try await withThrowingTaskGroup(of: Void.self) { group in
            for writer in 0..<4 { group.addTask { await direct.write(writer, database) } }
            if let api {
                let entries = cluster.plan.servers.map { "http://\($0.frontAddress):\(cluster.plan.ports.bank)" }
                for (writer, entry) in (entries + entries).enumerated() {
                    group.addTask { await ApiWriter(entry: entry, key: api.key).write(writer, api.writers) }
                }
            }
            let logs = [direct.acknowledged] + (api.map { [$0.writers.acknowledged] } ?? [])
            do {
                for (index, fault) in request.faults.enumerated() {
                    let round = try await play(index + 1, fault, logs, asking)
                    report(FailoverReport.line(round))
                    found.rounds.append(round)
                }
            } catch {
                for log in logs { log.end() }
                // Whoever waits for a server that is frozen waits no longer.
                await database.close()
                throw error
            }
            for log in logs { log.end() }
            try await group.waitForAll()
        }
        await database.close()
        await asking.close()
        return found
    }

    private func furnish(_ database: Database) async throws {
        try await Migrator(database).apply([VaultMigrations.set(), BankMigrations.set(), EvidenceMigrations.set()])
        let keys = request.directory + "/keys"
        try ContinuityFolder.make(keys, mode: 0o700)
        let vault = Vault(database: database, keyring: try await KeyFolder(keys).keyring())
        let client = UUID()
        let name = try await vault.seal(
            Array("Client".utf8), for: client,
            at: SealedPlace(table: "clients", column: "nom", row: client.uuidString))
        let store = ClusterStore(database: database)
        try await store.furnish(client: client, name: name, accounts: FailoverWriters.accounts, minor: 1_000_000_000)
        try await LedgerStore(database).openDay()
        for statement in ClusterStore.prepareWitnesses { try await database.run(statement) }
    }

    private func startServers() async throws -> String {
        let key = try await request.makeKeys(request.directory)
        for (index, host) in cluster.plan.servers.enumerated() {
            // One way to the leader each: libpq's list of hosts, HAProxy.
            try await cluster.startServer(host, keys: request.directory + "/keys", isProxied: index == 1)
            try await ApiWriter(entry: "http://\(host.frontAddress):\(cluster.plan.ports.serve)", key: key)
                .waitUntilReady()
        }
        return key
    }

    private func play(
        _ number: Int, _ fault: FailoverFault, _ logs: [Acknowledgements], _ database: Database
    ) async throws -> FailoverReport.Round {
        let members = try await settle(patience: 240)
        try await flow(logs, since: Acknowledgements.now())
        guard let leader = members.first(where: \.isLeader)?.name,
            let standby = members.first(where: \.isSynchronous)?.name
        else { throw ContinuityError.clusterAway("nobody leads") }
        let struck = Acknowledgements.now()
        try await fault.strike(cluster, leader: leader, standby: standby)
        let successor: String
        if fault.changesLeader {
            successor = try await self.successor(of: leader)
        } else {
            try await Task.sleep(for: .seconds(cluster.plan.timing.leaseSeconds + 5))
            successor = leader
        }
        try await flow(logs, since: Acknowledgements.now())
        let ended = Acknowledgements.now()
        try await fault.mend(cluster, leader: leader, standby: standby)
        let mended = Acknowledgements.now()
        try await settle(patience: 240)
        let healed = Acknowledgements.now() - mended
        return try await prove(
            number, fault, logs, database, from: struck, to: ended, names: (leader, successor), healed: healed)
    }

    private func prove(
        _ number: Int, _ fault: FailoverFault, _ logs: [Acknowledgements], _ database: Database, from: Double,
        to: Double, names: (leader: String, successor: String), healed: Double
    ) async throws -> FailoverReport.Round {
        // What was acknowledged before the question must be in its answer.
        let keys = logs.flatMap { $0.all.map(\.key) }
        let witnessed = cluster.plan.databases.flatMap { WitnessLine.read(cluster.folder($0.name) + "/witnessed") }
        let store = ClusterStore(database: database)
        let booked = try await patiently { try await store.booked("") }
        let kept = try await patiently { try await store.witnessed() }
        let present = Set(booked)
        let lost =
            keys.count { !present.contains($0) } + witnessed.count { !kept.contains("\($0.host) \($0.number)") }
        return FailoverReport.Round(
            number: number, fault: fault, leader: names.leader, successor: names.successor,
            outageSeconds: logs[0].longestPause(from: from, to: to),
            apiOutageSeconds: logs.count > 1 ? logs[1].longestPause(from: from, to: to) : nil, healedSeconds: healed,
            acknowledged: keys.count, lost: lost, doubled: booked.count - present.count,
            twoLeaders: WitnessLine.overlaps(witnessed),
            ledgerFaults: try await patiently { try await store.faults() })
    }

    /// Waits until all three are in step: one leads, one is synchronous.
    @discardableResult
    private func settle(patience: Double) async throws -> [PatroniClient.Member] {
        let begun = Acknowledgements.now()
        var last: [String] = ["the hosts do not agree"]
        while Acknowledgements.now() - begun < patience {
            if let members = await cluster.client.agreed() {
                last = ClusterVerdict(members: members, expected: cluster.plan.databases.count).troubles
                if last.isEmpty { return members }
            }
            try await Task.sleep(for: .milliseconds(250))
        }
        throw ContinuityError.clusterAway("not in step after \(Int(patience)) s: \(last.joined(separator: "; "))")
    }

    private func successor(of leader: String) async throws -> String {
        for _ in 0..<1200 {
            for host in cluster.plan.databases where host.name != leader {
                if await cluster.client.leads(host) { return host.name }
            }
            try await Task.sleep(for: .milliseconds(100))
        }
        throw ContinuityError.clusterAway("nobody took the lead of \(leader)")
    }

    /// Waits until every kind of client is answered again.
    private func flow(_ logs: [Acknowledgements], since moment: Double) async throws {
        for _ in 0..<1200 {
            if logs.allSatisfy({ $0.count(since: moment) >= 20 }) { return }
            try await Task.sleep(for: .milliseconds(50))
        }
        throw ContinuityError.clusterAway("no write was answered for a minute")
    }

    private func patiently<Value: Sendable>(_ body: @Sendable () async throws -> Value) async throws -> Value {
        for _ in 0..<20 {
            if let value = try? await body() { return value }
            try await Task.sleep(for: .milliseconds(500))
        }
        return try await body()
    }
}
