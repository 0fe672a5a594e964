import Foundation
import Postgres
import TestSupport
import Testing
import Web

@testable import Automation

/// Messages that come in.
@Suite struct HookTests {
    private static let secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    private static let now: Int64 = 1_800_000_000

    private static func scenario(_ scheme: String) -> String {
        """
        name: incoming
        title: {fr: Entrant, en: Incoming}
        trigger: {webhook: incoming, scheme: \(scheme)}
        steps:
          - name: hook
            do: webhook
            to: hook
            with: {type: t, data: {n: "{{ event.n }}"}}
        """
    }

    private func taking(
        _ bench: Bench, _ body: String, _ headers: [String: String]
    ) async -> String {
        do {
            return try await bench.hooks.take("incoming", body: Array(body.utf8)) { headers[$0] } == .taken
                ? "taken" : "known"
        } catch {
            return (error as? AutomationError)?.message ?? "\(error)"
        }
    }

    private func signed(_ body: String, id: String = "m1", at: Int64 = HookTests.now) throws -> [String: String] {
        [
            "webhook-id": id, "webhook-timestamp": "\(at)",
            "webhook-signature": try StandardWebhook.signature(
                id: id, timestamp: at, body: Array(body.utf8), secrets: Self.secret),
        ]
    }

    @Test("a signed message is taken once; one that is changed, old, unsigned or for nobody is not taken")
    func standard() async throws {
        try await Bench.with([Self.scenario("standard")]) { bench in
            let body = #"{"n": 1}"#
            #expect(await taking(bench, body, try signed(body)).contains("it is not known"))
            try await bench.desk.keepHookSecret("incoming", secret: Self.secret, author: "ana")
            #expect(await taking(bench, body, try signed(body)) == "taken")
            #expect(await taking(bench, body, try signed(body)) == "known")
            #expect(await taking(bench, body + " ", try signed(body)).contains("signature is wrong"))
            #expect(
                await taking(bench, body, try signed(body, id: "m2", at: Self.now - 301)).contains("time is not now"))
            #expect(
                await taking(bench, body, try signed(body, id: "m3", at: Self.now + 301)).contains("time is not now"))
            #expect(await taking(bench, body, [:]).contains("not signed"))
            var other = try signed(body, id: "m4")
            other["webhook-id"] = "m5"
            #expect(await taking(bench, body, other).contains("signature is wrong"))
            #expect(await taking(bench, "[1]", try signed("[1]", id: "m6")).contains("no object"))
            #expect(await taking(bench, "{", try signed("{", id: "m7")).contains("no JSON"))
            // Old and new secret side by side, while a sender changes over.
            let renewed = try AutomationDesk.newSecret()
            try await bench.desk.keepHookSecret("incoming", secret: "\(renewed) \(Self.secret)", author: "ana")
            #expect(await taking(bench, body, try signed(body, id: "m8")) == "taken")
            try await bench.engine.pass()
            #expect(try await bench.count("select count(*) from automation.runs") == 2)
            #expect(
                try await bench.count(
                    "select count(*) from automation.hooks where position('MfKQ9r8'::bytea in secret) > 0") == 0)
        }
    }

    @Test("the library of the standard signs what we take")
    func library() async throws {
        // From the standard's own documents.
        let body = Array(#"{"test": 2432232314}"#.utf8)
        #expect(
            try StandardWebhook.signature(
                id: "msg_p5jXN8AQM9LWM0D4loKWxJek", timestamp: 1_614_265_330, body: body, secrets: Self.secret)
                == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=")
    }

    @Test("Alertmanager's bearer and Make's key open their hooks; the same alert within five minutes is one")
    func tokens() async throws {
        for (scheme, name, value) in [("bearer", "authorization", "Bearer "), ("make", "x-make-apikey", "")] {
            try await Bench.with([Self.scenario(scheme)]) { bench in
                let secret = "0123456789abcdef-\(scheme)"
                try await bench.desk.keepHookSecret("incoming", secret: secret, author: "ana")
                let good = [name: value + secret]
                #expect(await taking(bench, #"{"n": 1}"#, good) == "taken")
                #expect(await taking(bench, #"{"n": 1}"#, good) == "known")
                #expect(await taking(bench, #"{"n": 2}"#, good) == "taken")
                #expect(await taking(bench, #"{"n": 3}"#, [name: value + secret + "x"]) != "taken")
                #expect(await taking(bench, #"{"n": 3}"#, [:]) != "taken")
                try await bench.database.run("update automation.receipts set until = now() - interval '1 second'")
                #expect(await taking(bench, #"{"n": 1}"#, good) == "taken")
            }
        }
    }

    @Test("an alert that fires reaches the team, one delivery for each alert")
    func alertmanager() async throws {
        try await HookReceiver.with { receiver in
            try await Bench.with { bench in
                try await bench.desk.keepHookSecret("alertmanager", secret: "0123456789abcdef", author: "ana")
                try await bench.destination("exploitation-equipe", "slack", [:], secret: receiver.url)
                let body = """
                    {"version":"4","groupKey":"{}","status":"firing","receiver":"bank","alerts":[
                    {"status":"firing","labels":{"alertname":"SLO","severity":"ticket"},"annotations":{"summary":"lent"},"startsAt":"2026-11-29T02:00:00Z","fingerprint":"a"},
                    {"status":"resolved","labels":{"alertname":"X","severity":"page"},"annotations":{},"startsAt":"2026-11-29T02:00:00Z","fingerprint":"b"},
                    {"status":"firing","labels":{"alertname":"Y <&>","severity":"page"},"annotations":{},"startsAt":"2026-11-29T02:00:00Z","fingerprint":"c"}]}
                    """
                let taking = try await bench.hooks.take("alertmanager", body: Array(body.utf8)) {
                    $0 == "authorization" ? "Bearer 0123456789abcdef" : nil
                }
                #expect(taking == .taken)
                try await bench.engine.pass()
                let texts = receiver.requests.map(\.body)
                #expect(texts.count == 2)
                #expect(texts.contains { $0.contains("SLO (ticket)") && $0.contains("lent") })
                #expect(texts.contains { $0.contains("Y &lt;&amp;&gt; (page)") && $0.contains("sans résumé") })
            }
        }
    }

    @Test("a figure of any capability passes its threshold and fires once")
    func figures() async throws {
        let scenario = """
            name: queue
            title: {fr: File, en: Queue}
            trigger: {metric: digitalbank_test_queue, labels: {queue: a}, above: 10, clear: 5, cooldown: 0s, every: 1s}
            steps:
              - name: hook
                do: webhook
                to: hook
                with: {type: t, data: {value: "{{ event.value | round(1) }}", queue: "{{ event.labels.queue }}"}}
            """
        try await HookReceiver.with { receiver in
            try await Bench.with([scenario]) { bench in
                try await bench.destination("hook", "webhook", ["url": .string(receiver.url)])
                try await bench.database.run("create schema test_figures")
                try await bench.database.run("create table test_figures.queues (queue text, depth double precision)")
                try await bench.database.run(
                    """
                    create view test_figures.indicators (name, labels, value, help) as
                    select 'digitalbank_test_queue', jsonb_build_object('queue', queue), depth, '' from test_figures.queues
                    """)
                try await bench.database.run("insert into test_figures.queues values ('a', 3), ('b', 99)")
                for depth in [3, 11, 12, 7, 30, 5, 11] {
                    try await bench.database.run("update test_figures.queues set depth = \(depth) where queue = 'a'")
                    let watcher = ThresholdWatcher(database: bench.database)
                    let now = Instant(seconds: Self.now)
                    _ = try await watcher.pass(bench.engine.library.active, now: now)
                    _ = try await bench.engine.intakePass()
                }
                try await bench.engine.pass()
                #expect(receiver.requests.count == 2)
                #expect(receiver.requests.first?.body.contains("11,0") == true)
                #expect(receiver.requests.allSatisfy { $0.body.contains(#""queue":"a""#) })
            }
        }
    }
}
