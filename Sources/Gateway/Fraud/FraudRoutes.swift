internal import Foundation
public import Fraud
internal import HTTPTypes
public import Web

/// `/fraud/v1`: decodes, calls the desk, encodes.
public struct FraudRoutes: Sendable {
    public static let batchMax = 10_000
    static let parallelMax = 4

    let desk: FraudDesk
    /// Microseconds since 1970.
    let clock: @Sendable () -> Int64
    /// Where a column stands in the model's rows.
    let columnPlaces: [String: Int]

    public init(desk: FraudDesk, clock: @escaping @Sendable () -> Int64) {
        self.desk = desk
        columnPlaces = Dictionary(desk.plan.names.enumerated().map { ($1, $0) }) { first, _ in first }
        self.clock = clock
    }

    /// The desk; the document that describes it and its health need no token.
    public var mounts: [Mount] {
        [
            Mount("/fraud/v1") { request, actor in
                guard let actor else {
                    return TokenRefusal(code: "PGRST302", message: "Anonymous access is disabled").response
                }
                return await handle(request, actor: actor)
            },
            Mount("/fraud/v1/openapi.json", needsToken: false) { _, _ in .json(FraudDocument.text) },
            Mount("/fraud/v1/health", needsToken: false) { _, _ in
                let answer: JSON = ["status": "ok", "model": desk.current.champion.map { .integer($0.id) } ?? .null]
                return .json(answer.text)
            },
        ]
    }

    /// The OpenAPI document.
    public static var document: String { FraudDocument.text }

    /// Answers one request; what is refused is an answer too.
    public func handle(_ request: ApiRequest, actor: Actor) async -> ApiResponse {
        do {
            let call = try FraudCall(request, actor)
            let route = try FraudRoute.find(call)
            guard route.roles.contains(call.role) else { throw FraudRefusal.forbidden(call.role) }
            let answer = try await route.run(self, call)
            var response = ApiResponse.json(answer)
            response.fields[.cacheControl] = "no-store"
            return response
        } catch {
            return FraudRefusal.response(error)
        }
    }

    func score(_ call: FraudCall) async throws -> String {
        if let list = call.body.array {
            guard (1...Self.batchMax).contains(list.count) else {
                throw FraudRefusal.invalid("a batch has 1 to \(Self.batchMax) payments")
            }
            let requests = try list.map { try payment($0) }
            return JSON.array(try await decide(requests)).text
        }
        return DecisionJSON.decision(try await desk.decide(payment(call.body))).text
    }

    /// Each payment in a transaction of its own, some at a time; answers in the order of the questions.
    private func decide(_ requests: [PaymentRequest]) async throws -> [JSON] {
        try await withThrowingTaskGroup(of: (Int, JSON).self) { group in
            var answers = [JSON](repeating: .null, count: requests.count)
            var next = 0
            func start() {
                let index = next
                let request = requests[index]
                next += 1
                group.addTask { (index, DecisionJSON.decision(try await desk.decide(request))) }
            }
            while next < min(Self.parallelMax, requests.count) { start() }
            while let (index, answer) = try await group.next() {
                answers[index] = answer
                if next < requests.count { start() }
            }
            return answers
        }
    }

    private func payment(_ json: JSON) throws -> PaymentRequest {
        let known = ["payment", "key", "time_us", "amount_minor", "entities"]
        if let unknown = json.members?.first(where: { !known.contains($0.name) }) {
            throw FraudRefusal.invalid("\(unknown.name) is no part of a payment")
        }
        guard let payment = json["payment"]?.integer, let minor = json["amount_minor"]?.integer,
            let members = json["entities"]?.members
        else { throw FraudRefusal.invalid("a payment needs payment, amount_minor and entities") }
        var entities: [String: Int64] = [:]
        for member in members {
            switch member.value {
            case .string(let name): entities[member.name] = PaymentRequest.number(of: name)
            default:
                guard let number = member.value.integer else {
                    throw FraudRefusal.invalid("\(member.name) is neither a number nor a name")
                }
                entities[member.name] = number
            }
        }
        return PaymentRequest(
            payment: payment, key: json["key"]?.string ?? "payment \(payment)",
            time: json["time_us"]?.integer ?? clock(), minor: minor, entities: entities,
            keepsTime: json["time_us"] != nil)
    }

    func feedback(_ call: FraudCall) async throws -> String {
        guard let payment = call.body["payment"]?.integer, let isFraud = call.body["fraud"]?.bool else {
            throw FraudRefusal.invalid("feedback needs payment and fraud")
        }
        // A client's word comes through the bank's own service; an analyst speaks for themselves.
        let source: LabelSource
        switch call.body["source"]?.string {
        case nil: source = call.role == "service_role" ? .client : .analyst
        case "client"? where call.role == "service_role": source = .client
        case "dispute"? where call.role == "service_role": source = .dispute
        case "analyst"? where call.role != "service_role": source = .analyst
        default: throw FraudRefusal.invalid("this source is not yours to speak for")
        }
        guard source == .analyst else {
            let counts = try await desk.label(payment, isFraud: isFraud, source: source, author: call.author)
            return Self.feedback(payment, counts ? .counted : .overruled)
        }
        return Self.feedback(payment, try await desk.judge(payment, isFraud: isFraud, analyst: call.author))
    }

    private static func feedback(_ payment: Int64, _ end: FraudDesk.LabelEnd) -> String {
        let answer: JSON = [
            "payment": .integer(payment), "counts": .bool(end == .counted), "status": .string(end.rawValue),
        ]
        return answer.text
    }

    func explain(_ call: FraudCall) async throws -> String {
        guard let payment = call.numbers.first ?? call.body["payment"]?.integer else {
            throw FraudRefusal.invalid("which payment")
        }
        let reasons = try await desk.explain(payment)
        let answer: JSON = ["payment": .integer(payment), "reasons": DecisionJSON.reasons(reasons)]
        return answer.text
    }

    func models() async throws -> String {
        let entries = try await desk.registry.list()
        let list: [JSON] = try entries.map { entry in
            [
                "id": .integer(entry.id), "status": .string(entry.status), "sha256": .string(entry.fingerprint),
                "figures": try JSONReader.read(entry.figures), "created_at": .string(entry.createdAt),
                "promoted_at": entry.promotedAt.map { .string($0) } ?? .null,
            ]
        }
        return JSON.array(list).text
    }

    func rules() -> String {
        let book = desk.current.rules
        let rules: [JSON] = book.rules.map { rule in
            [
                "name": .string(rule.name), "verdict": .string(rule.verdict.rawValue), "shadow": .bool(rule.isShadow),
                "fr": .string(rule.french), "en": .string(rule.english),
            ]
        }
        let answer: JSON = ["version": .string(book.version), "rules": .array(rules)]
        return answer.text
    }

    func drift() async throws -> String {
        let found: [JSON] = try await desk.drift().map { column in
            [
                "column": .string(column.name), "psi": .number(String(format: "%.4f", column.index)),
                "alarm": .bool(column.index > DriftProfile.alarm),
            ]
        }
        let control = try await desk.controlGroup()
        let answer: JSON = [
            "columns": .array(found), "control_judged": .integer(control.judged),
            "control_genuine": .integer(control.genuine),
            "fallbacks": .object(
                desk.fallbackCounts.sorted { $0.key.rawValue < $1.key.rawValue }
                    .map { JSON.Member($0.key.rawValue, .integer($0.value)) }),
        ]
        return answer.text
    }
}
