public import Diagnostics
public import Postgres
public import Web
internal import HTTPTypes

/// What the REST layer refuses, in PostgREST's words and codes, so that clients written for it understand.
public struct RestError: Fault, Hashable {
    public let code: String
    public let message: String
    public var details: String?
    public var serverHint: String?
    public let status: Int
    /// Sent with the answer: `WWW-Authenticate`, `Retry-After`.
    public var headers: [String: String] = [:]

    public init(
        _ code: String, _ status: Int, _ message: String, details: String? = nil, hint: String? = nil
    ) {
        self.code = code
        self.status = status
        self.message = message
        self.details = details
        serverHint = hint
    }

    public var hint: String { serverHint ?? details ?? "See docs/reference/rest.md for code \(code)." }

    public var response: ApiResponse {
        let body: JSON = [
            "code": .string(code), "details": details.map(JSON.string) ?? .null,
            "hint": serverHint.map(JSON.string) ?? .null, "message": .string(message),
        ]
        var response = ApiResponse.json(body.text, status: .init(code: status))
        for (name, value) in headers {
            if let name = HTTPField.Name(name) { response.fields[name] = value }
        }
        if let name = HTTPField.Name("Proxy-Status") {
            response.fields[name] = "DigitalBank; error=\(code)"
        }
        return response
    }

    /// A request line that no grammar fits.
    static func parse(_ what: String, _ text: String, at offset: Int) -> RestError {
        RestError(
            "PGRST100", 400, "\"failed to parse \(what) (\(text))\" (line 1, column \(offset + 1))",
            details: "unexpected character or end of the text at column \(offset + 1)")
    }
}

extension RestError {
    /// PostgreSQL's report with PostgREST's status for its SQLSTATE.
    ///
    /// `showsDetail`: a failing row's values go only to roles that may see them.
    public init(_ error: PostgresError, isAnonymous: Bool, showsDetail: Bool = true) {
        switch error.kind {
        case .server:
            let state = error.sqlState ?? "XX000"
            self.init(
                state, Self.status(of: state, message: error.message, isAnonymous: isAnonymous), error.message,
                details: showsDetail ? error.detail : nil, hint: error.serverHint)
            if status == 401 { headers["WWW-Authenticate"] = "Bearer" }
            if status == 503 { headers["Retry-After"] = "1" }
        case .connect, .connectionLost, .closed:
            self.init("PGRST001", 503, "the database is not reached; try again")
            headers["Retry-After"] = "1"
        case .poolExhausted:
            self.init("PGRST003", 503, "no connection to the database became free in time; try again")
            headers["Retry-After"] = "1"
        case .statementTimeout:
            self.init("57014", 500, "canceling statement due to statement timeout")
        case .cancelled:
            self.init("PGRST001", 503, "the request was given up")
        case .encoding, .decoding, .misuse:
            self.init("22021", 400, error.message)
        }
    }

    private static func status(of state: String, message: String, isAnonymous: Bool) -> Int {
        if state.hasPrefix("PT"), let status = Int(state.dropFirst(2)), (200...599).contains(status) { return status }
        switch state {
        case "23503", "23505": return 409
        case "25006": return 405
        case "21000": return message.contains("requires a WHERE clause") ? 400 : 500
        case "22023": return message.hasPrefix("role \"") ? 401 : 400
        case "42883": return message.hasPrefix("function xmlagg(") ? 406 : 404
        case "42P01": return 404
        case "42P17": return 500
        case "42501": return isAnonymous ? 401 : 403
        case "P0001": return 400
        case "57P01": return 503
        default: break
        }
        switch state.prefix(2) {
        case "08", "53": return 503
        case "09", "2D", "38", "39", "3B", "40", "54", "55", "57", "58", "F0", "HV", "P0", "XX": return 500
        case "0L", "0P", "28": return 403
        case "25": return 500
        default: return 400
        }
    }
}
