import Foundation
import Postgres
import Synchronization
import TestSupport
import Testing
import Web

@testable import Automation

/// Deliveries over a real endpoint on loopback.
@Suite struct DeliveryTests {
    private static let quick: JSON = ["first": .number("0.02"), "most": .number("0.2")]

    private func hook(_ bench: Bench, _ receiver: HookReceiver, rate: Double? = nil) async throws {
        try await bench.destination(
            "hook", "webhook", ["url": .string(receiver.url), "retry": Self.quick],
            secret: "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", rate: rate)
    }

    /// What an endpoint that knows keys makes of what it is sent.
    private final class Ledger: Sendable {
        struct State {
            var keys: Set<String> = []
            var repeated = 0
            /// By kind, in the order in which they came first.
            var order: [String: [Int64]] = [:]
        }

        let state = Mutex(State())

        func accept(_ request: HookReceiver.Request) {
            guard let key = request.headers["webhook-id"], let json = try? JSONReader.read(request.body) else { return }
            state.withLock { state in
                guard state.keys.insert(key).inserted else { return state.repeated += 1 }
                state.order[json["data"]?["kind"]?.plain ?? "", default: []].append(json["data"]?["id"]?.integer ?? 0)
            }
        }
    }

    @Test(
        "through an endpoint that fails three times in ten and dies twice, each event arrives once and in order of its key"
    )
    func storm() async throws {
        let count = isLongRun ? 10_000 : 1_500
        let ledger = Ledger()
        try await HookReceiver.with(keeps: false) { request in
            // Half of those that fail have taken it in before.
            let chance = Int.random(in: 0..<100)
            if chance >= 15 { ledger.accept(request) }
            if chance < 15 || (15..<23).contains(chance) {
                return .init(status: [500, 503, 429].randomElement() ?? 500)
            }
            return .init(isCut: chance >= 93)
        } _: { receiver in
            var settings = Bench.settings()
            settings.circuitRestSeconds = 0.1
            try await Bench.with([thingScenario(steps: webhookStep)], settings: settings) { bench in
                try await hook(bench, receiver)
                try await bench.running {
                    for start in stride(from: 1, through: count, by: 50) {
                        try await bench.database.run(
                            """
                            insert into public.things (id, kind)
                            select g, 'k' || g % 40 from generate_series(\(start), \(start + 49)) g
                            """)
                        if start == count / 3 / 50 * 50 + 1 || start == count * 2 / 3 / 50 * 50 + 1 {
                            await receiver.die()
                            try await Task.sleep(for: .milliseconds(300))
                            try await receiver.start()
                        }
                    }
                    try await bench.wait(1_200) {
                        try await bench.count("select count(*) from automation.deliveries where status = 'sent'")
                            == count
                    }
                }
                let state = ledger.state.withLock { $0 }
                #expect(state.keys.count == count)
                #expect(state.order.values.map(\.count).reduce(0, +) == count)
                #expect(state.order.count == 40)
                for (kind, ids) in state.order { #expect(ids == ids.sorted(), "\(kind) came out of order") }
                #expect(try await bench.count("select count(*) from automation.lanes") == 0)
                #expect(try await bench.count("select count(*) from automation.outbox") == 0)
                let tries = try await bench.count("select count(*) from automation.attempts")
                #expect(tries > count)
                #expect(try await bench.count("select count(*) from automation.attempts where sent") == count)
                try Figures.note(
                    "storm: \(count) events, \(tries) attempts, \(state.repeated) repeated by key and known to the receiver"
                )
            }
        }
    }

    @Test("two servers share the work and nothing is sent twice while both live")
    func twoServers() async throws {
        let ledger = Ledger()
        try await HookReceiver.with(keeps: false) { request in
            ledger.accept(request)
            return .init()
        } _: { receiver in
            try await Bench.with([thingScenario(steps: webhookStep)]) { bench in
                try await hook(bench, receiver)
                let other = try AutomationEngine(
                    database: bench.database, library: bench.engine.library, settings: Bench.settings(),
                    secrets: Bench.secrets)
                try await other.prepare()
                try await bench.running {
                    try await withThrowingTaskGroup(of: Void.self) { group in
                        group.addTask { try await other.run() }
                        for start in stride(from: 1, through: 400, by: 20) {
                            try await bench.addThings(start...(start + 19), kind: "k\(start % 3)")
                        }
                        try await bench.wait {
                            try await bench.count("select count(*) from automation.deliveries where status = 'sent'")
                                == 400
                        }
                        group.cancelAll()
                    }
                }
                #expect(ledger.state.withLock { $0.keys.count == 400 && $0.repeated == 0 })
                #expect(ledger.state.withLock { $0.order.values.allSatisfy { $0 == $0.sorted() } })
            }
        }
    }

    @Test("what is given up waits for a person, takes its error branch, and can be replayed with its key")
    func dead() async throws {
        let steps = """
              - name: hook
                do: webhook
                to: hook
                patience: 1s
                with: {type: t, data: {id: "{{ event.id }}"}}
                on_error:
                  - name: told
                    do: webhook
                    to: other
                    with: {type: failed, data: {reason: "{{ error.reason }}", id: "{{ event.id }}"}}
            """
        let isWell = Mutex(false)
        let other = HookReceiver()
        try await other.start()
        try await HookReceiver.with { _ in
            .init(status: isWell.withLock { $0 } ? 200 : 500)
        } _: { receiver in
            try await Bench.with([thingScenario(steps: steps)]) { bench in
                try await hook(bench, receiver)
                try await bench.destination("other", "webhook", ["url": .string(other.url)])
                try await bench.addThings(1...1)
                try await bench.running {
                    try await bench.wait { other.requests.count == 1 }
                    #expect(other.requests.first?.body.contains("answered 500") == true)
                    let runs = try await bench.desk.runs(scenario: "things", status: "dead", before: nil, limit: 10)
                    #expect(try JSONReader.read(runs).array?.count == 1)
                    isWell.withLock { $0 = true }
                    #expect(
                        try await bench.desk.replay(ids: nil, scenario: "things", destination: nil, author: "ana") == 1)
                    try await bench.wait {
                        try await bench.count(
                            "select count(*) from automation.deliveries where status = 'sent' and step = 'hook'") == 1
                    }
                }
                #expect(Set(receiver.requests.compactMap { $0.headers["webhook-id"] }).count == 1)
                #expect(
                    try await bench.count("select count(*) from evidence.entries where kind = 'automation.replayed'")
                        == 1)
            }
        }
        await other.die()
    }

    @Test("an endpoint that is gone is called no more; one that asks for time is given it; a sick one rests")
    func manners() async throws {
        let status = Mutex(410)
        let answer: @Sendable (HookReceiver.Request) -> HookReceiver.Answer = { _ in
            let code = status.withLock { $0 }
            return .init(status: code, headers: code == 429 ? [("retry-after", "3600")] : [])
        }
        try await HookReceiver.with(answer: answer) { receiver in
            var settings = Bench.settings()
            settings.failuresThatTrip = 3
            settings.circuitRestSeconds = 3600
            try await Bench.with([thingScenario(steps: webhookStep, key: "id")], settings: settings) { bench in
                try await hook(bench, receiver)
                try await bench.addThings(1...1)
                try await bench.engine.pass()
                #expect(
                    try await bench.count(
                        "select count(*) from automation.destinations where name = 'hook' and not enabled and disabled_reason like '%410%'"
                    ) == 1)
                try await bench.addThings(2...2)
                try await bench.engine.pass()
                #expect(receiver.requests.count == 1)
                // Set right by a person, it is called again.
                status.withLock { $0 = 429 }
                try await hook(bench, receiver)
                try await bench.engine.pass()
                #expect(receiver.requests.count == 2)
                #expect(
                    try await bench.count(
                        "select count(*) from automation.lanes where next_at > clock_timestamp() + interval '59 minutes'"
                    ) == 1)
                status.withLock { $0 = 500 }
                try await bench.addThings(3...30)
                for _ in 0..<4 { try await bench.engine.pass() }
                #expect(
                    try await bench.count(
                        "select count(*) from automation.destinations where open_until > clock_timestamp() + interval '50 minutes'"
                    ) == 1)
                let calls = receiver.requests.count
                for _ in 0..<3 { try await bench.engine.pass() }
                #expect(receiver.requests.count == calls)
                // Its rest over, one delivery tries for all.
                try await bench.database.run(
                    "update automation.destinations set open_until = clock_timestamp() where name = 'hook'")
                try await bench.database.run("update automation.lanes set next_at = clock_timestamp()")
                try await bench.engine.pass()
                #expect(receiver.requests.count == calls + 1)
            }
        }
    }

    @Test("a destination gets no more than its rate allows")
    func rate() async throws {
        try await HookReceiver.with { receiver in
            try await Bench.with([thingScenario(steps: webhookStep, key: "id")]) { bench in
                try await hook(bench, receiver, rate: 0.001)
                try await bench.addThings(1...40)
                for _ in 0..<5 { try await bench.engine.pass() }
                #expect(receiver.requests.count == 5)
                #expect(
                    try await bench.count("select count(*) from automation.deliveries where status = 'pending'") == 35)
            }
        }
    }

    @Test("routers take the first branch that holds, lists make a delivery each, windows gather")
    func flow() async throws {
        let steps = """
              - route:
                  - when: event.count >= 3
                    steps:
                      - each: event.items
                        as: thing
                        most: 3
                        steps:
                          - name: each
                            do: webhook
                            to: hook
                            with: {type: many, data: {id: "{{ thing.id }}", of: "{{ event.count }}"}}
                  - when: true
                    steps:
                      - name: few
                        do: webhook
                        to: hook
                        with: {type: few, data: {count: "{{ event.count }}", key: "{{ event.key }}"}}
            """
        let scenario = thingScenario(steps: steps, extra: "gather: {window: 1s, by: \"{{ event.kind }}\", most: 100}")
        try await HookReceiver.with { receiver in
            try await Bench.with([scenario]) { bench in
                try await hook(bench, receiver)
                try await bench.addThings(1...4, kind: "many")
                try await bench.addThings(11...12, kind: "few")
                try await bench.running {
                    try await bench.wait { receiver.requests.count == 4 }
                }
                let bodies = try receiver.requests.map { try JSONReader.read($0.body) }
                #expect(bodies.count { $0["type"] == "many" && $0["data"]?["of"] == 4 } == 3)
                #expect(
                    bodies.count { $0["type"] == "few" && $0["data"]?["count"] == 2 && $0["data"]?["key"] == "few" }
                        == 1)
                #expect(
                    try await bench.count(
                        "select count(*) from automation.runs where notes::text like '%1 items beyond 3%'") == 1)
            }
        }
    }

    @Test("what the bank does itself is done once, in the transaction that notes it, with its entry in the journal")
    func inner() async throws {
        let steps = """
              - name: dossier
                do: open_case
                with: {client: "{{ event.id }}", note: "chose {{ event.kind }}"}
              - name: rapport
                do: run_report
                with: {name: daily, day: "2026-01-01"}
              - name: absent
                do: open_incident
                with: {severity: high, title: rien}
            """
        let calls = Mutex<[String]>([])
        let report: AutomationFunction = { arguments, key in
            calls.withLock { $0.append(key) }
            return "report of \(arguments["day"]?.plain ?? "")"
        }
        try await Bench.with([thingScenario(steps: steps)], functions: ["daily": report]) { bench in
            try await bench.addThings(7...7)
            for _ in 0..<3 { try await bench.engine.pass() }
            #expect(try await bench.count("select count(*) from fraud.dossiers where client = 7") == 1)
            #expect(try await bench.count("select count(*) from fraud.dossiers_notes where note = 'chose a'") == 1)
            #expect(calls.withLock { $0.count } == 1)
            #expect(try await bench.count("select count(*) from automation.deliveries where status = 'sent'") == 2)
            #expect(
                try await bench.count(
                    "select count(*) from automation.deliveries where status = 'dead' and detail like '%no incidents here%'"
                ) == 1)
            #expect(
                try await bench.count("select count(*) from evidence.entries where kind = 'automation.case_opened'")
                    == 1)
            #expect(try await bench.count("select count(*) from automation.lanes") == 0)
        }
    }

    @Test("a dry run shows what would go out and writes nothing")
    func dryRun() async throws {
        try await Bench.with([thingScenario(when: "event.id > 5", steps: webhookStep)]) { bench in
            try await bench.addThings(6...6)
            try await bench.engine.pass()
            let run = try await bench.database.one("select id from automation.runs", as: Int64.self)
            let shown = try await bench.desk.dryRun("things", run: run)
            #expect(shown["passes"] == true && shown["deliveries"]?.array?.first?["payload"]?["data"]?["id"] == 6)
            #expect(try await bench.desk.dryRun("things", event: ["id": 3])["passes"] == false)
            #expect(try await bench.count("select count(*) from automation.runs") == 1)
            await #expect(throws: AutomationError.self) { try await bench.desk.dryRun("things", run: 999) }
            await #expect(throws: AutomationError.self) { try await bench.desk.dryRun("nothing", event: [:]) }
        }
    }

    @Test("a change of a row tells what it was before; what no scenario watches tells nothing")
    func changes() async throws {
        let scenario = thingScenario(
            when: "event.operation = 'update' and event.amount > event.old.amount", steps: webhookStep)
        try await Bench.with([scenario]) { bench in
            try await bench.addThings(1...3)
            try await bench.database.run("update public.things set amount = amount + 1 where id = 1")
            try await bench.database.run("update public.things set amount = amount - 1 where id = 2")
            try await bench.database.run("update public.things set amount = amount where id = 3")
            // The trigger holds back what the condition would not let through.
            #expect(try await bench.count("select count(*) from automation.outbox") == 1)
            try await bench.engine.pass()
            #expect(
                try await bench.database.all("select (event ->> 'id')::bigint from automation.runs", as: Int64.self)
                    == [1])
            // Without a scenario the table is left alone.
            try await bench.desk.enable("things", false, author: "ana")
            try await bench.engine.prepare()
            try await bench.addThings(9...9)
            #expect(try await bench.count("select count(*) from automation.outbox") == 0)
        }
    }

    @Test("secrets stand sealed in the database, in no history and in no list")
    func secrets() async throws {
        try await HookReceiver.with { receiver in
            try await Bench.with([thingScenario(steps: webhookStep)]) { bench in
                try await hook(bench, receiver)
                try await bench.addThings(1...1)
                try await bench.engine.pass()
                let lists =
                    try await bench.desk.destinations()
                    + bench.desk.runs(scenario: nil, status: nil, before: nil, limit: 10)
                #expect(!lists.contains("MfKQ9r8"))
                #expect(
                    try await bench.count(
                        "select count(*) from automation.deliveries where shown::text like '%MfKQ9r8%' or payload::text like '%MfKQ9r8%'"
                    ) == 0)
                await #expect(throws: AutomationError.self) {
                    try await bench.destination("bad", "webhook", ["url": "https://a.example/", "token": "x"])
                }
                await #expect(throws: AutomationError.self) {
                    try await bench.destination("bad", "webhook", ["url": "https://a.example/"], secret: "short")
                }
            }
        }
    }

    @Test("history older than it is kept for goes, what waits stays")
    func retention() async throws {
        try await Bench.with([thingScenario(steps: webhookStep)]) { bench in
            try await bench.addThings(1...2)
            try await bench.engine.pass()
            try await bench.database.run("update automation.runs set started_at = now() - interval '100 days'")
            try await bench.database.run(
                "update automation.deliveries set status = 'sent' where id = (select min(id) from automation.deliveries)"
            )
            #expect(try await HistoryStore(database: bench.database).prune(days: 90, most: 100) == 1)
            #expect(try await bench.count("select count(*) from automation.runs") == 1)
        }
    }
}

extension Figures {
    /// Writes where `DIGITALBANK_FIGURES` says; nothing without it.
    static func note(_ words: String) throws {
        guard let path = ProcessInfo.processInfo.environment["DIGITALBANK_FIGURES"] else { return }
        try write(words + "\n", to: path)
    }
}
