import Automation
import Bank
import Evidence
import Foundation
import Fraud
import Migrations
import Postgres
import TestSupport
import Web

/// A bank with its automations, owned by somebody who is no superuser.
let automationTemplate = TestTemplate("automation", owner: .plain) { database in
    try await Migrator(database).apply([
        EvidenceMigrations.set(), FraudMigrations.set(), AutomationMigrations.set(),
    ])
    try await database.run(
        "create table public.things (id bigint primary key, kind text, amount bigint, at timestamptz default now())")
}

/// One engine over a test's database.
struct Bench: Sendable {
    let database: Database
    let engine: AutomationEngine
    let desk: AutomationDesk
    let hooks: HookDesk
    let folder: String

    static let secrets = SecretBox(
        seal: { value, name in Array("sealed \(name) ".utf8) + value.reversed() },
        open: { value, name in Array(value.dropFirst("sealed \(name) ".utf8.count).reversed()) })

    static func settings() -> AutomationSettings {
        var settings = AutomationSettings()
        settings.networks = ["127.0.0.0/8"]
        settings.pollEvery = .milliseconds(20)
        return settings
    }

    /// - Parameter scenarios: documents by name; none: those that are shipped.
    static func with(
        _ scenarios: [String]? = nil, settings: AutomationSettings = Bench.settings(),
        functions: [String: AutomationFunction] = [:], now: @escaping @Sendable () -> Int64 = { 1_800_000_000 },
        _ body: @Sendable (Bench) async throws -> Void
    ) async throws {
        try await withTestDatabase(automationTemplate) { database in
            try await withTemporaryDirectory { folder in
                for (index, text) in (scenarios ?? []).enumerated() {
                    try Data(text.utf8).write(to: URL(filePath: folder + "/\(index).yml"))
                }
                let library = ScenarioLibrary(
                    folders: [scenarios == nil ? try ScenarioLibrary.shippedFolder() : folder])
                let engine = try AutomationEngine(
                    database: database, library: library, settings: settings, secrets: secrets, functions: functions)
                try await engine.prepare()
                let desk = AutomationDesk(database: database, library: library, settings: settings, secrets: secrets)
                let hooks = HookDesk(database: database, library: library, secrets: secrets, clock: now)
                try await body(Bench(database: database, engine: engine, desk: desk, hooks: hooks, folder: folder))
            }
        }
    }

    func destination(_ name: String, _ kind: String, _ settings: JSON, secret: String? = nil, rate: Double? = nil)
        async throws
    {
        var json: JSON = ["name": .string(name), "kind": .string(kind), "settings": settings]
        if let secret { json = .object((json.members ?? []) + [.init("secret", .string(secret))]) }
        if let rate { json = .object((json.members ?? []) + [.init("rate", .number("\(rate)")), .init("burst", 5)]) }
        try await desk.keepDestination(json, author: "test")
    }

    /// Runs the engine beside `body`.
    func running<Value: Sendable>(_ body: @Sendable () async throws -> Value) async throws -> Value {
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await engine.run() }
            defer { group.cancelAll() }
            return try await body()
        }
    }

    /// Waits for a condition, long enough for a machine that does much else.
    func wait(_ seconds: Int = 120, until isSo: @Sendable () async throws -> Bool) async throws {
        for _ in 0..<(seconds * 20) {
            if try await isSo() { return }
            try await Task.sleep(for: .milliseconds(50))
        }
        throw Late(problem: engine.lastProblem)
    }

    struct Late: Error { let problem: String? }

    func count(_ statement: Statement) async throws -> Int { try await database.one(statement, as: Int.self) }

    func addThings(_ ids: ClosedRange<Int>, kind: String = "a") async throws {
        try await database.run(
            """
            insert into public.things (id, kind, amount)
            select g, \(kind), g * 100 from generate_series(\(ids.lowerBound), \(ids.upperBound)) g order by g
            """)
    }
}

/// A scenario over the test's own table.
func thingScenario(
    name: String = "things", when: String = "true", steps: String, key: String = "kind", extra: String = ""
) -> String {
    """
    name: \(name)
    title: {fr: Choses, en: Things}
    trigger:
      table: public.things
      "on": [insert, update]
      key: \(key)
      fields: {id: integer, kind: text, amount: money, at: time}
    when: \(when)
    \(extra)
    steps:
    \(steps)
    """
}

let webhookStep = """
      - name: hook
        do: webhook
        to: hook
        with:
          type: thing.made
          data: {id: "{{ event.id }}", kind: "{{ event.kind }}"}
    """
