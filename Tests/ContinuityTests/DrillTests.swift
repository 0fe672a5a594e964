import Foundation
import Postgres
import TestSupport
import Testing

@testable import Continuity
@testable import PostgresServer

/// What a drill holds against a set, and what against the bank.
@Suite(.serialized, .enabled(if: LivingBank.isPossible, "pgbackrest is not installed")) struct DrillTests {
    @Test(
        "what is wrong in the living bank fails the drill and leaves the set proved; the repositories are proved in turns",
        .enabled(if: isLongRun, "long rounds only")
    )
    func faultOfTheBank() async throws {
        let bank = try await LivingBank(repositories: 2)
        _ = try await bank.desk.make(.full)
        try await bank.with { _ = try await $0.run("create table public.ouverte (x int)") }
        try await bank.archive()
        let drill = Drill(desk: bank.desk)
        let first = try await drill.run(Drill.Request())
        #expect(!first.passed && first.outcome == .proved, "\(first.checks.filter { !$0.passed })")
        #expect(first.repository == 1)
        #expect(try bank.desk.journal.drills().map(\.passed) == [false])
        #expect(try await Self.alarms(bank) == ["drill-failed"])
        try await bank.with { _ = try await $0.run("drop table public.ouverte") }
        try await bank.archive()
        let second = try await drill.run(Drill.Request())
        #expect(second.passed && second.repository == 2, "\(second.checks.filter { !$0.passed })")
        #expect(try await Self.alarms(bank).isEmpty)
        let states = try await bank.with {
            try await $0.all("select state from continuity.sets order by repository", as: String.self)
        }
        #expect(states == ["proved", "proved"])

        // Everything of the server is gone, and each repository with it.
        var request = Drill.Request()
        request.scenario = .lostServer
        let lost = try await drill.run(request)
        #expect(!lost.passed && lost.outcome == .unproved && lost.checks[0].detail.contains("every repository goes"))
        await bank.end()
    }

    @Test(
        "a repository apart from the server brings it back with the keys alone",
        .enabled(if: isLongRun, "long rounds only"))
    func serverLost() async throws {
        let apart =
            FileManager.default.temporaryDirectory.path + "/apart-"
            + String(UInt32.random(in: .min ... .max), radix: 36)
        Litter.leave(apart)
        let bank = try await LivingBank { BackupSettings(repositories: [$0.path + "/repository1", apart]) }
        _ = try await bank.desk.make(.full)
        // A moment is reached when something was committed after it.
        try await bank.with { database in
            try await database.run("select pg_sleep(1.5)")
            try await LivingBank.transfer(1, 2, 5, "after the moment", in: database)
        }
        try await bank.archive()
        var request = Drill.Request()
        request.scenario = .lostTable
        let past = try await Drill(desk: bank.desk).run(request)
        #expect(past.passed && past.target.hasPrefix("time "), "\(past.checks.filter { !$0.passed })")
        request.scenario = .lostServer
        let report = try await Drill(desk: bank.desk).run(request)
        #expect(report.passed && report.repository == 2, "\(report.checks.filter { !$0.passed })")
        #expect(try FileManager.default.contentsOfDirectory(atPath: bank.desk.folder.scratch).isEmpty)

        // A set that can not be restored is a drill that failed, with a report; the other repository goes on.
        let set = try #require(try await bank.desk.list().sets.first { $0.set.repository == 2 }).set
        let bundle = try #require(
            try FileTree.files(below: apart, "backup/bank/\(set.label)").first { $0.contains("/bundle/") })
        try Sabotage.truncate(apart + "/" + bundle, to: 5000)
        var second = Drill.Request()
        second.scenario = .lostRepository
        let failed = try await Drill(desk: bank.desk).run(second)
        #expect(!failed.passed && failed.outcome == .refuted && failed.label == set.label)
        #expect(FileManager.default.fileExists(atPath: failed.file))
        let passed = try await bank.with {
            try await $0.one(
                "select passed from continuity.drills where scenario = 'lost-repository-1'", as: Bool.self)
        }
        #expect(!passed)
        #expect(try await bank.desk.list().sets.contains { $0.isDamaged && $0.set.repository == 2 })
        #expect(try await Drill(desk: bank.desk).run(Drill.Request()).repository == 1)
        await bank.end()
    }

    @Test(
        "what befalls a copy of the bank is found and undone, and the bank itself is not touched",
        .enabled(if: isLongRun, "long rounds only"), arguments: Drill.Scenario.allCases.filter(\.isPlayed))
    func played(_ scenario: Drill.Scenario) async throws {
        let bank = try await Self.playing.value
        let before = try await bank.with { try await PlayedBank.state($0)[..<2] }
        var request = Drill.Request()
        request.scenario = scenario
        let report = try await Drill(desk: bank.desk).run(request)
        print(report.lines().joined(separator: "\n"))
        #expect(report.passed && report.outcome == .proved, "\(report.checks.filter { !$0.passed })")
        // Acts that were found, the state from before, and a drill's questions.
        #expect(report.checks.count >= 12)
        #expect(try await bank.with { try await PlayedBank.state($0)[..<2] } == before)
        #expect(try FileManager.default.contentsOfDirectory(atPath: bank.desk.folder.scratch).isEmpty)
        if scenario == .damagedPages { #expect(report.checks.count { $0.name.contains("damaged page") } == 3) }
    }

    // The bank that played drills are made of; ends with the test process.
    private static let playing = Task {
        let bank = try await LivingBank(repositories: 1)
        for number in 1...5 {
            try await bank.with { _ = try await LivingBank.transfer(1, 2, 5, "played \(number)", in: $0) }
        }
        _ = try await bank.desk.make(.full)
        try await bank.archive()
        return bank
    }

    private static func alarms(_ bank: LivingBank) async throws -> [String] {
        try await bank.with {
            try await $0.all("select kind from continuity.alarms where closed_at is null order by id", as: String.self)
        }
    }
}

/// The last commits, which no archive has.
@Suite(.serialized, .enabled(if: LivingBank.isPossible, "pgbackrest is not installed")) struct LastLogTests {
    @Test(
        "noise in the server's own log does not take the place of what the receiver has, nor a switch leave things half done",
        .enabled(if: isLongRun, "long rounds only")
    )
    func noiseInTheServersLog() async throws {
        let bank = try await LivingBank(repositories: 1)
        _ = try await bank.desk.make(.full)
        let receiver = try LogReceiver(dataDirectory: bank.data)
        // Ends when it is cancelled, below.
        let receiving = Task { try await receiver.run { _ in } }
        for _ in 0..<1200 {
            if try await receiver.isStreaming() { break }
            try await Task.sleep(for: .milliseconds(50))
        }
        try await receiver.setSynchronous(true)
        let balances = try await bank.with { database in
            for index in 0..<5 { try await LivingBank.transfer(1, 2, 3, "last \(index)", in: database) }
            return try await LivingBank.balances(database)
        }
        receiving.cancel()
        try await bank.cluster.stop(.immediate)
        let wal = bank.cluster.dataDirectory + "/pg_wal"
        for name in try FileManager.default.contentsOfDirectory(atPath: wal) where name.utf8.count == 24 {
            try Sabotage.noise(wal + "/" + name, pages: 2048)
        }
        let request = Restorer.Request(target: .newest, directory: bank.data + "/restored")
        let outcome = try await RestoreDesk(desk: bank.desk).restore(request)
        #expect(outcome.isSound, "\(outcome.lines)")
        let restored = try Cluster.attach(request.directory)
        #expect(try await bank.desk.withBank(restored) { try await LivingBank.balances($0) } == balances)

        // The switch.
        let desk = RestoreDesk(desk: bank.desk)
        await SurvivalTests.expect("restored_not_sound") { _ = try await desk.switchOver(to: bank.data + "/keys") }
        try await restored.stop(.fast)
        let before = try await bank.desk.list().sets.count
        _ = try await desk.switchOver(to: request.directory)
        let living = try Cluster.attach(bank.desk.folder.cluster)
        let archiver = try await bank.desk.withBank(living) { try await ContinuityStore(database: $0).archiver() }
        #expect(archiver.mode == "on" && LogSegment(archiver.current)?.timeline == 2)
        #expect(try FileManager.default.contentsOfDirectory(atPath: bank.desk.folder.receivedLog).isEmpty)
        #expect(try bank.desk.journal.abandoned().map(\.timeline) == [2])
        #expect(try await bank.desk.make(.full).failures.isEmpty)
        #expect(try await bank.desk.list().sets.count == before + 1)
        try await living.destroy()
        await bank.end()
    }
}
