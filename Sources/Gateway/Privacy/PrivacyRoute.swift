internal import Foundation
internal import HTTPTypes
internal import Privacy
internal import Web

/// One address of the desk. `*` stands for one part of the path.
struct PrivacyRoute: Sendable {
    enum Right: Sendable { case client, clientStrong, admin, adminStrong }

    let method: HTTPRequest.Method
    let path: [String]
    let right: Right
    let run: @Sendable (PrivacyRoutes, PrivacyCall) async throws -> ApiResponse

    init(
        _ method: HTTPRequest.Method, _ path: String, _ right: Right,
        _ run: @escaping @Sendable (PrivacyRoutes, PrivacyCall) async throws -> ApiResponse
    ) {
        self.method = method
        self.path = path.split(separator: "/").map(String.init)
        self.right = right
        self.run = run
    }

    func matches(_ call: PrivacyCall) -> Bool {
        method == call.method && path.count == call.parts.count
            && zip(path, call.parts).allSatisfy { $0 == "*" || $0 == $1 }
    }

    static let all: [PrivacyRoute] = own + people + admin + incidents

    private static let done = ApiResponse.json("{\"done\":true}")

    /// A client's own data.
    private static let own = [
        PrivacyRoute(.get, "/me/access", .client) { routes, call in
            try await routes.dossier(
                try await routes.desk.access(try await routes.client(call), by: call.requester(.client)), call)
        },
        PrivacyRoute(.get, "/me/portability", .client) { routes, call in
            try await routes.dossier(
                try await routes.desk.access(
                    try await routes.client(call), kind: "portability", by: call.requester(.client)), call)
        },
        PrivacyRoute(.get, "/me/requests", .client) { routes, call in
            .json(try await routes.desk.requests(of: try await routes.client(call)))
        },
        PrivacyRoute(.post, "/me/requests", .client) { routes, call in
            let id = try await routes.desk.file(
                try await routes.client(call), kind: call.text("kind"), reason: call.body["reason"]?.string ?? "",
                by: call.requester(.client))
            return .json("{\"id\":\"\(id.uuidString.lowercased())\"}", status: .created)
        },
        PrivacyRoute(.post, "/me/rectifications", .clientStrong) { routes, call in
            try await routes.desk.rectify(
                try await routes.client(call), field: call.text("field"), to: call.text("value"),
                reason: call.text("reason"), by: call.requester(.client))
            return done
        },
        PrivacyRoute(.get, "/me/consents", .client) { routes, call in
            .json(try await routes.desk.consents(of: try await routes.client(call)))
        },
        PrivacyRoute(.post, "/me/consents", .client) { routes, call in
            guard let isGiven = call.body["given"]?.bool else { throw PrivacyRefusal.invalid("given is missing") }
            try await routes.desk.consent(
                try await routes.client(call), purpose: call.text("purpose"), isGiven: isGiven,
                version: call.text("version"), text: call.body["text"]?.string ?? "", by: call.requester(.client))
            return done
        },
        PrivacyRoute(.post, "/me/objections", .client) { routes, call in
            try await routes.desk.object(
                try await routes.client(call), purpose: call.text("purpose"), reason: call.body["reason"]?.string,
                by: call.requester(.client))
            return done
        },
        PrivacyRoute(.post, "/me/restrictions", .client) { routes, call in
            try await routes.desk.restrict(
                try await routes.client(call), ground: call.text("ground"), reason: call.text("reason"),
                by: call.requester(.client))
            return done
        },
        PrivacyRoute(.get, "/me/readers", .client) { routes, call in
            .json(try await routes.desk.readers(of: try await routes.client(call)))
        },
        PrivacyRoute(.post, "/me/erasure", .clientStrong) { routes, call in
            try routes.proof(
                try await routes.desk.erase(try await routes.client(call), proof: nil, by: call.requester(.client)))
        },
    ]

    /// An admin on a client's behalf, with the client's identity proved.
    private static let people = [
        // A POST: what proves an identity stands in no address.
        PrivacyRoute(.post, "/clients/*/access", .adminStrong) { routes, call in
            let client = try await routes.desk.client(call.parts[1])
            let reason = try call.text("reason")
            guard (10...500).contains(reason.count) else {
                throw PrivacyRefusal.invalid("reason has 10 to 500 characters")
            }
            guard
                routes.desk.reads.note(
                    reader: call.requester(.admin).name, client: client, fields: ["*"], reason: reason)
            else { throw PrivacyRefusal.invalid("too many reads wait for the journal") }
            try await routes.desk.reads.flush()
            return try await routes.dossier(
                try await routes.desk.access(client, proof: try call.proof(), by: call.requester(.admin)), call)
        },
        PrivacyRoute(.post, "/clients/*/erasure", .adminStrong) { routes, call in
            try routes.proof(
                try await routes.desk.erase(
                    try await routes.desk.client(call.parts[1]), proof: try call.proof(), by: call.requester(.admin)))
        },
        PrivacyRoute(.post, "/clients/*/rectifications", .adminStrong) { routes, call in
            try await routes.desk.rectify(
                try await routes.desk.client(call.parts[1]), field: call.text("field"), to: call.text("value"),
                reason: call.text("reason"), proof: try call.proof(), by: call.requester(.admin))
            return done
        },
        PrivacyRoute(.post, "/clients/*/restrictions", .admin) { routes, call in
            try await routes.desk.restrict(
                try await routes.desk.client(call.parts[1]), ground: call.text("ground"), reason: call.text("reason"),
                by: call.requester(.admin))
            return done
        },
        PrivacyRoute(.delete, "/clients/*/restrictions", .admin) { routes, call in
            let was = try await routes.desk.liftRestriction(
                of: try await routes.desk.client(call.parts[1]), by: call.requester(.admin))
            return .json("{\"removed\":\(was)}")
        },
        PrivacyRoute(.post, "/clients/*/holds", .admin) { routes, call in
            let id = try await routes.desk.hold(
                try await routes.desk.client(call.parts[1]), kind: call.text("kind"), reason: call.text("reason"),
                until: call.body["until"]?.string, by: call.requester(.admin))
            return .json("{\"id\":\"\(id.uuidString.lowercased())\"}", status: .created)
        },
        PrivacyRoute(.delete, "/holds/*", .admin) { routes, call in
            try await routes.desk.liftHold(call.id(1), by: call.requester(.admin))
            return done
        },
    ]

    private static let admin = [
        PrivacyRoute(.get, "/requests", .admin) { routes, _ in .json(try await routes.desk.requests()) },
        PrivacyRoute(.post, "/requests/*/answer", .admin) { routes, call in
            guard let isDone = call.body["done"]?.bool else { throw PrivacyRefusal.invalid("done is missing") }
            try await routes.desk.answer(
                call.id(1), isDone: isDone, note: call.text("note"), by: call.requester(.admin))
            return done
        },
        PrivacyRoute(.post, "/requests/*/extend", .admin) { routes, call in
            try await routes.desk.extend(call.id(1), because: call.text("reason"), by: call.requester(.admin))
            return done
        },
        PrivacyRoute(.get, "/register", .admin) { routes, call in
            let register = try await routes.desk.register()
            switch call.item("format") {
            case nil, "json": return .json(register.json.text)
            case "csv":
                return ApiResponse(
                    status: .ok, fields: [.contentType: "text/csv; charset=utf-8"], body: Array(register.csv.utf8))
            case "html":
                return ApiResponse(status: .ok, fields: [.contentType: MediaType.html], body: Array(register.html.utf8))
            case "ods":
                return ApiResponse(
                    status: .ok, fields: [.contentType: OpenSheet.mediaType], body: register.ods)
            default: throw PrivacyRefusal.invalid("format is json, csv, ods or html")
            }
        },
        PrivacyRoute(.get, "/providers", .admin) { routes, _ in .json(try await routes.desk.providers().text) },
        PrivacyRoute(.get, "/assessment", .admin) { routes, _ in
            ApiResponse(
                status: .ok, fields: [.contentType: MediaType.html],
                body: Array(try await routes.desk.impactAssessment().text.utf8))
        },
        PrivacyRoute(.get, "/overdue", .admin) { routes, _ in
            let overdue = try await routes.desk.overdue().sorted { $0.key < $1.key }
            return .json(JSON.object(overdue.map { .init($0.key, .integer($0.value)) }).text)
        },
        PrivacyRoute(.get, "/closings", .admin) { routes, _ in .json(try await routes.desk.closings()) },
        PrivacyRoute(.post, "/closings/*", .adminStrong) { routes, call in
            guard let account = Int64(call.parts[1]) else { throw PrivacyRefusal.invalid("an account is a number") }
            try await routes.desk.stateClosing(
                account: account, on: call.text("day"), reason: call.text("reason"), by: call.requester(.admin))
            return done
        },
        PrivacyRoute(.post, "/glass", .adminStrong) { routes, call in
            let id = try await routes.desk.askGlass(
                purpose: call.text("purpose"), reason: call.text("reason"), by: call.requester(.admin))
            return .json("{\"id\":\"\(id.uuidString.lowercased())\"}", status: .created)
        },
        PrivacyRoute(.post, "/glass/*/approve", .adminStrong) { routes, call in
            try await routes.desk.approveGlass(call.id(1), by: call.requester(.admin))
            return done
        },
        PrivacyRoute(.post, "/glass/*/reveal", .adminStrong) { routes, call in
            let value = try await routes.desk.reveal(
                token: call.text("token"), glass: call.id(1), by: call.requester(.admin))
            return .json(JSON.object([.init("value", value.map { .string($0) } ?? .null)]).text)
        },
    ]

    private static let incidents = [
        PrivacyRoute(.get, "/incidents", .admin) { routes, _ in .json(try await routes.desk.incidents()) },
        PrivacyRoute(.get, "/breaches", .admin) { routes, _ in .json(try await routes.desk.breaches()) },
        PrivacyRoute(.post, "/incidents", .admin) { routes, call in
            guard let facts = call.body["facts"] else { throw PrivacyRefusal.invalid("facts is missing") }
            let reference = try await routes.desk.openIncident(
                try IncidentFacts(facts), titleFr: call.text("title_fr"), titleEn: call.text("title_en"),
                by: call.requester(.admin))
            return .json("{\"reference\":\"\(reference)\"}", status: .created)
        },
        PrivacyRoute(.get, "/incidents/*/changes", .admin) { routes, call in
            .json(try await routes.desk.incidentChanges(call.parts[1]))
        },
        PrivacyRoute(.post, "/incidents/*/facts", .admin) { routes, call in
            guard let facts = call.body["facts"] else { throw PrivacyRefusal.invalid("facts is missing") }
            let verdict = try await routes.desk.updateIncident(call.parts[1], facts: facts, by: call.requester(.admin))
            return .json("{\"major\":\(verdict.isMajor),\"breach\":\(verdict.isBreach)}")
        },
        PrivacyRoute(.post, "/incidents/*/close", .admin) { routes, call in
            try await routes.desk.closeIncident(
                call.parts[1], note: call.text("note"), resolvedAt: call.body["resolved_at"]?.string,
                isFalseAlarm: call.body["false_alarm"]?.bool ?? false, by: call.requester(.admin))
            return done
        },
        PrivacyRoute(.post, "/incidents/*/reports", .admin) { routes, call in
            let kind = try routes.kind(call)
            return .json(
                try await routes.desk.report(call.parts[1], kind: kind, by: call.requester(.admin)).jsonText)
        },
        PrivacyRoute(.post, "/incidents/*/sent", .admin) { routes, call in
            let kind = try routes.kind(call)
            try await routes.desk.markSent(call.parts[1], kind: kind, by: call.requester(.admin))
            return done
        },
    ]
}
