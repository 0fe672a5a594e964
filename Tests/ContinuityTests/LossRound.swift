import Bank
import Foundation
import Glibc
import Postgres
import Synchronization
import TestSupport
import Testing

@testable import Continuity
@testable import PostgresServer

/// One bank, one disaster.
struct LossRound: Sendable {
    let number: Int
    let disaster: LossTests.Disaster
    let seed: UInt64

    func run() async throws -> String {
        let scene = LossScene()
        let clock: JumpingClock? = disaster == .clock ? try JumpingClock(in: LossScene.folder()) : nil
        let bank = try await LivingBank(binaries: clock?.binaries) { data in
            if let part = disaster.smallDisk { try scene.mount(data + part) }
        } settings: { folder in
            BackupSettings(repositories: [1, 2].map { folder.path + "/repository\($0)" })
        }
        let words: Result<String, any Error>
        do { words = .success(try await run(bank, scene, clock)) } catch { words = .failure(error) }
        await bank.end()
        scene.disk?.unmount()
        try? FileManager.default.removeItem(atPath: bank.data)
        return try words.get()
    }

    private func run(_ bank: LivingBank, _ scene: LossScene, _ clock: JumpingClock?) async throws -> String {
        _ = try await bank.desk.make(.full)
        let receiver = try LogReceiver(dataDirectory: bank.data)
        let acknowledged = Acknowledged()
        let receiving = Task {
            // Ends when it is cancelled, below.
            if disaster.receives { try await receiver.run { _ in } }
        }
        defer { receiving.cancel() }
        if disaster.receives { try await synchronise(receiver) }
        let words = try await load(bank, acknowledged, scene, clock)
        receiving.cancel()
        let replayed = try await recover(bank, scene)
        let text = try await prove(bank, acknowledged, replayed)
        return "| \(number + 1) | \(disaster.rawValue) | \(text)\(words) |"
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
    private func load(
        _ bank: LivingBank, _ acknowledged: Acknowledged, _ scene: LossScene, _ clock: JumpingClock?
    ) async throws -> String {
        let database = Database(bank.cluster.configuration(database: LivingBank.name))
        let words = try await withThrowingTaskGroup(of: String.self) { group in
            for writer in 0..<4 {
                group.addTask {
                    await write(writer, database, acknowledged)
                    return ""
                }
            }
            group.addTask {
                defer {
                    killAll(bank)
                    acknowledged.end()
                }
                // Archived log before and behind the place that is damaged.
                for part in 1...3 {
                    try await acknowledged.wait(for: part * 40)
                    try await bank.archive()
                }
                let words = try await strike(bank, acknowledged, scene, clock)
                try await acknowledged.wait(for: 160, orFor: .seconds(disaster.smallDisk == nil ? 60 : 5))
                return words
            }
            return try await group.reduce("") { $0 + $1 }
        }
        await database.close()
        return words
    }

    /// What befalls the bank while it runs; returns what was seen of it.
    private func strike(
        _ bank: LivingBank, _ acknowledged: Acknowledged, _ scene: LossScene, _ clock: JumpingClock?
    ) async throws -> String {
        switch disaster {
        case .serverFull:
            scene.disk?.fill()
            // The log needs a segment that finds no room: the server ends itself rather than acknowledge what it can not keep.
            try await Self.until("the server did not notice that its disk is full") {
                _ = try? await bank.with { try await ContinuityStore(database: $0).switchLog() }
                return bank.cluster.logTail(lines: 400).contains("No space left on device")
            }
            return "; PostgreSQL: no space left on device"
        case .repositoryFull:
            scene.disk?.fill()
            var failed: Int64 = 0
            try await Self.until("archiving into a full disk was not told") {
                failed = try await bank.with { database in
                    let store = ContinuityStore(database: database)
                    _ = try await store.switchLog()
                    return try await store.archiver().failed
                }
                return failed > 0
            }
            return "; archiving failed \(failed) times"
        case .receiverFull:
            let before = acknowledged.count
            scene.disk?.fill()
            // The next segment finds no room: from there on nothing is acknowledged.
            _ = try await bank.with { try await ContinuityStore(database: $0).switchLog() }
            try await Self.until("commits did not wait for a receiver without room") {
                let count = acknowledged.count
                try await Task.sleep(for: .seconds(2))
                return acknowledged.count == count
            }
            return "; commits stood still after \(acknowledged.count - before) more"
        case .clock:
            return try await jump(bank, acknowledged, clock)
        default: return ""
        }
    }

    /// Ahead, with a backup there, and behind the machine's time.
    private func jump(_ bank: LivingBank, _ acknowledged: Acknowledged, _ clock: JumpingClock?) async throws -> String {
        try clock?.jump(to: "+3h")
        try await acknowledged.wait(for: acknowledged.count + 40)
        _ = try await bank.desk.make(.incr)
        try await bank.archive()
        try clock?.jump(to: "-3h")
        try await acknowledged.wait(for: acknowledged.count + 40)
        try await bank.archive()
        var words = "; backups go on after it"
        do {
            _ = try await bank.desk.make(.incr)
        } catch let error as ContinuityError {
            #expect(error.message.contains("is not later than latest backup label"), "\(error)")
            words = "; a backup made ahead keeps the next ones from being made until that hour, which is told"
        }
        let stood = try await bank.with { try await $0.one("select clock_timestamp()::text", as: String.self) }
        return words + ", the server's last word of the time is \(stood)"
    }

    private static func until(_ words: Comment, _ body: () async throws -> Bool) async throws {
        for _ in 0..<120 {
            if try await body() { return }
            try await Task.sleep(for: .milliseconds(250))
        }
        Issue.record(words)
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
    private func recover(_ bank: LivingBank, _ scene: LossScene) async throws -> Restorer.Restored? {
        guard !disaster.leavesServer else {
            scene.disk?.free()
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
        if disaster.isFound { #expect(!audit.isSound, "\(disaster.rawValue)") }
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

/// The small disk of a round, once it is there.
final class LossScene: Sendable {
    private let state = Mutex<SmallDisk?>(nil)
    var disk: SmallDisk? { state.withLock { $0 } }

    private static let megabytes = 600

    func mount(_ path: String) throws {
        let disk = try SmallDisk(over: path, megabytes: Self.megabytes)
        state.withLock { $0 = disk }
    }

    static func folder() -> String {
        let path =
            FileManager.default.temporaryDirectory.path + "/clock-"
            + String(UInt32.random(in: .min ... .max), radix: 36)
        Litter.leave(path)
        return path
    }
}

/// Transfers whose answer came, with a place in the log behind their commit.
final class Acknowledged: Sendable {
    private let state = Mutex<(known: [String: LogPosition], isOver: Bool)>(([:], false))

    var all: [String: LogPosition] { state.withLock { $0.known } }
    var count: Int { state.withLock { $0.known.count } }
    var isOver: Bool { state.withLock { $0.isOver } }

    func add(_ key: String, _ position: LogPosition) { state.withLock { $0.known[key] = position } }
    /// Until so many are known; when the time is given, not longer.
    func wait(for count: Int, orFor timeMax: Duration = .seconds(120)) async throws {
        let deadline = ContinuousClock.now + timeMax
        while self.count < count, ContinuousClock.now < deadline { try await Task.sleep(for: .milliseconds(5)) }
    }

    func end() { state.withLock { $0.isOver = true } }
}
