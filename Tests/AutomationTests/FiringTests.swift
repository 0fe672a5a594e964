import Foundation
import Postgres
import PostgresServer
import TestSupport
import Testing

@testable import Automation

/// No due moment is missed and none is fired twice: servers are killed around the minute, clocks jump, nights change
/// them.
@Suite struct FiringTests {
    private static let schedules: [(name: String, text: String, catchUp: String)] = [
        ("every-minute", "* * * * *", "all"), ("quarter", "*/15 * * * *", "once"), ("night", "30 2 * * *", "all"),
        ("morning", "chaque jour à 7h", "once"), ("late", "*/5 * * * *", "skip"),
    ]

    private static func document(_ schedule: (name: String, text: String, catchUp: String)) -> String {
        """
        name: \(schedule.name)
        title: {fr: x, en: x}
        trigger: {schedule: "\(schedule.text)", zone: Europe/Paris, catch_up: \(schedule.catchUp)}
        steps:
          - {name: act, do: call, with: {name: nothing}}
        """
    }

    private static func program() -> String? {
        let asked = ProcessInfo.processInfo.environment["DIGITALBANK_FIRER"]
        let beside = URL(filePath: "/proc/self/exe").resolvingSymlinksInPath().deletingLastPathComponent()
            .appending(path: "automation-firer").path
        return [asked, beside].compactMap { $0 }.first { FileManager.default.isExecutableFile(atPath: $0) }
    }

    @Test(
        "two servers are killed again and again while clocks jump and nights change: each due moment fires exactly once"
    )
    func kills() async throws {
        let program = try #require(Self.program(), "the program automation-firer is not built")
        let rounds = isLongRun ? 200 : 6
        var generator = SystemRandomNumberGenerator()
        // The last one is a plain day.
        let starts = ["2026-03-29T00:20:00Z", "2026-10-25T00:20:00Z", "2026-03-29T04:50:00Z", "2026-06-10T04:50:00Z"]
        var kills = 0
        var fired = 0
        for round in 0..<rounds {
            let start = try #require(Instant(iso: starts[round % starts.count]))
                .adding(seconds: Double(Int.random(in: 0...1800, using: &generator)))
            let (killed, made) = try await play(program, from: start, seed: &generator)
            kills += killed
            fired += made
        }
        try Figures.note("firing: \(rounds) rounds, \(kills) kills, \(fired) due moments looked at")
    }

    private func play(
        _ program: String, from start: Instant, seed generator: inout SystemRandomNumberGenerator
    ) async throws -> (kills: Int, fired: Int) {
        let steps = (0..<8).map { _ in
            // Minutes forward, hours now and then, and back.
            [30, 61, 125, 900, 4_000, -600, -20, 59].randomElement(using: &generator) ?? 60
        }
        let pauses = (0..<8).map { _ in Int.random(in: 20...180, using: &generator) }
        let skews = [Int64.random(in: -5_000_000...5_000_000, using: &generator), 0]
        return try await withTestDatabase(automationTemplate) { database in
            try await withTemporaryDirectory { folder in
                for schedule in Self.schedules {
                    try Data(Self.document(schedule).utf8).write(to: URL(filePath: "\(folder)/\(schedule.name).yml"))
                }
                try await database.run("create table public.test_clock (at_us bigint)")
                try await database.run("insert into public.test_clock values (\(start.microseconds))")
                let engine = try engine(database, folder)
                try await engine.prepare()
                var servers: [Process] = []
                defer { for server in servers { kill(server.processIdentifier, SIGKILL) } }
                func launch(_ index: Int) async throws {
                    let server = Process()
                    server.executableURL = URL(filePath: program)
                    let configuration = database.configuration
                    let password = configuration.password.map { " password=\($0)" } ?? ""
                    server.arguments = [configuration.connectionString + password, folder, "\(skews[index])"]
                    server.standardOutput = FileHandle.nullDevice
                    server.standardError = FileHandle.nullDevice
                    try server.run()
                    if servers.count > index { servers[index] = server } else { servers.append(server) }
                }
                try await launch(0)
                try await launch(1)
                var now = start
                var latest = start
                var kills = 0
                for (step, pause) in zip(steps, pauses) {
                    now = now.adding(seconds: Double(step))
                    latest = max(latest, now)
                    try await database.run("update public.test_clock set at_us = \(now.microseconds)")
                    try await Task.sleep(for: .milliseconds(pause))
                    let victim = step % 2 == 0 ? 0 : 1
                    kill(servers[victim].processIdentifier, SIGKILL)
                    kills += 1
                    try await launch(victim)
                }
                // The survivors, and one look more, when the clock stands where it stood furthest.
                for server in servers { kill(server.processIdentifier, SIGKILL) }
                latest = latest.adding(seconds: 5)
                try await database.run("update public.test_clock set at_us = \(latest.microseconds)")
                // A killed server's session may hold its row or its lock until the server has noticed: look until all is done.
                for _ in 0..<600 {
                    _ = try await engine.schedulePass()
                    _ = try await engine.intakePass()
                    let left = try await database.one(
                        """
                        select (select count(*) from automation.outbox) + (select count(*) from automation.schedules
                            where next_at <= to_timestamp(0) + \(latest.microseconds) * interval '1 microsecond')
                        """, as: Int.self)
                    if left == 0 { break }
                    try await Task.sleep(for: .milliseconds(50))
                }
                return (kills + 2, try await check(database, from: start, to: latest))
            }
        }
    }

    private func engine(_ database: Database, _ folder: String) throws -> AutomationEngine {
        try AutomationEngine(
            database: database, library: ScenarioLibrary(folders: [folder]), settings: Bench.settings(),
            secrets: Bench.secrets,
            clock: {
                Instant(microseconds: try await database.one("select at_us from public.test_clock", as: Int64.self))
            })
    }

    /// What was noted is what the schedules owe, and each moment that ran has one run.
    private func check(_ database: Database, from start: Instant, to end: Instant) async throws -> Int {
        var count = 0
        for schedule in Self.schedules {
            let plan = try Schedule(schedule.text, zone: "Europe/Paris")
            var owed: [Int64] = []
            var moment = start
            while let next = plan.next(after: moment), next <= end {
                owed.append(next.microseconds)
                moment = next
            }
            let noted = try await database.all(
                """
                select (extract(epoch from due_at) * 1000000)::bigint from automation.firings
                where scenario = \(schedule.name) order by 1
                """, as: Int64.self)
            // A server whose clock is ahead fires the next ones early: these too, once.
            #expect(Array(noted.prefix(owed.count)) == owed, "\(schedule.name) from \(start.iso)")
            #expect(noted.count <= owed.count + 1)
            let ran = try await database.one(
                "select count(*) from automation.firings where scenario = \(schedule.name) and outcome = 'ran'",
                as: Int.self)
            let runs = try await database.one(
                "select count(*) from automation.runs where scenario = \(schedule.name)", as: Int.self)
            #expect(ran == runs, "\(schedule.name): \(ran) firings, \(runs) runs")
            if schedule.catchUp == "all" { #expect(ran == noted.count) }
            count += noted.count
        }
        return count
    }

    @Test(
        "a server that was down for three days makes up for it as each schedule says, and a changed schedule begins anew"
    )
    func downtime() async throws {
        try await withTestDatabase(automationTemplate) { database in
            try await withTemporaryDirectory { folder in
                for schedule in Self.schedules {
                    try Data(Self.document(schedule).utf8).write(to: URL(filePath: "\(folder)/\(schedule.name).yml"))
                }
                let start = try #require(Instant(iso: "2026-10-24T22:00:30Z"))
                try await database.run("create table public.test_clock (at_us bigint)")
                try await database.run("insert into public.test_clock values (\(start.microseconds))")
                let engine = try engine(database, folder)
                try await engine.prepare()
                try await database.run(
                    "update public.test_clock set at_us = \(start.adding(seconds: 3 * 86_400).microseconds)")
                while try await engine.schedulePass() > 0 {}
                func outcomes(_ name: String) async throws -> [String] {
                    try await database.all(
                        "select outcome || ' ' || count(*) from automation.firings where scenario = \(name) group by outcome order by 1",
                        as: String.self)
                }
                #expect(try await outcomes("every-minute") == ["ran 4320"])
                #expect(try await outcomes("night") == ["ran 3"])
                #expect(try await outcomes("morning") == ["merged 2", "ran 1"])
                #expect(try await outcomes("late") == ["ran 1", "skipped 863"])
                // Edited: what it waits for is the new moment; the others keep theirs.
                try Data(Self.document(("morning", "chaque jour à 8h", "once")).utf8).write(
                    to: URL(filePath: "\(folder)/morning.yml"))
                let before = try await database.one(
                    "select next_at::text from automation.schedules where scenario = 'night'", as: String.self)
                try await engine.prepare()
                #expect(
                    try await database.one(
                        "select (next_at at time zone 'Europe/Paris')::time::text from automation.schedules where scenario = 'morning'",
                        as: String.self) == "08:00:00")
                #expect(
                    try await database.one(
                        "select next_at::text from automation.schedules where scenario = 'night'", as: String.self)
                        == before)
            }
        }
    }
}
