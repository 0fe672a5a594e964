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

    /// Watches until the task is cancelled. Each alarm is told, kept in the bank and written into the signed file; again when
    /// it comes back, and each hour while it lasts.
    public func run(report: @escaping @Sendable (String) -> Void) async throws {
        var memory = Memory()
        while true {
            for alarm in await look(&memory) { try await raise(alarm, report) }
            try Task.checkCancellation()
            try await Task.sleep(for: interval)
        }
    }

    /// What the watch remembers between looks.
    struct Memory: Sendable {
        var counters: [String: WatchStore.Counters] = [:]
        /// The greatest share of changed rows in a window, by table and window: learnt, and forgotten slowly.
        var usual: [String: Double] = [:]
        /// Rows of guarded tables that were touched, look by look, newest last.
        var touched: [String: [Int64]] = [:]
        /// When an alarm was seen last, and told last.
        var seen: [String: Int64] = [:]
        var told: [String: Int64] = [:]
        var turn: Int64 = 0
        /// Looks in a row that saw no counters.
        var blind = 0

        /// Looks without an alarm after which the same one is a new one, and those after which one that lasts is told again.
        private static let quiet: Int64 = 12
        private static let again: Int64 = 720

        mutating func isNew(_ alarm: WatchAlarm) -> Bool {
            let key = alarm.kind + " " + alarm.subject
            let before = seen.updateValue(turn, forKey: key)
            if let before, turn - before <= Self.quiet, turn - (told[key] ?? 0) < Self.again { return false }
            told[key] = turn
            return true
        }
    }

    /// Looks that may fail in a row before it is an alarm: a server that starts anew takes less.
    private static let blindMax = 6

    /// One look at everything. What files say counts although the server does not answer: whoever encrypts them stops it first.
    func look(_ memory: inout Memory) async -> [WatchAlarm] {
        var alarms: [WatchAlarm] = []
        memory.turn += 1
        do {
            alarms += try files(memory.turn)
            let (counters, seal) = try await rows(memory.turn)
            alarms += [seal].compactMap { $0 }
            alarms += Self.changes(counters, &memory)
            memory.blind = 0
        } catch {
            memory.blind += 1
            if memory.blind >= Self.blindMax {
                alarms.append(WatchRules.blind((error as? any Fault)?.message ?? "\(error)"))
            }
        }
        return alarms.filter { memory.isNew($0) }
    }

    private func files(_ turn: Int64) throws -> [WatchAlarm] {
        let scan = try PageScan.scan(
            dataDirectory: desk.folder.cluster + "/data", sample: pagesSample, seed: UInt64(bitPattern: turn))
        return [WatchRules.verdict(on: scan)].compactMap { $0 }
    }

    private func rows(_ turn: Int64) async throws -> ([WatchStore.Counters], WatchAlarm?) {
        let cluster = try Cluster.attach(desk.folder.cluster)
        let sample = sealedSample
        return try await desk.withBank(cluster) { [folder = desk.folder] database in
            let store = WatchStore(database: database)
            return (try await store.counters(), try await Self.sealed(store, database, folder, sample, turn))
        }
    }

    /// Judges what changed since the last look; learns what is usual from looks without an alarm.
    static func changes(_ counters: [WatchStore.Counters], _ memory: inout Memory) -> [WatchAlarm] {
        var alarms: [WatchAlarm] = []
        let names = Set(counters.map(\.table))
        for before in memory.counters.values where !names.contains(before.table) {
            alarms += [WatchRules.gone(before, now: nil)].compactMap { $0 }
            memory.counters[before.table] = nil
        }
        let posted = counters.first { $0.table == "public.ecritures" }.map { now in
            now.inserted - min(now.inserted, memory.counters[now.table]?.inserted ?? now.inserted)
        }
        for now in counters {
            defer { memory.counters[now.table] = now }
            guard var before = memory.counters[now.table] else { continue }
            alarms += [WatchRules.gone(before, now: now)].compactMap { $0 }
            if now.relation == before.relation,
                now.inserted < before.inserted || now.updated < before.updated || now.deleted < before.deleted
            {
                if !alarms.contains(WatchRules.statisticsReset) { alarms.append(WatchRules.statisticsReset) }
                before = before.zeroed
            }
            guard now.updated >= before.updated, now.deleted >= before.deleted else { continue }
            // Each posting changes the account that it belongs to.
            let explained = now.table == "public.comptes" ? posted ?? 0 : 0
            let change = WatchRules.Change(
                table: now.table, rows: max(before.rows, now.rows), inserted: now.inserted - before.inserted,
                updated: max(0, now.updated - before.updated - explained), deleted: now.deleted - before.deleted,
                grownBytes: now.bytes - before.bytes, bytes: now.bytes)
            alarms += judged(change, &memory)
        }
        return alarms
    }

    private static func judged(_ change: WatchRules.Change, _ memory: inout Memory) -> [WatchAlarm] {
        let usual = memory.usual[change.table] ?? 0
        if let alarm = WatchRules.verdict(on: change, usual: usual) { return [alarm] }
        guard change.rows > 0 else { return [] }
        let touched = change.updated + change.deleted
        memory.usual[change.table] = WatchRules.learnt(
            usual, share: Double(touched) / Double(change.rows), limit: WatchRules.shareMax)
        guard WatchRules.guarded.contains(change.table) else { return [] }
        var history = memory.touched[change.table] ?? []
        history.append(touched)
        history = history.suffix(WatchRules.longWindows.map(\.looks).max() ?? 0)
        memory.touched[change.table] = history
        for window in WatchRules.longWindows {
            let key = change.table + " \(window.looks)"
            let sum = history.suffix(window.looks).reduce(0, +)
            let known = memory.usual[key] ?? 0
            if let alarm = WatchRules.verdict(
                onWindow: window.looks, table: change.table, touched: sum, rows: change.rows, usual: known)
            {
                return [alarm]
            }
            memory.usual[key] = WatchRules.learntSlowly(
                known, share: Double(sum) / Double(change.rows), limit: window.shareMax)
        }
        return []
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

extension WatchStore.Counters {
    /// As if nothing had been counted yet.
    var zeroed: WatchStore.Counters {
        WatchStore.Counters(
            table: table, rows: rows, inserted: 0, updated: 0, deleted: 0, bytes: bytes, relation: relation, file: file)
    }
}
