import Bank
import Foundation
import Glibc
import Postgres
import Synchronization
import TestSupport
import Testing

@testable import Continuity
@testable import PostgresServer

/// Money moves, then disaster strikes. What was acknowledged is there afterwards, once; where the damage makes that
/// impossible, the tool says from where on it is lost, and is right.
@Suite(.serialized, .enabled(if: LivingBank.isPossible, "pgbackrest is not installed")) struct LossTests {
    enum Disaster: String, CaseIterable, Sendable {
        case killed = "kill -9 of everything"
        case deleted = "data directory deleted, receiver on"
        case segmentMissing = "data directory deleted, archived segment missing, receiver on"
        case segmentDamaged = "data directory deleted, archived segment damaged, receiver on"
        case repositoryFlipped = "data directory deleted, a repository's byte flipped, receiver on"
        case withoutReceiver = "data directory deleted, receiver off"
        case holeWithoutReceiver = "data directory deleted, archived segment missing, receiver off"

        var receives: Bool { self != .withoutReceiver && self != .holeWithoutReceiver }
    }

    private static let rounds: [Disaster] =
        isLongRun
        ? (0..<20).map { Disaster.allCases[$0 % Disaster.allCases.count] }
        : [.killed, .segmentDamaged, .holeWithoutReceiver]

    @Test("no acknowledged transfer is lost, none is doubled, and a loss is named where it can not be avoided")
    func rounds() async throws {
        let seed = UInt64.random(in: .min ... .max)
        print("seed \(seed)")
        for (number, disaster) in Self.rounds.enumerated() {
            let round = LossRound(number: number, disaster: disaster, seed: seed &+ UInt64(number))
            print(try await round.run())
        }
    }
}

/// One bank, one disaster.
private struct LossRound: Sendable {
    let number: Int
    let disaster: LossTests.Disaster
    let seed: UInt64

    func run() async throws -> String {
        let bank = try await LivingBank(repositories: 2)
        do {
            let words = try await run(bank)
            await bank.end()
            return words
        } catch {
            await bank.end()
            throw error
        }
    }

    private func run(_ bank: LivingBank) async throws -> String {
        _ = try await bank.desk.make(.full)
        let receiver = try LogReceiver(dataDirectory: bank.data)
        let acknowledged = Acknowledged()
        let receiving = Task {
            // Ends when it is cancelled, below.
            if disaster.receives { try await receiver.run { _ in } }
        }
        defer { receiving.cancel() }
        if disaster.receives { try await synchronise(receiver) }
        try await load(bank, acknowledged)
        receiving.cancel()
        let replayed = try await recover(bank)
        let text = try await prove(bank, acknowledged, replayed)
        return "| \(number + 1) | \(disaster.rawValue) | \(text) |"
    }

    private func synchronise(_ receiver: LogReceiver) async throws {
        for _ in 0..<1200 {
            if try await receiver.isStreaming() { break }
            try await Task.sleep(for: .milliseconds(50))
        }
        #expect(try await receiver.isStreaming(), "the receiver did not begin")
        try await receiver.setSynchronous(true)
    }

    /// Four writers; after enough acknowledged transfers everything is killed, in the middle of others.
    private func load(_ bank: LivingBank, _ acknowledged: Acknowledged) async throws {
        let database = Database(bank.cluster.configuration(database: LivingBank.name))
        try await withThrowingTaskGroup(of: Void.self) { group in
            for writer in 0..<4 {
                group.addTask { await write(writer, database, acknowledged) }
            }
            group.addTask {
                // Archived log before and behind the place that is damaged.
                for part in 1...4 {
                    while acknowledged.count < part * 40 { try await Task.sleep(for: .milliseconds(5)) }
                    if part < 4 { try await bank.archive() }
                }
                killAll(bank)
                acknowledged.end()
            }
            try await group.waitForAll()
        }
        await database.close()
    }

    private func write(_ writer: Int, _ database: Database, _ acknowledged: Acknowledged) async {
        var random = SplitMix(state: seed &+ UInt64(writer) &* 7919)
        var index = 0
        while !acknowledged.isOver {
            index += 1
            let debit = Int64.random(in: 1...20, using: &random)
            let credit = (debit + .random(in: 0...18, using: &random)) % 20 + 1
            let key = "loss \(number) \(writer) \(index)"
            // What fails was not acknowledged: it may be there or not.
            guard let position = try? await LivingBank.transfer(debit, credit, 1, key, in: database) else {
                try? await Task.sleep(for: .milliseconds(5))
                continue
            }
            acknowledged.add(key, position)
        }
    }

    private func killAll(_ bank: LivingBank) {
        for process in PostmasterFile.processes(in: bank.cluster.dataDirectory) { kill(process, SIGKILL) }
        if case .running(let server) = bank.cluster.status { kill(server, SIGKILL) }
    }

    /// Brings the bank back; returns how far, or nil when it is the same cluster.
    private func recover(_ bank: LivingBank) async throws -> Restorer.Restored? {
        guard disaster != .killed else {
            try await bank.cluster.start()
            // Its receiver is not started again here: nothing may wait for it.
            try await LogReceiver(dataDirectory: bank.data).setSynchronous(false)
            return nil
        }
        let root = bank.desk.folder.path + "/repository"
        for _ in 0..<200 where !PostmasterFile.processes(in: bank.cluster.dataDirectory).isEmpty { usleep(50_000) }
        try FileManager.default.removeItem(atPath: bank.data + "/bank")
        for repository in [1, 2] {
            let log = try FileTree.files(below: root + "\(repository)", "archive/bank").filter { $0.hasSuffix(".zst") }
            let segment = root + "\(repository)/" + log[log.count - 2]
            switch disaster {
            case .segmentMissing, .holeWithoutReceiver: unlink(segment)
            case .segmentDamaged: try Sabotage.flip(segment, at: 200)
            case .repositoryFlipped where repository == 1:
                let files = try FileTree.files(below: root + "1", "backup/bank").filter { $0.contains("/bundle/") }
                try Sabotage.flip(root + "1/" + (try #require(files.first)), at: 3000)
            default: break
            }
        }
        let audit = try await bank.desk.verify(deep: true)
        if disaster != .deleted, disaster != .withoutReceiver { #expect(!audit.isSound, "\(disaster.rawValue)") }
        var request = Restorer.Request(target: .newest, directory: bank.data + "/bank")
        request.usesServerLog = false
        return try await Restorer(desk: bank.desk).restore(request)
    }

    private func prove(
        _ bank: LivingBank, _ acknowledged: Acknowledged, _ restored: Restorer.Restored?
    ) async throws -> String {
        let cluster = restored?.cluster ?? bank.cluster
        let database = Database(cluster.configuration(database: LivingBank.name))
        let booked = try await database.all(
            """
            select v.cle_idempotence from transactions t join virements v on v.id = t.virement_id
            where starts_with(v.cle_idempotence, 'loss')
            """, as: String.self)
        let checks = await DrillChecker(folder: bank.desk.folder, cluster: cluster, database: database).run()
        await database.close()
        if let restored { try await restored.cluster.destroy() }
        #expect(Set(booked).count == booked.count, "a transfer was booked twice")
        for check in checks { #expect(check.passed, "\(check.name): \(check.detail)") }
        let lost = acknowledged.all.filter { !booked.contains($0.key) }
        if disaster.receives {
            #expect(lost.isEmpty, "\(disaster.rawValue): \(lost.count) lost")
        } else {
            let replayed = try #require(restored).replayed
            // The tool names the place: all before it is there, all behind it is lost.
            #expect(lost.allSatisfy { $0.value > replayed })
            #expect(acknowledged.all.allSatisfy { booked.contains($0.key) || $0.value > replayed })
            if disaster == .holeWithoutReceiver {
                #expect(restored?.lost.isEmpty == false && !lost.isEmpty, "a hole was not told")
            }
        }
        return "\(acknowledged.count) acknowledged, \(lost.count) lost, \(booked.count) booked, all checks "
            + (checks.allSatisfy(\.passed) ? "passed" : "NOT passed")
            + (restored.map { $0.lost.isEmpty ? "" : "; told: " + $0.lost[0] } ?? "")
    }
}

/// Transfers whose answer came, with a place in the log behind their commit.
private final class Acknowledged: Sendable {
    private let state = Mutex<(known: [String: LogPosition], isOver: Bool)>(([:], false))

    var all: [String: LogPosition] { state.withLock { $0.known } }
    var count: Int { state.withLock { $0.known.count } }
    var isOver: Bool { state.withLock { $0.isOver } }

    func add(_ key: String, _ position: LogPosition) { state.withLock { $0.known[key] = position } }
    func end() { state.withLock { $0.isOver = true } }
}
