import Foundation
import TestSupport
import Testing
import Web

@testable import Automation

@Suite struct ScenarioTests {
    @Test("the eleven scenarios that are shipped can be read, and each says what starts it")
    func shipped() throws {
        let scenarios = try ScenarioLibrary.read(folder: ScenarioLibrary.shippedFolder())
        #expect(
            scenarios.map(\.name).sorted() == [
                "backup-failed", "daily-report", "dora-clock", "drill-overdue", "erasure-due", "fraud-alert",
                "monitoring-silent", "privacy-deadline", "security-alert", "slo-burning", "watchdog",
            ])
        #expect(
            scenarios.first { $0.name == "daily-report" }?.triggerText == "schedule chaque jour à 7h (Europe/Paris)")
    }

    @Test(
        "a document that is wrong is refused in words",
        arguments: [
            ("name: x", "title needs fr and en"),
            (thingScenario(steps: webhookStep.replacing("event.kind", with: "event.nom")), "the event has no nom"),
            (thingScenario(steps: webhookStep.replacing("event.kind", with: "evnt.kind")), "stands for nothing here"),
            (thingScenario(steps: webhookStep.replacing("do: webhook", with: "do: dance")), "does dance"),
            (thingScenario(when: "event.id >", steps: webhookStep), "a field or a value is missing"),
            (thingScenario(when: "event.id = 1 or", steps: webhookStep), "is missing"),
            (thingScenario(steps: webhookStep, key: "nom"), "the key nom is no field"),
            (
                thingScenario(steps: webhookStep.replacing("event.kind", with: "event.kind | money")),
                "is text, and money"
            ),
            (thingScenario(steps: webhookStep.replacing("event.kind", with: "event.at | danse")), "there is no filter"),
            (thingScenario(steps: webhookStep + "\n" + webhookStep), "two steps are named hook"),
            (thingScenario(steps: webhookStep, extra: "color: red"), "a scenario has no color"),
            ("name: [", "no YAML"),
            ("a: &x [1]\nb: *x", "a scenario has no"),
        ])
    func refused(document: String, words: String) {
        let error = #expect(throws: AutomationError.self) { try ScenarioReader.read(document) }
        #expect(
            error?.code == "automation_scenario_invalid" && error?.message.contains(words) == true,
            "\(error?.message ?? "")")
    }

    @Test("conditions compare what can be compared and hold for nothing else")
    func conditions() throws {
        let root: JSON = [
            "event": [
                "n": 12, "d": .number("1.5"), "t": "ouvert", "list": ["a", 2], "nothing": .null, "money": .number("10"),
                "old": ["t": "clos"], "big": .number("9007199254740993"),
            ]
        ]
        let cases: [(String, Bool)] = [
            ("event.n = 12", true), ("event.n = 12.0", true), ("event.n != 12", false), ("event.n > 11.5", true),
            ("event.t = 'ouvert' and not event.old.t = 'ouvert'", true), ("event.t in ('a', 'ouvert')", true),
            ("event.list contains 2", true), ("event.list contains 'b'", false), ("event.t contains 'uve'", true),
            ("event.missing = null", true), ("event.missing exists", false), ("event.nothing exists", false),
            ("event.t > 3", false), ("event.missing < 3", false), ("event.d >= 1.5 or event.n = 0", true),
            ("(event.n = 1 or event.n = 12) and event.d < 2", true), ("event.list.1 = 2", true), ("true", true),
            ("event.big = 9007199254740993", true), ("event.big > 9007199254740992", true), ("event.n = -12", false),
        ]
        for (text, holds) in cases {
            #expect(try ConditionParser.parse(text).holds(in: root) == holds, "\(text)")
        }
        #expect(throws: TextProblem.self) { try ConditionParser.parse(String(repeating: "(", count: 500) + "true") }
        #expect(throws: TextProblem.self) { try ConditionParser.parse(String(repeating: "not ", count: 200) + "true") }
    }

    @Test("templates fill holes as French people read, and a hole alone keeps its type")
    func templates() throws {
        let root: JSON = [
            "event": [
                "n": 123_456_789, "at": "2026-07-01T10:00:00Z", "name": "Zoé", "list": [1, 2], "neg": -5, "x": .null,
            ]
        ]
        func fill(_ text: String) throws -> JSON { try Template(text).fill(from: root) }
        #expect(try fill("{{event.n}}") == 123_456_789)
        #expect(try fill("{{ event.list }}") == [1, 2])
        #expect(try fill("{{event.n | money}}") == "1\u{202F}234\u{202F}567,89\u{00A0}€")
        #expect(try fill("{{event.neg | money}}") == "-0,05\u{00A0}€")
        #expect(try fill("le {{event.at | date}}") == "le 01/07/2026 12:00:00")
        #expect(try fill("{{event.name | upper}} {{event.list | count}} {{event.x | default('rien')}}") == "ZOÉ 2 rien")
        #expect(try fill("{{event.list | json}}") == "[1,2]")
        #expect(throws: TextProblem.self) { try Template("{{ event.n ") }
    }

    @Test("what identifies a person is not shown in a history")
    func masking() {
        #expect(Masking.mask("de ana.martin@example.fr à Lyon") == "de a***@example.fr à Lyon")
        #expect(Masking.mask("FR76 3000 6000 0112 3456 7890 189") == "FR76***0189")
        #expect(Masking.mask("carte 4970101234567890.") == "carte ***7890")
        #expect(Masking.mask("appelez le 06 12 34 56 78 demain") == "appelez le ***78 demain")
        #expect(Masking.mask("dossier 42, 1234 alertes, le 2026-11-29") == "dossier 42, 1234 alertes, le 2026-11-29")
        let json: JSON = ["email": "x", "iban": "y", "note": ["token": "abc", "n": 5]]
        #expect(Masking.mask(json).text == #"{"email":"***","iban":"***","note":{"token":"***","n":5}}"#)
    }

    @Test("a figure fires once it was beyond its limit for long enough, and again only after it was calm")
    func hysteresis() {
        let threshold = Threshold(limit: 10, clear: 5, isUpper: true, forSeconds: 60, cooldownSeconds: 600)
        var state = Threshold.State(since: Instant(seconds: 0))
        var fired: [Int64] = []
        let values: [(Int64, Double)] = [
            (0, 1), (10, 11), (40, 9), (50, 12), (100, 12), (111, 12), (200, 30), (300, 7), (400, 20), (500, 4),
            (510, 11), (580, 11), (700, 11), (711, 11), (720, .nan), (800, 4), (900, 4),
        ]
        for (time, value) in values {
            let (next, fires) = threshold.step(state, value: value, now: Instant(seconds: time))
            state = next
            if fires { fired.append(time) }
        }
        // At 40 it was below the limit; 7 is not calm; behind 500 the cool-down lasts until 711.
        #expect(fired == [111, 711])
    }
}
