internal import Automation
internal import HTTPTypes
internal import Web

/// One address of the automations.
struct AutomationRoute: Sendable {
    let method: HTTPRequest.Method
    let path: String
    let roles: Set<String>
    let run: @Sendable (AutomationDesk, AutomationCall) async throws -> String

    private static let readers: Set<String> = ["service_role", "admin", "analyst"]
    private static let writers: Set<String> = ["service_role", "admin"]

    static let all: [AutomationRoute] = scenarios + history + destinations

    private static let scenarios = [
        AutomationRoute(method: .get, path: "/scenarios", roles: readers) { desk, _ in
            try await desk.scenarios().text
        },
        AutomationRoute(method: .get, path: "/scenarios/{id}", roles: readers) { desk, call in
            try await desk.scenario(call.id).text
        },
        AutomationRoute(method: .put, path: "/scenarios", roles: writers) { desk, call in
            let name = try await desk.keep(
                document: call.body["document"]?.string ?? call.text, was: call.body["was"]?.string,
                author: call.author)
            let answer: JSON = ["name": .string(name)]
            return answer.text
        },
        AutomationRoute(method: .post, path: "/dry-run", roles: readers) { desk, call in
            guard let document = call.body["document"]?.string else {
                throw AutomationRefusal.invalid("document is missing")
            }
            return try await desk.tryOut(
                document: document, event: call.body["event"], run: call.body["run"]?.integer
            ).text
        },
        AutomationRoute(method: .patch, path: "/scenarios/{id}", roles: writers) { desk, call in
            guard let isEnabled = call.body["enabled"]?.bool else {
                throw AutomationRefusal.invalid("enabled is missing")
            }
            try await desk.enable(call.id, isEnabled, author: call.author)
            return "{\"enabled\":\(isEnabled)}"
        },
        AutomationRoute(method: .delete, path: "/scenarios/{id}", roles: writers) { desk, call in
            "{\"reset\":\(try await desk.reset(call.id, author: call.author))}"
        },
        AutomationRoute(method: .post, path: "/scenarios/{id}/dry-run", roles: readers) { desk, call in
            if let run = call.body["run"]?.integer { return try await desk.dryRun(call.id, run: run).text }
            return try await desk.dryRun(call.id, event: call.body["event"] ?? .object([])).text
        },
        AutomationRoute(method: .post, path: "/scenarios/{id}/run", roles: writers) { desk, call in
            guard let key = call.body["key"]?.string, !key.isEmpty, key.utf8.count <= 200 else {
                throw AutomationRefusal.invalid("key is missing: the same key runs the scenario once")
            }
            try await desk.run(call.id, event: call.body["event"] ?? .object([]), key: key, author: call.author)
            return "{\"planned\":true}"
        },
    ]

    private static let history = [
        AutomationRoute(method: .get, path: "/runs", roles: readers) { desk, call in
            try await desk.runs(
                scenario: call.item("scenario"), status: call.item("status"),
                before: call.item("before").flatMap { Int64($0) }, limit: call.item("limit").flatMap { Int($0) } ?? 50)
        },
        AutomationRoute(method: .get, path: "/deliveries/{id}", roles: readers) { desk, call in
            guard let text = try await desk.delivery(call.number()) else { throw AutomationRefusal.notFound }
            return text
        },
        AutomationRoute(method: .post, path: "/deliveries/{id}/replay", roles: writers) { desk, call in
            let count = try await desk.replay(
                ids: [call.number()], scenario: nil, destination: nil, author: call.author)
            return "{\"replayed\":\(count)}"
        },
        AutomationRoute(method: .post, path: "/deliveries/{id}/drop", roles: writers) { desk, call in
            "{\"dropped\":\(try await desk.drop(call.number(), author: call.author))}"
        },
        AutomationRoute(method: .post, path: "/replay", roles: writers) { desk, call in
            let count = try await desk.replay(
                ids: nil, scenario: call.body["scenario"]?.string, destination: call.body["destination"]?.string,
                author: call.author)
            return "{\"replayed\":\(count)}"
        },
        AutomationRoute(method: .get, path: "/problems", roles: readers) { desk, _ in
            JSON.array(try await desk.problems().map { .string($0) }).text
        },
    ]

    private static let destinations = [
        AutomationRoute(method: .get, path: "/destinations", roles: readers) { desk, _ in
            try await desk.destinations()
        },
        AutomationRoute(method: .put, path: "/destinations/{id}", roles: writers) { desk, call in
            let members = (call.body.members ?? []).filter { $0.name != "name" }
            try await desk.keepDestination(
                .object(members + [JSON.Member("name", .string(call.id))]), author: call.author)
            return "{\"kept\":true}"
        },
        AutomationRoute(method: .delete, path: "/destinations/{id}", roles: writers) { desk, call in
            "{\"removed\":\(try await desk.removeDestination(call.id, author: call.author))}"
        },
        AutomationRoute(method: .put, path: "/hook-secrets/{id}", roles: writers) { desk, call in
            let secret = try call.body["secret"]?.string ?? AutomationDesk.newSecret()
            try await desk.keepHookSecret(call.id, secret: secret, author: call.author)
            let answer: JSON = ["hook": .string(call.id), "secret": .string(secret)]
            return answer.text
        },
    ]
}
