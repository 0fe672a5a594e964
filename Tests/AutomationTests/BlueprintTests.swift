import Foundation
import Testing
import Web

@testable import Automation

/// A blueprint means in Make what the scenario means here: both are played with the same events.
@Suite struct BlueprintTests {
    /// Plays a blueprint as Make does: every route whose filter holds, an iterator's bundles one by one, a module behind a
    /// filter that does not hold ends its flow. Returns `step[item]` of each HTTP module that is called.
    private struct Player {
        var bundles: [String: JSON]
        var called: [String] = []
        var items = ""

        mutating func play(_ flow: ArraySlice<JSON>) throws {
            guard let module = flow.first else { return }
            guard try holds(module["filter"]) else { return }
            let rest = flow.dropFirst()
            switch module["module"]?.string {
            case "builtin:BasicRouter":
                #expect(rest.isEmpty, "nothing stands behind a router")
                for route in module["routes"]?.array ?? [] { try play((route["flow"]?.array ?? [])[...]) }
            case "builtin:BasicFeeder":
                let id = try #require(module["id"]?.integer)
                let list = value(module["mapper"]?["array"]?.string ?? "").array ?? []
                let before = items
                for (index, item) in list.enumerated() {
                    let fields = item.members == nil ? JSON.object([.init("value", item)]) : item
                    bundles["\(id)"] = fields.with("__IMTINDEX__", .integer(index + 1))
                    items = before + "[\(index)]"
                    try play(rest)
                }
                items = before
            case "http:ActionSendData":
                called.append((module["metadata"]?["designer"]?["name"]?.string ?? "?") + items)
                try play(rest)
            default: try play(rest)
            }
        }

        /// `{{1.data.old.statut}}`, `{{1.data.list[1].id}}`
        private func value(_ hole: String) -> JSON {
            guard hole.hasPrefix("{{"), hole.hasSuffix("}}") else { return .string(hole) }
            let parts = hole.dropFirst(2).dropLast(2).replacing("[", with: ".").replacing("]", with: "").replacing(
                "`", with: ""
            )
            .split(separator: ".").map(String.init)
            guard let first = parts.first, var found = bundles[first] else { return .null }
            for part in parts.dropFirst() {
                if let list = found.array, let index = Int(part) {
                    found = list.indices.contains(index - 1) ? list[index - 1] : .null
                } else {
                    found = found[part] ?? .null
                }
            }
            return found
        }

        private func holds(_ filter: JSON?) throws -> Bool {
            guard let cases = filter?["conditions"]?.array else { return true }
            return try cases.contains { tests in try (tests.array ?? []).allSatisfy(test) }
        }

        private func test(_ test: JSON) throws -> Bool {
            let a = value(test["a"]?.string ?? "")
            let b = test["b"]?.string.map(value) ?? .null
            let (x, y) = (a.double, b.double)
            switch test["o"]?.string {
            case "exist": return !a.isNull
            case "notexist": return a.isNull
            case "text:equal", "boolean:equal": return a.plain == b.plain && !a.isNull
            case "text:notequal", "boolean:notequal": return a.plain != b.plain || a.isNull
            case "text:contain": return a.plain.contains(b.plain)
            case "text:notcontain": return !a.plain.contains(b.plain)
            case "number:equal": return x != nil && x == y
            case "number:notequal": return x != y
            case "number:less": return try order(x, y, <)
            case "number:lessorequal": return try order(x, y, <=)
            case "number:greater": return try order(x, y, >)
            case "number:greaterorequal": return try order(x, y, >=)
            case let other:
                Issue.record("Make has no operator \(other ?? "")")
                return false
            }
        }

        private func order(_ a: Double?, _ b: Double?, _ holds: (Double, Double) -> Bool) throws -> Bool {
            guard let a, let b else { return false }
            return holds(a, b)
        }
    }

    /// Who Make tells.
    private func told(_ flow: [JSON], _ event: JSON) throws -> [String] {
        var player = Player(bundles: ["1": ["type": "x", "timestamp": "2026-06-10T00:00:00Z", "data": event]])
        try player.play(flow[...])
        return player.called.sorted()
    }

    /// Who the bank tells, but for its own acts.
    private func planned(_ scenario: Scenario, _ event: JSON) -> [String] {
        let plan = Planner.plan(
            scenario, event: event, dedupe: "x", key: nil, at: Instant(seconds: 0), bank: ["url": "", "name": ""])
        return (plan?.deliveries ?? []).filter { $0.destination != "bank" }.map(\.step)
    }

    private static let routed = """
        name: routed
        title: {fr: x, en: x}
        trigger: {manual: true}
        when: event.kind != 'test' and not (event.amount < 10)
        steps:
          - {name: first, do: notify, to: a, when: event.urgent = true, with: {text: x}}
          - route:
              - when: event.amount >= 1000 or event.kind in ('fraude', 'vol')
                steps:
                  - {name: high, do: sms, to: b, with: {text: x}}
                  - {name: high-too, do: notify, to: b, when: event.note contains 'vip', with: {text: x}}
              - when: event.amount >= 100
                steps: [{name: middle, do: notify, to: b, with: {text: x}}]
              - when: true
                steps: [{name: low, do: notify, to: b, with: {text: x}}]
          - each: event.items
            as: item
            most: 2
            steps:
              - {name: each-item, do: notify, to: c, when: item.n > 1, with: {text: "{{ item.n }}"}}
              - {name: each-other, do: notify, to: c, with: {text: "{{ item.n }}"}}
          - {name: block, do: block_card, with: {card: x, reason: fraude}}
          - name: last
            do: email
            to: d
            with: {text: "{{ event.amount | money }} de {{ event.kind | default('rien') }}"}
            on_error:
              - {name: told, do: notify, to: e, with: {text: "{{ error.reason }} ({{ error.step }})"}}
              - {name: told-too, do: notify, to: f, with: {text: x}}
        """

    @Test("for any event Make tells those whom the bank would have told")
    func meaning() throws {
        let scenario = try ScenarioReader.read(Self.routed)
        let flow = try #require(JSONReader.read(MakeBlueprint.blueprint(scenario).text)["flow"]?.array)
        var generator = SystemRandomNumberGenerator()
        var seen: Set<String> = []
        for _ in 0..<400 {
            var members: [JSON.Member] = []
            if Int.random(in: 0..<8, using: &generator) > 0 {
                members.append(
                    .init("amount", .integer([5, 10, 99, 100, 999, 1000].randomElement(using: &generator) ?? 5)))
            }
            if let kind = ["test", "vol", "fraude", "autre", nil].randomElement(using: &generator) ?? nil {
                members.append(.init("kind", .string(kind)))
            }
            members.append(.init("urgent", .bool(.random(using: &generator))))
            members.append(.init("note", .string(["un vip", "rien"].randomElement(using: &generator) ?? "")))
            let items = (0..<Int.random(in: 0...4, using: &generator)).map {
                JSON.object([.init("n", .integer($0 + 1))])
            }
            members.append(.init("items", .array(items)))
            let event = JSON.object(members)
            let here = planned(scenario, event)
            let there = try told(flow, event)
            #expect(there.map { String($0.prefix { $0 != "[" }) } == here.sorted(), "\(event.text)")
            seen.formUnion(here)
        }
        #expect(seen == ["first", "high", "high-too", "middle", "low", "each-item", "each-other", "last"])
    }

    @Test("each shipped scenario goes to Make and the rest stays with the bank")
    func shipped() throws {
        for document in try ScenarioLibrary.documents(folder: ScenarioLibrary.shippedFolder()) {
            let scenario = try ScenarioReader.read(document)
            let json = try JSONReader.read(MakeBlueprint.blueprint(scenario).text)
            let flow = try #require(json["flow"]?.array)
            #expect(flow.prefix(2).map { $0["module"] } == ["gateway:CustomWebHook", "gateway:WebhookRespond"])
            #expect(json["metadata"]?["scenario"]?["roundtrips"] == 1)
            var ids: [Int64] = []
            var handled: Set<String> = []
            func walk(_ modules: [JSON]) {
                for module in modules {
                    if let id = module["id"]?.integer { ids.append(id) }
                    if module["module"] == "http:ActionSendData",
                        let name = module["metadata"]?["designer"]?["name"]?.string
                    {
                        handled.insert(name)
                    }
                    for route in module["routes"]?.array ?? [] { walk(route["flow"]?.array ?? []) }
                    walk(module["onerror"]?.array ?? [])
                }
            }
            walk(flow)
            #expect(Set(ids).count == ids.count, "\(scenario.name): two modules have one number")
            let relay = try ScenarioReader.read(MakeBlueprint.relay(document: document))
            #expect(relay.triggerText == scenario.triggerText && relay.destinations.contains("make"))
            // Nothing is lost on the way: a step is in Make, or with the bank.
            let kept = Set(relay.acts.map(\.name))
            for act in scenario.acts { #expect(handled.contains(act.name) || kept.contains(act.name), "\(act.name)") }
        }
    }

    @Test("holes lead to the event within the bank's message, with Make's functions; errors go to their handler")
    func words() throws {
        let text = try MakeBlueprint.blueprint(ScenarioReader.read(Self.routed)).text
        #expect(text.contains(#"{{formatNumber(1.data.amount / 100; 2; \",\"; \" \")}} €"#))
        #expect(text.contains(#"{{ifempty(1.data.kind; \"rien\")}}"#))
        #expect(text.contains(#"{{1.timestamp}}-{{sha256(toString(1.data))}}-last"#))
        #expect(text.contains(".error.message}} (last)") && text.contains("builtin:Ignore"))
        #expect(!text.contains("block_card") && !text.contains("{{1.id}}") && !text.contains("{{event"))
        let relay = try MakeBlueprint.relay(document: Self.routed)
        #expect(try ScenarioReader.read(relay).acts.map(\.name) == ["block", "make"])
    }

    @Test("a condition with more cases than a person can read is refused, not shortened")
    func tooMany() throws {
        let many = (0..<8).map { "(event.a\($0) = 1 or event.b\($0) = 1)" }.joined(separator: " and ")
        let scenario = try ScenarioReader.read(
            """
            name: many
            title: {fr: x, en: x}
            trigger: {manual: true}
            when: \(many)
            steps: [{name: a, do: notify, to: a, with: {text: x}}]
            """)
        #expect(throws: AutomationError.self) { try MakeBlueprint.blueprint(scenario) }
    }
}
