internal import HTTPTypes
internal import Postgres
internal import Web

/// An answer whose changes were taken back, as was asked.
struct TakenBack: Error {
    let response: ApiResponse
}

/// The request that made a batch fail.
struct BatchFailure: Error {
    let cause: any Error
    let response: ApiResponse
}

/// `POST /batch`: ordered requests in one transaction under the caller's role.
struct BatchHandler: Sendable {
    let service: RestService
    let context: RequestContext
    let carrier: Carrier

    static let answersMax = 8 << 20

    func respond() async throws -> ApiResponse {
        guard context.request.method == .post else {
            throw RestError("PGRST117", 405, "Unsupported HTTP method: \(context.request.method.rawValue)")
        }
        guard context.contentType.hasSuffix("json") else {
            throw RestError("PGRST102", 400, "Content-Type not acceptable: \(context.contentType)")
        }
        let batch = try BatchRequest.read(context.request.body)
        let isolation = context.roleSettings.isolation ?? .readCommitted
        return try await carrier.undoable(isolation: isolation) { tx in
            let answers = try await run(batch, in: tx)
            guard batch.isDryRun || context.rollsBack else { return response(answers, isKept: true) }
            // Constraints that wait for the end are asked now: there will be no end.
            try await tx.run("set constraints all immediate")
            throw TakenBack(response: response(answers, isKept: false))
        }
    }

    private func run(_ batch: BatchRequest, in tx: Transaction) async throws -> [JSON] {
        var answers: [JSON] = []
        var known: [String: JSON] = [:]
        var size = 0
        for (index, item) in batch.items.enumerated() {
            var answer: ApiResponse
            do {
                let request = try item.request(of: context.request, answers: known)
                answer = try await service.part(request, context, tx)
                size += answer.body.count
                guard size <= Self.answersMax else {
                    throw RestError("DBR010", 413, "the answers of the batch are larger than 8 MiB together")
                }
                known[item.id] = Self.value(of: answer)
            } catch {
                let refusal = service.refusal(error, context.actor)
                guard batch.continues, Self.isOwn(error), size <= Self.answersMax else {
                    throw BatchFailure(cause: error, response: Self.failed(item.id, index, refusal))
                }
                answer = refusal
            }
            answers.append(Self.shown(item.id, answer))
        }
        return answers
    }

    /// Whether the others can go on without the one that failed.
    private static func isOwn(_ error: any Error) -> Bool {
        switch error {
        case is RestError: true
        case let error as PostgresError: error.kind == .server || error.kind == .statementTimeout
        default: false
        }
    }

    // MARK: Answers

    private static func body(of answer: ApiResponse) -> JSON {
        guard !answer.body.isEmpty else { return .null }
        if answer.fields[.contentType]?.contains("json") == true, let json = try? JSONReader.read(answer.body) {
            return json
        }
        return .string(String(decoding: answer.body, as: UTF8.self))
    }

    /// What references see.
    private static func value(of answer: ApiResponse) -> JSON {
        ["status": .integer(answer.status.code), "body": body(of: answer)]
    }

    private static func shown(_ id: String, _ answer: ApiResponse) -> JSON {
        let headers = answer.fields.map { JSON.Member($0.name.canonicalName, .string($0.value)) }
        return [
            "id": .string(id), "status": .integer(answer.status.code), "headers": .object(headers),
            "body": body(of: answer),
        ]
    }

    private func response(_ answers: [JSON], isKept: Bool) -> ApiResponse {
        let body: JSON = ["dry_run": .bool(!isKept), "committed": .bool(isKept), "responses": .array(answers)]
        var response = ApiResponse.json(body.text)
        if !isKept { response.fields[.preferenceApplied] = "tx=rollback" }
        return response
    }

    /// The refusal of one request as that of all, which says whose it is.
    private static func failed(_ id: String, _ index: Int, _ refusal: ApiResponse) -> ApiResponse {
        var response = refusal
        let place: JSON = ["id": .string(id), "index": .integer(index), "rolled_back": true]
        var members = body(of: refusal).members ?? [.init("message", body(of: refusal))]
        members.append(.init("batch", place))
        response.body = Array(JSON.object(members).text.utf8)
        return response
    }
}
