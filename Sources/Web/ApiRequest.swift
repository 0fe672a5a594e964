public import HTTPTypes

/// One request as the capabilities see it: below their mount point, with its body whole. No socket, no server type.
public struct ApiRequest: Sendable {
    public var method: HTTPRequest.Method
    /// Below the mount point, percent-encoded, with its leading slash.
    public var path: String
    /// Everything behind the question mark, as it came.
    public var query: String
    public var fields: HTTPFields
    public var body: [UInt8]
    /// The peer's address as the server trusts it: never taken from a header unless a proxy is configured.
    public var remoteAddress: String
    /// Names the request in the log and in errors.
    public var id: String

    public init(
        method: HTTPRequest.Method, path: String, query: String = "", fields: HTTPFields = [:], body: [UInt8] = [],
        remoteAddress: String = "127.0.0.1", id: String = "-"
    ) {
        self.method = method
        self.path = path
        self.query = query
        self.fields = fields
        self.body = body
        self.remoteAddress = remoteAddress
        self.id = id
    }
}

/// The answer to an `ApiRequest`.
public struct ApiResponse: Sendable {
    public var status: HTTPResponse.Status
    public var fields: HTTPFields
    public var body: [UInt8]

    public init(status: HTTPResponse.Status, fields: HTTPFields = [:], body: [UInt8] = []) {
        self.status = status
        self.fields = fields
        self.body = body
    }

    /// A JSON text in UTF-8.
    public static func json(
        _ text: String, status: HTTPResponse.Status = .ok, type: String = MediaType.json
    ) -> ApiResponse {
        ApiResponse(status: status, fields: [.contentType: type], body: Array(text.utf8))
    }
}

/// The types that several capabilities answer with.
public enum MediaType {
    public static let json = "application/json; charset=utf-8"
    public static let html = "text/html; charset=utf-8"
}

/// Who asks: the database role that the request runs as, and the claims that policies read.
public struct Actor: Sendable, Hashable {
    public var role: String
    /// The token's payload as JSON text, given to PostgreSQL as `request.jwt.claims`.
    public var claims: String
    /// The token's `sub`.
    public var subject: String?
    public var sessionID: String?
    /// No token came, or one of the anonymous role.
    public var isAnonymous: Bool

    public init(
        role: String, claims: String, subject: String? = nil, sessionID: String? = nil, isAnonymous: Bool = false
    ) {
        self.role = role
        self.claims = claims
        self.subject = subject
        self.sessionID = sessionID
        self.isAnonymous = isAnonymous
    }
}
