internal import Bank
internal import Diagnostics
internal import HTTPTypes
internal import Postgres
internal import Web

/// A refusal of the bank's API: HTTP status, and the keys that REST answers with too.
struct BankProblem: Fault, Hashable {
    let status: Int
    let code: String
    let message: String
    let hint: String
    var details: JSON = .null
    /// Of 405: what the address takes.
    var allow: String?

    init(_ status: Int, code: String, message: String, hint: String, details: JSON = .null) {
        self.status = status
        self.code = code
        self.message = message
        self.hint = hint
        self.details = details
    }

    var json: JSON {
        ["code": .string(code), "message": .string(message), "details": details, "hint": .string(hint)]
    }

    var response: ApiResponse {
        var response = ApiResponse.json(json.text, status: .init(code: status))
        response.fields[.cacheControl] = "no-store"
        if status == 503 || status == 429 { response.fields[.retryAfter] = "1" }
        if let allow { response.fields[.allow] = allow }
        return response
    }
}

/// The one table that turns refusals of the database into HTTP.
enum ProblemTable {
    /// By SQLSTATE of the ledger; docs/reference/bank-api.md has the same table.
    static let statuses: [String: Int] = [
        "LV001": 422, "LV002": 422, "LV003": 409, "LV004": 409, "LV005": 422, "LV006": 422, "LV007": 409, "LV008": 503,
        "LV009": 422, "LV010": 422, "LV011": 403, "LV012": 404, "LV013": 409, "LV014": 422, "LV015": 409, "LV016": 422,
        "LV017": 503, "LV018": 422, "LV019": 422, "LV020": 422, "LV021": 422, "LV022": 409, "LV023": 503, "LV024": 403,
        "LV025": 403, "LV026": 409, "LV027": 409, "LV028": 409, "LV029": 409, "LV030": 409,
    ]

    static func problem(_ error: any Error) -> BankProblem {
        switch error {
        case let error as BankProblem: return error
        case let error as LedgerError:
            let details = error.detail.flatMap { try? JSONReader.read($0) } ?? .null
            return BankProblem(
                statuses[error.sqlState] ?? 422, code: error.code, message: error.message, hint: error.hint,
                details: details)
        case let error as PostgresError:
            if let refusal = LedgerError(error) { return problem(refusal) }
            return problem(of: error)
        default: return unexpected
        }
    }

    private static func problem(of error: PostgresError) -> BankProblem {
        switch error.kind {
        case .connect, .connectionLost, .poolExhausted, .closed, .cancelled, .statementTimeout: return unavailable
        case .encoding:
            return BankProblem(
                422, code: "text_invalid", message: "a text holds a zero byte",
                hint: "Send texts without control characters.")
        case .server:
            switch error.sqlState?.prefix(2) {
            case "40", "53", "55", "57", "08": return unavailable
            case "42" where error.sqlState == "42501":
                return BankProblem(
                    403, code: "forbidden", message: "the token's role may not do this",
                    hint: "Sign in as a client of the bank.")
            case "22":
                return BankProblem(
                    422, code: "value_invalid", message: "a value is out of the range that the bank keeps",
                    hint: "Check dates and numbers.")
            default: return unexpected
            }
        case .decoding, .misuse: return unexpected
        }
    }

    static let unavailable = BankProblem(
        503, code: "database_unavailable", message: "the bank's database did not answer in time",
        hint: "Send the request again with the same key: nothing happens twice.")

    static let unexpected = BankProblem(
        500, code: "unexpected", message: "an unexpected error", hint: "Tell the bank the request's X-Request-Id.")
}
