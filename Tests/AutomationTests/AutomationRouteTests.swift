import Automation
import Foundation
import Gateway
import HTTPTypes
import Postgres
import TestSupport
import Testing
import Web

/// The addresses of the automations, without a server.
@Suite struct AutomationRouteTests {
    private static let admin = Actor(
        role: "authenticated", claims: #"{"app_metadata":{"role":"admin"}}"#, subject: "admin 1")
    private static let analyst = Actor(
        role: "authenticated", claims: #"{"app_metadata":{"role":"analyst"}}"#, subject: "analyst 1")
    private static let client = Actor(
        role: "authenticated", claims: #"{"app_metadata":{"role":"client"}}"#, subject: "client 1")

    private func ask(
        _ routes: AutomationRoutes, _ method: HTTPRequest.Method, _ path: String, _ body: JSON = .null,
        as actor: Actor = AutomationRouteTests.admin, query: String = ""
    ) async throws -> (status: Int, body: JSON) {
        let bytes = body.isNull ? [] : Array(body.text.utf8)
        let response = await routes.handle(
            ApiRequest(method: method, path: path, query: query, body: bytes), actor: actor)
        return (response.status.code, try JSONReader.read(response.body))
    }

    @Test("an admin changes, tries, runs and looks; an analyst looks; a client does not")
    func admin() async throws {
        try await HookReceiver.with { receiver in
            try await Bench.with([thingScenario(steps: webhookStep)]) { bench in
                let routes = AutomationRoutes(desk: bench.desk, hooks: bench.hooks)
                let destination: JSON = ["kind": "webhook", "settings": ["url": .string(receiver.url)]]
                #expect(try await ask(routes, .put, "/destinations/hook", destination, as: Self.analyst).status == 403)
                #expect(try await ask(routes, .put, "/destinations/hook", destination).status == 200)
                #expect(try await ask(routes, .put, "/destinations/hook", ["kind": "pigeon"]).status == 422)
                let scenarios = try await ask(routes, .get, "/scenarios", as: Self.analyst).body
                #expect(scenarios.array?.first?["destinations"] == ["hook"])
                #expect(try await ask(routes, .get, "/scenarios", as: Self.client).status == 403)
                let event: JSON = ["id": 5, "kind": "a", "email": "ana@example.fr"]
                let tried = try await ask(
                    routes, .post, "/scenarios/things/dry-run", ["event": event], as: Self.analyst)
                #expect(tried.body["deliveries"]?.array?.count == 1)
                #expect(try await ask(routes, .post, "/scenarios/things/run", ["event": event]).status == 400)
                for _ in 0..<2 {
                    #expect(
                        try await ask(routes, .post, "/scenarios/things/run", ["event": event, "key": "k1"]).status
                            == 200)
                }
                try await bench.engine.pass()
                #expect(receiver.requests.count == 1)
                let runs = try await ask(routes, .get, "/runs", as: Self.analyst, query: "scenario=things&limit=5").body
                let delivery = try #require(runs.array?.first?["deliveries"]?.array?.first?["id"]?.integer)
                let shown = try await ask(routes, .get, "/deliveries/\(delivery)").body
                #expect(shown["status"] == "sent" && shown["attempts"]?.array?.count == 1)
                #expect(try await ask(routes, .get, "/deliveries/999999").status == 404)
                #expect(try await ask(routes, .post, "/deliveries/\(delivery)/replay").body["replayed"] == 0)
                #expect(try await ask(routes, .patch, "/scenarios/nothing", ["enabled": false]).status == 404)
                #expect(try await ask(routes, .patch, "/scenarios/things", ["enabled": false]).status == 200)
                #expect(try await ask(routes, .get, "/nothing").status == 404)
                #expect(try await ask(routes, .get, "/problems").body == [])
            }
        }
    }

    @Test("a scenario that the console writes takes the place of the one before; a wrong one changes nothing")
    func written() async throws {
        try await Bench.with([thingScenario(steps: webhookStep)]) { bench in
            let routes = AutomationRoutes(desk: bench.desk, hooks: bench.hooks)
            let changed = thingScenario(when: "event.id > 100", steps: webhookStep)
            #expect(try await ask(routes, .put, "/scenarios", ["document": .string(changed)]).status == 200)
            #expect(try await ask(routes, .put, "/scenarios", ["document": "name: things"]).status == 422)
            let shown = try await ask(routes, .get, "/scenarios/things", as: Self.analyst).body
            #expect(shown["document"] == .string(changed) && shown["origin"] == "stored")
            #expect(shown["trigger"] == "table public.things (insert, update)")
            #expect(try await ask(routes, .get, "/scenarios/nothing").status == 404)
            #expect(try await ask(routes, .get, "/scenarios/things", as: Self.client).status == 403)
            try await bench.engine.prepare()
            try await bench.addThings(1...1)
            try await bench.engine.pass()
            #expect(try await bench.count("select count(*) from automation.runs") == 0)
            #expect(try await ask(routes, .delete, "/scenarios/things").body["reset"] == true)
            try await bench.engine.prepare()
            try await bench.addThings(2...2)
            try await bench.engine.pass()
            #expect(try await bench.count("select count(*) from automation.runs") == 1)
        }
    }

    @Test("a document is tried before it is kept: what is wrong, what is missing, what it would do")
    func tried() async throws {
        try await Bench.with([thingScenario(steps: webhookStep)]) { bench in
            let routes = AutomationRoutes(desk: bench.desk, hooks: bench.hooks)
            let document = thingScenario(
                name: "large-things", when: "event.id > 100",
                steps: """
                      - route:
                          - when: event.kind = 'a'
                            steps:
                              - {name: tell, do: webhook, to: hook, with: {type: t, data: {id: "{{ event.id }}"}}}
                          - steps:
                              - name: mail
                                do: email
                                to: post
                                with: {subject: s, text: "{{ event.id }}"}
                                on_error: [{name: cry, do: notify, to: hook, with: {text: t}}]
                    """)
            func tryOut(_ more: (String, JSON)...) async throws -> (status: Int, body: JSON) {
                let members = [JSON.Member("document", .string(document))] + more.map { JSON.Member($0.0, $0.1) }
                return try await ask(routes, .post, "/dry-run", .object(members), as: Self.analyst)
            }
            let plain = try await tryOut().body
            #expect(plain["name"] == "large-things" && plain["known"] == false && plain["passes"] == nil)
            #expect(plain["missing"] == ["hook", "post"])
            let lines = (plain["lines"]?.array ?? []).map { line -> String in
                let depth = line["depth"]?.text ?? "", kind = line["kind"]?.string ?? ""
                let rest = [line["name"]?.string, line["to"]?.string, line["when"]?.string].compactMap(\.self)
                return ([depth, kind] + rest).joined(separator: " ")
            }
            #expect(
                lines == [
                    "0 branch event.kind = 'a'", "1 act tell hook", "0 branch", "1 act mail post", "2 error",
                    "3 act cry hook",
                ])
            let destination: JSON = ["kind": "webhook", "settings": ["url": "https://example.com/"]]
            #expect(try await ask(routes, .put, "/destinations/hook", destination).status == 200)
            let through = try await tryOut(("event", ["id": 101, "kind": "a"])).body
            #expect(through["passes"] == true && through["missing"] == ["post"])
            #expect(through["deliveries"]?.array?.first?["step"] == "tell")
            let small = try await tryOut(("event", ["id": 1, "kind": "a"])).body
            #expect(small["passes"] == false && small["deliveries"] == [])
            #expect(try await tryOut(("run", 4711)).status == 404)
            #expect(try await ask(routes, .post, "/dry-run", ["document": "name: x"]).status == 422)
            #expect(try await ask(routes, .post, "/dry-run").status == 400)
            #expect(try await ask(routes, .post, "/dry-run", ["document": "x"], as: Self.client).status == 403)
            #expect(try await ask(routes, .get, "/scenarios/large-things").status == 404, "nothing was kept")
            let runs = try await bench.count("select count(*) from automation.runs")
            #expect(runs == 0)
        }
    }

    @Test("what somebody else has written meanwhile is not overwritten")
    func meanwhile() async throws {
        try await Bench.with([thingScenario(steps: webhookStep)]) { bench in
            let routes = AutomationRoutes(desk: bench.desk, hooks: bench.hooks)
            func keep(_ when: String, was: String?) async throws -> Int {
                var members = [JSON.Member("document", .string(thingScenario(when: when, steps: webhookStep)))]
                if let was { members.append(JSON.Member("was", .string(was))) }
                return try await ask(routes, .put, "/scenarios", .object(members)).status
            }
            func version() async throws -> String {
                let shown = try await ask(routes, .get, "/scenarios/things").body
                return shown["version"]?.string ?? "none"
            }
            let first = try await version()
            #expect(try await keep("event.id > 1", was: "") == 409, "the name is taken")
            #expect(try await keep("event.id > 1", was: first) == 200)
            #expect(try await keep("event.id > 2", was: first) == 409, "it was written since")
            let second = try await version()
            // Both have seen the same one: one of them is told.
            async let one = keep("event.id > 3", was: second)
            async let two = keep("event.id > 4", was: second)
            let statuses = try await [one, two].sorted()
            #expect(statuses == [200, 409])
            #expect(try await keep("event.id > 5", was: nil) == 200, "who does not ask takes what is there")
            // A document that can no longer be read is no reason to wait for ever.
            try await bench.database.run("update automation.scenarios set document = 'name: things'")
            #expect(try await keep("event.id > 6", was: nil) == 200)
        }
    }

    @Test("a message comes in over its own address, with the bytes that were signed")
    func hook() async throws {
        let scenario = """
            name: incoming
            title: {fr: Entrant, en: Incoming}
            trigger: {webhook: incoming, scheme: make}
            steps:
              - {name: act, do: call, with: {name: nothing}}
            """
        try await Bench.with([scenario]) { bench in
            let routes = AutomationRoutes(desk: bench.desk, hooks: bench.hooks)
            let made = try await ask(routes, .put, "/hook-secrets/incoming")
            let secret = try #require(made.body["secret"]?.string)
            func post(_ path: String, _ key: String) async -> Int {
                await routes.take(
                    ApiRequest(
                        method: .post, path: path, fields: [.init("x-make-apikey") ?? .accept: key],
                        body: Array("{\"n\":1}".utf8))
                ).status.code
            }
            #expect(await post("/incoming", secret) == 202)
            #expect(await post("/incoming", secret) == 202)
            #expect(await post("/incoming", "wrong") == 401)
            #expect(await post("/other", secret) == 401)
            #expect(await post("/incoming/more", secret) == 404)
            #expect(try await bench.count("select count(*) from automation.outbox") == 1)
        }
    }
}
