import Foundation
import Postgres
import Synchronization
import TestSupport
import Testing
import Web

@testable import Automation

/// Servers of two versions on one database, and work that takes longer than a lease.
@Suite struct UpgradeTests {
    private static func scheduled(_ name: String) -> String {
        """
        name: \(name)
        title: {fr: x, en: x}
        trigger: {schedule: "* * * * *", catch_up: once}
        steps:
          - {name: act, do: call, with: {name: nothing}}
        """
    }

    private static let over = thingScenario(
        name: "of-the-new",
        steps: """
              - {name: act, do: call, with: {name: nothing, id: "{{ event.id }}"}}
            """)

    /// An engine with these scenarios, over the bench's database.
    private func server(
        _ bench: Bench, _ name: String, _ documents: [String], functions: [String: AutomationFunction] = [:],
        settings: AutomationSettings = Bench.settings(),
        clock: (@Sendable () async throws -> Instant)? = nil
    ) throws -> AutomationEngine {
        let folder = bench.folder + "/" + name
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        for (index, text) in documents.enumerated() {
            try Data(text.utf8).write(to: URL(filePath: folder + "/\(index).yml"))
        }
        return try AutomationEngine(
            database: bench.database, library: ScenarioLibrary(folders: [folder]), settings: settings,
            secrets: Bench.secrets, functions: functions, clock: clock)
    }

    private func away(_ bench: Bench, _ interval: String) async throws {
        try await bench.database.run(
            """
            update automation.generations set seen_at = clock_timestamp() - \(interval)::interval
            where number = (select max(number) from automation.generations)
            """)
    }

    @Test("while an upgrade rolls the newest scenarios plan, and an older server takes nothing of theirs away")
    func rolling() async throws {
        try await Bench.with([]) { bench in
            let old = try server(bench, "old", [Self.scheduled("both"), Self.scheduled("of-the-old")])
            let new = try server(bench, "new", [Self.scheduled("both"), Self.scheduled("of-the-new-hour"), Self.over])
            func schedules() async throws -> [String] {
                try await bench.database.all("select scenario from automation.schedules order by 1", as: String.self)
            }
            func watches() async throws -> Int { try await bench.count("select count(*) from automation.watches") }
            func waiting() async throws -> Int { try await bench.count("select count(*) from automation.outbox") }
            try await old.prepare()
            #expect(try await schedules() == ["both", "of-the-old"])
            try await new.prepare()
            for _ in 0..<3 {
                try await old.prepare()
                try await new.prepare()
            }
            // The newest has dropped one; what it brought stays however often the old one looks.
            #expect(try await schedules() == ["both", "of-the-new-hour"])
            #expect(try await watches() == 1)
            try await bench.addThings(1...1)
            #expect(try await old.intakePass() == 0)
            #expect(try await waiting() == 1)
            try await bench.database.run(
                "update automation.schedules set next_at = clock_timestamp() - interval '1 hour'")
            #expect(try await old.pass() == 0)
            #expect(try await bench.desk.problems().contains { $0.contains("different sets") })

            // The new one dies: the old one goes on with what it has, and leaves the rest for an hour.
            try await away(bench, "40 seconds")
            try await old.prepare()
            try await bench.database.run(
                "update automation.schedules set next_at = clock_timestamp() - interval '2 hours' where scenario = 'of-the-new-hour'"
            )
            #expect(try await old.schedulePass() >= 1)
            #expect(try await schedules() == ["both", "of-the-new-hour", "of-the-old"])
            while try await old.intakePass() > 0 {}
            #expect(try await waiting() == 1)
            #expect(try await watches() == 1)

            // It is back, and misses nothing.
            try await new.prepare()
            while try await new.intakePass() > 0 {}
            #expect(try await waiting() == 0)
            #expect(try await bench.count("select count(*) from automation.runs where scenario = 'of-the-new'") == 1)

            // It stays away, as behind an upgrade that was taken back.
            try await away(bench, "2 hours")
            try await old.prepare()
            #expect(try await schedules() == ["both", "of-the-old"])
            #expect(try await watches() == 0)
        }
    }

    @Test("a server whose folder changes, and changes back, goes on planning at once")
    func edited() async throws {
        try await Bench.with([Self.over]) { bench in
            let file = URL(filePath: bench.folder + "/more.yml")
            for _ in 0..<2 {
                try Data(Self.scheduled("more").utf8).write(to: file)
                try await bench.engine.prepare()
                #expect(try await bench.count("select count(*) from automation.schedules") == 1)
                try FileManager.default.removeItem(at: file)
                try await bench.engine.prepare()
                let event = try await bench.count("select count(*) from public.things") + 1
                try await bench.addThings(event...event)
                #expect(try await bench.engine.intakePass() == 1)
            }
        }
    }

    @Test("a report that takes longer than its lease is made once, though two servers look")
    func longReport() async throws {
        var short = Bench.settings()
        short.leaseSeconds = 1
        let settings = short
        let calls = Mutex(0)
        let report: AutomationFunction = { _, _ in
            calls.withLock { $0 += 1 }
            try await Task.sleep(for: .milliseconds(2600))
            return "made"
        }
        let scenario = thingScenario(
            steps: """
                  - {name: rapport, do: run_report, with: {name: daily}}
                """)
        try await Bench.with([scenario], settings: settings, functions: ["daily": report]) { bench in
            let other = try server(bench, "other", [scenario], functions: ["daily": report], settings: settings)
            try await other.prepare()
            try await bench.addThings(1...1)
            _ = try await bench.engine.intakePass()
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { try await bench.engine.pass() }
                group.addTask {
                    while try await bench.count("select count(*) from automation.deliveries where status = 'pending'")
                        > 0
                    {
                        try await other.pass()
                        try await Task.sleep(for: .milliseconds(100))
                    }
                }
                try await group.waitForAll()
            }
            #expect(calls.withLock { $0 } == 1)
            #expect(try await bench.count("select count(*) from automation.deliveries where status = 'sent'") == 1)
        }
    }

    @Test("work that takes too long is cancelled, and tried again later")
    func tooLong() async throws {
        var settings = Bench.settings()
        settings.functionTimeMax = .milliseconds(50)
        let scenario = thingScenario(
            steps: """
                  - {name: rapport, do: run_report, with: {name: daily}}
                """)
        let report: AutomationFunction = { _, _ in
            try await Task.sleep(for: .seconds(600))
            return ""
        }
        try await Bench.with([scenario], settings: settings, functions: ["daily": report]) { bench in
            try await bench.addThings(1...1)
            try await bench.engine.pass()
            #expect(
                try await bench.count(
                    "select count(*) from automation.deliveries where status = 'pending' and detail like '%took over%'")
                    == 1)
        }
    }

    @Test("a server leaves reports to those that can make them; what nobody has had for a day is given up")
    func functions() async throws {
        let scenario = thingScenario(
            steps: """
                  - {name: dossier, do: open_case, with: {client: "{{ event.id }}", note: x}}
                  - {name: rapport, do: run_report, with: {name: daily}}
                  - {name: faute, do: call, order: none, with: {name: dialy}}
                """)
        try await Bench.with([scenario]) { bench in
            let able = try server(bench, "able", [scenario], functions: ["daily": { _, _ in "made" }])
            try await able.prepare()
            try await bench.addThings(1...1)
            try await bench.engine.pass()
            func status(_ step: String) async throws -> String {
                try await bench.database.one(
                    "select status || ' ' || attempts from automation.deliveries where step = \(step)", as: String.self)
            }
            // What stands before it in its lane is done.
            #expect(try await status("dossier") == "sent 1")
            #expect(try await status("rapport") == "pending 0")
            #expect(try await status("faute") == "dead 1")
            try await able.pass()
            #expect(try await status("rapport") == "sent 1")
        }
    }

    @Test("the report of seven in the morning is that of the day before, also behind a night that changes the clocks")
    func dayBefore() async throws {
        let clock = Mutex(try #require(Instant(iso: "2026-03-28T20:00:00Z")))
        let text = try String(contentsOfFile: ScenarioLibrary.shippedFolder() + "/daily-report.yml", encoding: .utf8)
        try await Bench.with([]) { bench in
            let engine = try server(bench, "one", [text], clock: { clock.withLock { $0 } })
            try await engine.prepare()
            for (moment, day) in [("2026-03-29T05:00:01Z", "2026-03-28"), ("2026-03-30T05:00:01Z", "2026-03-29")] {
                let now = try #require(Instant(iso: moment))
                clock.withLock { $0 = now }
                #expect(try await engine.schedulePass() == 1)
                _ = try await engine.intakePass()
                let asked = try await bench.database.one(
                    "select payload ->> 'day' from automation.deliveries where step = 'rapport' order by id desc limit 1",
                    as: String.self)
                #expect(asked == day)
                let attached = try await bench.database.one(
                    "select payload ->> 'attach' from automation.deliveries where step = 'annonce' order by id desc limit 1",
                    as: String.self)
                #expect(attached.contains("rapport-\(day).xlsx") && attached.contains("rapport-\(day).pdf"))
            }
        }
    }

    @Test("a schedule that makes up for all in one run has one run, however many moments were missed")
    func onceForAll() async throws {
        let start = try #require(Instant(iso: "2026-06-10T00:00:30Z"))
        let clock = Mutex(start)
        try await Bench.with([]) { bench in
            let engine = try server(bench, "one", [Self.scheduled("minute")], clock: { clock.withLock { $0 } })
            try await engine.prepare()
            clock.withLock { $0 = start.adding(seconds: 2 * 86_400) }
            #expect(try await engine.schedulePass() == 1)
            #expect(try await engine.schedulePass() == 0)
            _ = try await engine.intakePass()
            #expect(
                try await bench.database.all(
                    "select (event ->> 'missed')::bigint from automation.runs", as: Int64.self) == [2879])
            #expect(
                try await bench.count("select count(*) from automation.firings where outcome = 'merged'") == 2879)
        }
    }

    @Test("a figure that goes away while it is beyond its limit is calm, and is told again when it comes back")
    func vanished() async throws {
        let scenario = """
            name: queue
            title: {fr: File, en: Queue}
            trigger: {metric: digitalbank_test_queue, above: 10, clear: 5, cooldown: 0s, every: 1s}
            steps:
              - {name: act, do: call, with: {name: nothing}}
            """
        try await Bench.with([scenario]) { bench in
            try await bench.database.run("create schema test_figures")
            try await bench.database.run("create table test_figures.queues (queue text, depth double precision)")
            try await bench.database.run(
                """
                create view test_figures.indicators (name, labels, value, help) as
                select 'digitalbank_test_queue', jsonb_build_object('queue', queue), depth, '' from test_figures.queues
                """)
            var fired: [Int] = []
            for depth in [30, nil, 30, 30] {
                try await bench.database.run("delete from test_figures.queues")
                if let depth {
                    try await bench.database.run("insert into test_figures.queues values ('a', \(depth))")
                }
                // A watcher that has looked at nothing yet looks at once.
                fired.append(
                    try await ThresholdWatcher(database: bench.database).pass(
                        bench.engine.library.active, now: Instant(seconds: 1_800_000_000)))
            }
            #expect(fired == [1, 0, 1, 0])
            #expect(try await bench.count("select count(*) from automation.thresholds") == 1)
            try await bench.database.run(
                "update automation.thresholds set phase = 'calm', since = now() - interval '91 days', fired_at = null")
            try await bench.engine.prune()
            #expect(try await bench.count("select count(*) from automation.thresholds") == 0)
        }
    }

    @Test("history is cut until nothing is too old, not by one piece a turn")
    func cut() async throws {
        try await Bench.with([thingScenario(steps: webhookStep)]) { bench in
            try await bench.addThings(1...7)
            _ = try await bench.engine.intakePass()
            try await bench.database.run("update automation.runs set started_at = now() - interval '100 days'")
            try await bench.database.run("update automation.deliveries set status = 'sent'")
            try await bench.engine.prune(most: 2)
            #expect(try await bench.count("select count(*) from automation.runs") == 0)
        }
    }

    @Test("an alert whose group changes is not told again; the team hears of it once, by mail once an hour")
    func alerts() async throws {
        let text = try String(contentsOfFile: ScenarioLibrary.shippedFolder() + "/slo-burning.yml", encoding: .utf8)
        try await Bench.with([text]) { bench in
            func alert(_ name: String) -> JSON {
                [
                    "status": "firing", "fingerprint": .string("f-" + name), "startsAt": "2026-06-10T00:00:00Z",
                    "labels": ["alertname": .string(name), "severity": "page"], "annotations": ["resume": "x"],
                ]
            }
            let hook = "hook:alertmanager"
            for alerts in [[alert("A")], [alert("A"), alert("B")], [alert("A"), alert("B")]] {
                let event: JSON = ["status": "firing", "alerts": .array(alerts)]
                try await IntakeStore(database: bench.database).put(source: hook, operation: "received", payload: event)
                _ = try await bench.engine.intakePass()
            }
            func told(_ step: String) async throws -> [String] {
                try await bench.database.all(
                    "select payload ->> 'subject' from automation.deliveries where step = \(step) order by id",
                    as: String.self)
            }
            #expect(try await told("equipe") == ["A (page)", "B (page)"])
            // The hour may have turned between two of them.
            #expect(Set(try await told("courriel")) == ["A", "B"])
            #expect(try await told("courriel").count <= 4)
            #expect(
                try await bench.count("select sum(waiting) from automation.lanes")
                    == bench.count("select count(*) from automation.deliveries"))
        }
    }

    @Test(
        "a receiver's wish to be left alone is read in seconds and as a date",
        arguments: [
            ("120", 120.0), ("Sun, 06 Nov 1994 08:49:37 GMT", 60), ("Sun, 06 Nov 1994 08:00:00 GMT", 0), ("-5", nil),
            ("soon", nil), ("Sunday, 06-Nov-94 08:49:37 GMT", nil), ("Sun, 06 Nov 1994 8:49 GMT", nil), ("inf", nil),
        ] as [(String, Double?)])
    func retryAfter(text: String, seconds: Double?) {
        #expect(Outcome.seconds(text, now: 784_111_717) == seconds)
    }
}
