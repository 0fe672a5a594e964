internal import Cryptography
internal import Diagnostics
internal import Foundation
internal import Postgres
internal import PostgresServer
internal import Vault

/// Looks again and again whether somebody writes the bank over: rows by PostgreSQL's counters and by opening sealed values,
/// files by their pages.
public struct RansomwareWatch: Sendable {
    let desk: BackupDesk
    /// Between two looks at rows; so much may happen unseen.
    var interval: Duration = .seconds(5)
    /// Pages looked at in each file, and sealed values, at each look.
    var pagesSample = 8
    var sealedSample = 300

    public init(desk: BackupDesk) { self.desk = desk }

    /// Watches until the task is cancelled. Each alarm is told, kept in the bank and written into the signed file, once.
    public func run(report: @escaping @Sendable (String) -> Void) async throws {
        var memory = Memory()
        while true {
            do {
                for alarm in try await look(&memory) { try await raise(alarm, report) }
            } catch {
                try Task.checkCancellation()
                if !memory.isBlind { report("the watch sees nothing: \((error as? any Fault)?.message ?? "\(error)")") }
                memory.isBlind = true
            }
            try await Task.sleep(for: interval)
        }
    }

    /// What the watch remembers between looks.
    struct Memory: Sendable {
        var counters: [String: WatchStore.Counters] = [:]
        /// The greatest share of changed rows in a window, by table: learnt, and forgotten slowly.
        var usual: [String: Double] = [:]
        var raised: Set<String> = []
        var turn: Int64 = 0
        var isBlind = false
    }

    /// One look at everything.
    func look(_ memory: inout Memory) async throws -> [WatchAlarm] {
        let cluster = try Cluster.attach(desk.folder.cluster)
        var alarms: [WatchAlarm] = []
        memory.turn += 1
        let seed = memory.turn
        let scan = try PageScan.scan(
            dataDirectory: cluster.dataDirectory, sample: pagesSample, seed: UInt64(bitPattern: seed))
        alarms += [WatchRules.verdict(on: scan)].compactMap { $0 }
        let sample = sealedSample
        let (counters, seal) = try await desk.withBank(cluster) { [folder = desk.folder] database in
            let store = WatchStore(database: database)
            return (try await store.counters(), try await Self.sealed(store, database, folder, sample, seed))
        }
        alarms += [seal].compactMap { $0 }
        alarms += Self.changes(counters, &memory)
        memory.isBlind = false
        return alarms.filter { memory.raised.insert($0.kind + " " + $0.subject).inserted }
    }

    /// Judges what changed since the last look; learns what is usual from looks without an alarm.
    static func changes(_ counters: [WatchStore.Counters], _ memory: inout Memory) -> [WatchAlarm] {
        var alarms: [WatchAlarm] = []
        for now in counters {
            defer { memory.counters[now.table] = now }
            guard let before = memory.counters[now.table], now.updated >= before.updated, now.deleted >= before.deleted
            else { continue }
            let change = WatchRules.Change(
                table: now.table, rows: max(before.rows, now.rows), inserted: now.inserted - before.inserted,
                updated: now.updated - before.updated, deleted: now.deleted - before.deleted,
                grownBytes: now.bytes - before.bytes, bytes: now.bytes)
            let usual = memory.usual[now.table] ?? 0
            if let alarm = WatchRules.verdict(on: change, usual: usual) {
                alarms.append(alarm)
            } else if change.rows > 0 {
                let share = Double(change.updated + change.deleted) / Double(change.rows)
                memory.usual[now.table] = max(share, usual * 0.9999)
            }
        }
        return alarms
    }

    private static func sealed(
        _ store: WatchStore, _ database: Database, _ folder: ContinuityFolder, _ count: Int, _ seed: Int64
    ) async throws -> WatchAlarm? {
        guard try await store.hasSealedNames() else { return nil }
        let vault = Vault(database: database, keyring: try await KeyFolder(folder.keys).keyring())
        let names = try await store.sealedNames(count, seed: seed)
        var broken = 0
        for name in names {
            guard let id = UUID(uuidString: name.client), let value = [UInt8](hex: name.value),
                (try? await vault.open(
                    value, of: id, at: SealedPlace(table: "clients", column: name.column, row: id.uuidString))) != nil
            else {
                broken += 1
                continue
            }
        }
        return WatchRules.verdict(sealedSeen: names.count, unreadable: broken)
    }

    private func raise(_ alarm: WatchAlarm, _ report: @Sendable (String) -> Void) async throws {
        report("ALARM \(alarm.severity) \(alarm.kind): \(alarm.words.en)")
        try await desk.journal.append(
            .alarm, alarm.subject, ["kind": alarm.kind, "severity": alarm.severity, "words": alarm.words.en])
        let cluster = try Cluster.attach(desk.folder.cluster)
        try? await desk.withBank(cluster) { try await ContinuityStore(database: $0).raise(alarm) }
    }
}
