internal import Fraud
internal import HTTPTypes
internal import Web

/// One address of the desk: the table is router, rights and document at once.
struct FraudRoute: Sendable {
    let method: HTTPRequest.Method
    let path: String
    let summary: String
    let roles: Set<String>
    let run: @Sendable (FraudRoutes, FraudCall) async throws -> String

    private static let payers: Set<String> = ["service_role", "admin"]
    private static let desk: Set<String> = ["service_role", "admin", "analyst"]
    private static let people: Set<String> = ["admin", "analyst"]

    static func find(_ call: FraudCall) throws -> FraudRoute {
        guard let route = all.first(where: { $0.method == call.method && $0.path == call.shape }) else {
            throw FraudRefusal.notFound
        }
        return route
    }

    static let all: [FraudRoute] = payments + models + cases + lists

    private static let payments = [
        FraudRoute(
            method: .post, path: "/score", summary: "Decides on a payment, or on up to 10,000 in an array",
            roles: payers
        ) { try await $0.score($1) },
        FraudRoute(
            method: .post, path: "/predict",
            summary: "What the model says of ready-made columns, or of up to 10,000 rows; nothing is kept", roles: desk
        ) { try $0.predict($1) },
        FraudRoute(
            method: .post, path: "/explain", summary: "All reasons of a decision that was made", roles: desk
        ) { try await $0.explain($1) },
        FraudRoute(
            method: .get, path: "/explain/{id}", summary: "All reasons of a decision that was made", roles: desk
        ) { try await $0.explain($1) },
        FraudRoute(
            method: .post, path: "/feedback",
            summary: "Says what became of a payment: the next one sees it; of large ones a second analyst has to agree",
            roles: desk
        ) { try await $0.feedback($1) },
    ]

    private static let models = [
        FraudRoute(method: .get, path: "/models", summary: "All models, the newest first", roles: desk) { routes, _ in
            try await routes.models()
        },
        FraudRoute(
            method: .post, path: "/models/{id}/promote", summary: "Makes a model the champion", roles: ["admin"]
        ) { routes, call in
            try await routes.desk.registry.promote(call.numbers[0], actor: call.author)
            try await routes.desk.reloadModels()
            return try await routes.models()
        },
        FraudRoute(
            method: .post, path: "/models/{id}/challenge", summary: "Lets a model score in the shadow", roles: ["admin"]
        ) { routes, call in
            try await routes.desk.registry.challenge(call.numbers[0], actor: call.author)
            try await routes.desk.reloadModels()
            return try await routes.models()
        },
        FraudRoute(
            method: .post, path: "/models/rollback", summary: "Brings the champion before back", roles: ["admin"]
        ) { routes, call in
            try await routes.desk.registry.rollback(actor: call.author)
            try await routes.desk.reloadModels()
            return try await routes.models()
        },
        FraudRoute(method: .get, path: "/rules", summary: "The rules in force", roles: desk) { routes, _ in
            routes.rules()
        },
        FraudRoute(
            method: .get, path: "/drift", summary: "How far payments have gone from the training data", roles: desk
        ) { routes, _ in try await routes.drift() },
    ]

    private static let cases = [
        FraudRoute(
            method: .get, path: "/cases", summary: "Open cases, the greatest expected loss first", roles: desk
        ) { routes, call in
            let limit = call.items.last { $0.name == "limit" }.flatMap { Int($0.value) }
            return try await routes.desk.cases(limit: limit ?? 50)
        },
        FraudRoute(method: .get, path: "/cases/{id}", summary: "A case with its payments and notes", roles: desk) {
            routes, call in
            guard let text = try await routes.desk.caseText(call.numbers[0]) else { throw FraudRefusal.notFound }
            return text
        },
        FraudRoute(
            method: .post, path: "/cases/{id}/assign",
            summary: "Takes a case that is nobody's; an admin also another's", roles: people
        ) { routes, call in
            try await routes.desk.assign(call.numbers[0], to: call.author, isForced: call.role == "admin")
            return try await routes.desk.caseText(call.numbers[0]) ?? "null"
        },
        FraudRoute(method: .post, path: "/cases/{id}/notes", summary: "Adds a note", roles: people) { routes, call in
            try await routes.desk.note(call.numbers[0], author: call.author, text: call.text("note"))
            return try await routes.desk.caseText(call.numbers[0]) ?? "null"
        },
        FraudRoute(
            method: .post, path: "/cases/{id}/decision",
            summary: "Closes a case and labels its payments; large ones need a second analyst", roles: people
        ) { routes, call in
            guard let isFraud = call.body["fraud"]?.bool else { throw FraudRefusal.invalid("fraud is missing") }
            let end = try await routes.desk.decide(
                case: call.numbers[0], isFraud: isFraud, reason: call.text("reason"), analyst: call.author)
            let answer: JSON = ["case": .integer(call.numbers[0]), "status": .string(end.rawValue)]
            return answer.text
        },
    ]

    private static let lists = [
        FraudRoute(
            method: .post, path: "/lists", summary: "Puts an entity on the list block, allow or watch", roles: people
        ) { routes, call in
            guard let key = call.body["key"]?.integer else { throw FraudRefusal.invalid("key is missing") }
            try await routes.desk.list(
                call.text("list"), entity: call.text("entity"), key: key, reason: call.text("reason"),
                author: call.author, expiresInSeconds: call.body["expires_in_seconds"]?.integer)
            return "{\"listed\":true}"
        },
        FraudRoute(method: .delete, path: "/lists", summary: "Takes an entity off a list", roles: people) {
            routes, call in
            guard let key = call.body["key"]?.integer else { throw FraudRefusal.invalid("key is missing") }
            let was = try await routes.desk.unlist(
                call.text("list"), entity: call.text("entity"), key: key, author: call.author)
            let answer: JSON = ["removed": .bool(was)]
            return answer.text
        },
    ]
}
