internal import HTTPTypes
public import Postgres
internal import Web

/// A write that is done once, however often it is sent.
///
/// Key, write and answer are one transaction: either all of it stays, or nothing does and the same key may try again.
struct KeyedWrite: Sendable {
    let database: Database
    let key: IdempotencyKey
    let isolation: IsolationLevel

    static let bodyMax = 1 << 20
    /// Tries of a write that another one made fail (`40001`, `40P01`): only a keyed one may be sent again by us.
    static let attemptsMax = 8

    private struct Replay: Error { let response: ApiResponse }

    func respond(_ work: @Sendable (Transaction) async throws -> ApiResponse) async throws -> ApiResponse {
        var attempt = 1
        while true {
            do {
                return try await once(work)
            } catch let replay as Replay {
                return replay.response
            } catch  where attempt < Self.attemptsMax && Self.isRepeatable(error) {
                attempt += 1
                try await Task.sleep(for: .milliseconds(Int.random(in: 5...(20 << min(attempt, 5)))))
            }
        }
    }

    private func once(_ work: @Sendable (Transaction) async throws -> ApiResponse) async throws -> ApiResponse {
        try await database.transaction(isolation: isolation) { tx in
            let store = AnswerStore(database: tx)
            let claim: AnswerStore.Claim
            do {
                claim = try await store.claim(key)
            } catch let error as PostgresError where error.sqlState == "55P03" {
                throw Self.busy
            }
            switch claim {
            case .new: break
            case .known(let answer): throw Replay(response: answer.response)
            case .gone: throw Self.busy
            case .full:
                var error = RestError(
                    "DBR006", 429, "too many answers are kept for this caller",
                    hint: "They are forgotten after 24 hours; ask for less with Prefer: return=minimal.")
                error.headers["Retry-After"] = "3600"
                throw error
            case .other:
                throw RestError(
                    "DBR003", 422, "this Idempotency-Key was used for another request",
                    hint: "Use a fresh key for each request, and the same key only to repeat it unchanged.")
            }
            let response = try await work(tx)
            guard response.body.count <= Self.bodyMax else {
                throw RestError(
                    "DBR005", 413, "the answer is larger than the \(Self.bodyMax) bytes that are kept for a key",
                    hint: "Ask for less with select= or Prefer: return=minimal; nothing was changed.")
            }
            try await store.keep(AnswerStore.KeptAnswer(response), for: key)
            return response
        }
    }

    private static func isRepeatable(_ error: any Error) -> Bool {
        switch error {
        case let error as PostgresError: ["40001", "40P01"].contains(error.sqlState)
        case let failure as BatchFailure: isRepeatable(failure.cause)
        default: false
        }
    }

    private static var busy: RestError {
        var error = RestError(
            "DBR004", 409, "a request with this Idempotency-Key is under way",
            hint: "Wait a moment and send it again: it is then answered with what the first one did.")
        error.headers["Retry-After"] = "1"
        return error
    }
}

extension AnswerStore.KeptAnswer {
    init(_ response: ApiResponse) {
        status = response.status.code
        let members = response.fields.map { JSON.Member($0.name.rawName, .string($0.value)) }
        fields = JSON.object(members).text
        body = response.body
    }

    var response: ApiResponse {
        var response = ApiResponse(status: .init(code: status), body: body)
        for member in (try? JSONReader.read(fields))?.members ?? [] {
            guard let name = HTTPField.Name(member.name), let value = member.value.string else { continue }
            response.fields[name] = value
        }
        response.fields[.idempotencyReplayed] = "true"
        return response
    }
}

/// Forgets answers after their day.
public struct AnswerCleaner: Sendable {
    let database: Database
    let every: Duration
    static let rowsMax = 5_000

    /// - Parameter database: logs in as whoever owns the schema `api`.
    public init(database: Database, every: Duration = .seconds(600)) {
        self.database = database
        self.every = every
    }

    /// Until it is cancelled. What fails is tried again at the next turn: the table only grows meanwhile.
    public func run() async throws {
        while !Task.isCancelled {
            while let count = try? await clean(), count == Self.rowsMax {}
            try? await Task.sleep(for: every)
        }
    }

    /// One bounded step; the number of answers that were forgotten.
    @discardableResult
    public func clean() async throws -> Int {
        Int(try await AnswerStore(database: database).forget(most: Self.rowsMax))
    }
}
