import Foundation
import Postgres
import TestSupport
import Testing

@testable import Continuity
@testable import PostgresServer

/// `restore switch`: whatever fails in it, one whole bank stands in its place afterwards and runs.
@Suite(.serialized, .enabled(if: LivingBank.isPossible, "pgbackrest is not installed")) struct SwitchTests {
    private struct Broken: Error {}

    private static let reversible: [SwitchStep] =
        isLongRun ? [.prepare, .note, .stop, .moveAside, .moveIn, .adopt, .forsake, .start] : [.start]

    /// Where a killed switch may have stood.
    private enum Killed: CaseIterable { case noted, stopped, movedAside }

    @Test("a switch that fails or is killed leaves the bank in its place, running, and says so; the next one succeeds")
    func taken() async throws {
        let bank = try await LivingBank(repositories: 1, outlives: true)
        _ = try await bank.desk.make(.full)
        try await bank.archive()
        let directory = bank.data + "/restored"
        let outcome = try await RestoreDesk(desk: bank.desk).restore(
            Restorer.Request(target: .newest, directory: directory))
        #expect(outcome.isSound, "\(outcome.lines)")
        let restored = try await bank.desk.withBank(try Cluster.attach(directory)) {
            try await LivingBank.balances($0)
        }
        // What the bank has and the restored one has not.
        let balances = try await bank.with { database in
            try await LivingBank.transfer(1, 2, 700, "after the restore", in: database)
            return try await LivingBank.balances(database)
        }
        try await Self.refusals(bank, directory)
        try Data("log".utf8).write(to: URL(filePath: bank.desk.folder.receivedLog + "/000000010000000000000001"))

        for step in Self.reversible {
            try await Self.fails(bank, directory, at: step)
            try await Self.isLiving(bank, balances, "\(step)")
        }
        for state in isLongRun ? Killed.allCases : [.movedAside] {
            try await Self.kill(bank, directory, state)
            // It is ended first; then it goes wrong once more, so that what stands is seen.
            try await Self.fails(bank, directory, at: .prepare)
            try await Self.isLiving(bank, balances, "\(state)")
        }

        // It goes well, but the journal can not be told: that log was left is known all the same.
        var desk = RestoreDesk(desk: bank.desk)
        desk.fault = { if $0 == .record || $0 == .configure { throw Broken() } }
        let half = try await desk.switchOver(to: directory)
        #expect(!half.isWhole && half.lines.count { $0.hasPrefix("NOT ") } == 2, "\(half.lines)")
        #expect(try bank.desk.journal.abandoned().map(\.timeline) == [2])
        #expect(try bank.desk.journal.unfinishedSwitch() != nil)
        let whole = try await RestoreDesk(desk: bank.desk).switchOver(to: directory)
        #expect(whole.isWhole && whole.lines[0].contains("finished"), "\(whole.lines)")
        #expect(try bank.desk.journal.unfinishedSwitch() == nil)
        #expect(try bank.desk.journal.abandoned().map(\.timeline) == [2])
        try await Self.isLiving(bank, restored, "switched")
        #expect(try FileManager.default.contentsOfDirectory(atPath: bank.desk.folder.receivedLog).isEmpty)
        #expect(try await bank.desk.make(.full).failures.isEmpty)
        try await Self.clear(bank)
    }

    @Test(
        "a restored bank that was moved in when the switch was killed, and does not start, makes room again",
        .enabled(if: isLongRun, "long rounds only"))
    func doesNotStart() async throws {
        let bank = try await LivingBank(repositories: 1, outlives: true)
        _ = try await bank.desk.make(.full)
        let directory = bank.data + "/restored"
        _ = try await RestoreDesk(desk: bank.desk).restore(Restorer.Request(target: .newest, directory: directory))
        try await Cluster.attach(directory).stop(.fast)
        let balances = try await bank.with { try await LivingBank.balances($0) }
        try await Self.kill(bank, directory, .movedAside)
        try FileManager.default.moveItem(atPath: directory, toPath: bank.desk.folder.cluster)
        let control = bank.desk.folder.cluster + "/data/global/pg_control"
        try FileManager.default.moveItem(atPath: control, toPath: control + ".away")
        await #expect {
            _ = try await RestoreDesk(desk: bank.desk).switchOver(to: directory)
        } throws: { error in
            (error as? ContinuityError)?.code == "restore_switch_failed"
        }
        try await Self.isLiving(bank, balances, "taken back")
        #expect(FileManager.default.fileExists(atPath: directory + "/data/global/pg_control.away"))
        try await Self.clear(bank)
    }

    // MARK: what is done

    /// Nothing is tried, and the exit status says which kind of no it is.
    private static func refusals(_ bank: LivingBank, _ directory: String) async throws {
        let unchecked = try await program(bank.data, bank.data + "/keys")
        #expect(unchecked.status == 3 && unchecked.errorText.contains("was not checked by a restore"))
        let elsewhere = "/dev/shm/switch-" + String(UInt32.random(in: .min ... .max), radix: 36)
        try FileManager.default.createDirectory(atPath: elsewhere, withIntermediateDirectories: true)
        defer { rmdir(elsewhere) }
        let disk = try await program(bank.data, elsewhere, "--despite-failed-checks")
        #expect(disk.status == 8 && disk.errorText.contains("is not on the disk of"), "\(disk.errorText)")
        // No cluster of ours: found out before anything is stopped.
        let empty = try await program(bank.data, bank.data + "/keys", "--despite-failed-checks")
        #expect(empty.status == 6 && bank.cluster.isRunning, "\(empty.errorText)")
        #expect(try bank.desk.journal.unfinishedSwitch() == nil)
    }

    private static func program(_ data: String, _ arguments: String...) async throws -> ToolRun {
        let path = URL(fileURLWithPath: CommandLine.arguments[0]).deletingLastPathComponent().path + "/digitalbank"
        return try await ToolRun.run(path, ["restore", "switch", "--data-dir", data] + arguments)
    }

    private static func fails(_ bank: LivingBank, _ directory: String, at step: SwitchStep) async throws {
        var desk = RestoreDesk(desk: bank.desk)
        desk.fault = { if $0 == step { throw Broken() } }
        let before = try bank.desk.journal.entries().count { $0.kind == .switchedBack }
        do {
            _ = try await desk.switchOver(to: directory)
            Issue.record("the switch went through a fault at \(step)")
        } catch let error as ContinuityError {
            #expect(error.code == "restore_switch_failed" && error.exitStatus == .environment, "\(error)")
            let entry = try #require(try bank.desk.journal.entries().last)
            #expect(entry.kind == .switchedBack && entry.fields["step"] == step.rawValue, "\(entry)")
            #expect(entry.fields["troubles"] == "")
        } catch {
            // Before anything was begun there is nothing to take back.
            #expect(error is Broken && [.prepare, .note].contains(step), "\(error)")
            let after = try bank.desk.journal.entries().count { $0.kind == .switchedBack }
            #expect(after == before || step == .prepare)
        }
        #expect(try bank.desk.journal.unfinishedSwitch() == nil && bank.desk.journal.abandoned().isEmpty)
        #expect(FileManager.default.fileExists(atPath: directory + "/data/PG_VERSION"))
        #expect(
            try FileManager.default.contentsOfDirectory(atPath: bank.data).allSatisfy { !$0.contains(".before-") })
    }

    /// What a switch that was killed there leaves.
    private static func kill(_ bank: LivingBank, _ directory: String, _ state: Killed) async throws {
        let place = bank.desk.folder.cluster
        try await bank.desk.journal.append(
            .switching, place,
            [
                "switched": directory, "aside": place + ".before-killed", "received": "", "timeline": "2",
                "reached": "0/1", "running": "true",
            ])
        if state == .noted { return }
        try await Cluster.attach(place).stop(.fast)
        if state == .movedAside { try FileManager.default.moveItem(atPath: place, toPath: place + ".before-killed") }
    }

    /// It runs in its place, has its balances, books, and its log is archived.
    private static func isLiving(_ bank: LivingBank, _ balances: [Int64], _ words: String) async throws {
        let living = try Cluster.attach(bank.desk.folder.cluster)
        #expect(living.isRunning, "\(words)")
        let found = try await bank.desk.withBank(living) { try await LivingBank.balances($0) }
        #expect(found == balances, "\(words)")
        try await bank.desk.withBank(living) { database in
            try await LivingBank.transfer(3, 4, 1, "there \(UUID())", in: database)
            try await LivingBank.transfer(4, 3, 1, "and back \(UUID())", in: database)
        }
        if isLongRun { try await bank.archive() }
    }

    private static func clear(_ bank: LivingBank) async throws {
        try await Cluster.attach(bank.desk.folder.cluster).destroy()
        try FileManager.default.removeItem(atPath: bank.data)
    }
}
