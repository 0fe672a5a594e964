import Foundation
import Postgres
import Synchronization
import Testing

@testable import Continuity
@testable import PostgresServer

@Suite(.serialized, .enabled(if: LivingBank.isPossible, "pgbackrest is not installed")) struct KeeperTests {
    @Test("the keeper backs up, drills and verifies what is due; what fails is an open alarm until it is mended")
    func keeps() async throws {
        let bank = try await LivingBank(repositories: 1)
        let keeper = try BackupKeeper(desk: bank.desk)
        let receiver = try LogReceiver(dataDirectory: bank.data)
        let told = Told()
        for _ in 0..<2 {
            let isWhole = try await keeper.turn(receiver) { told.add($0) }
            #expect(isWhole, "\(told.lines)")
        }
        #expect(try bank.desk.journal.drills().map(\.passed) == [true])
        #expect(try bank.desk.journal.newest(.verified) != nil)
        // Nothing is due.
        let before = told.lines.count
        _ = try await keeper.turn(receiver) { told.add($0) }
        #expect(told.lines.count == before, "\(told.lines)")

        // One keeper works on a bank.
        let lock = try #require(try FolderLock.tryHold(bank.desk.folder.keeperLock))
        await SurvivalTests.expect(BackupKeeper.isKeptElsewhere) { try await keeper.run { _ in } }
        try lock.close()

        let root = bank.desk.folder.path + "/repository1"
        try FileManager.default.moveItem(atPath: root, toPath: root + ".away")
        await SurvivalTests.expect("backup_failed") { _ = try await bank.desk.make(.incr) }
        _ = try await bank.desk.verify(deep: false)
        #expect(try await Self.open(bank) == ["backup-failed", "backup-unsound"])
        try? FileManager.default.removeItem(atPath: root)
        try FileManager.default.moveItem(atPath: root + ".away", toPath: root)
        #expect(try await bank.desk.make(.incr).failures.isEmpty)
        let audit = try await bank.desk.verify(deep: false)
        #expect(audit.isSound, "\(audit.findings)")
        #expect(try await Self.open(bank).isEmpty)
        await bank.end()
    }

    private static func open(_ bank: LivingBank) async throws -> [String] {
        try await bank.with {
            try await $0.all(
                "select kind from continuity.alarms where closed_at is null order by kind", as: String.self)
        }
    }
}

private final class Told: Sendable {
    private let state = Mutex<[String]>([])
    var lines: [String] { state.withLock { $0 } }
    func add(_ line: String) { state.withLock { $0.append(line) } }
}
