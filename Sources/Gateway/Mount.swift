internal import HTTPTypes
public import Postgres
public import Web

/// A capability under a path: what is below the path is its own business.
public struct Mount: Sendable {
    /// Begins with a slash and ends without one: `/rest/v1`; empty is everything that nobody else has.
    let prefix: String
    /// Whether a request must bring a token that can be read.
    let needsToken: Bool
    /// Of a request's body; nil: as much as the server takes.
    let bodyBytesMax: Int?
    let quick: Quick?
    /// What lanes for its quick answers connect with; nil: it has none.
    let lane: DatabaseConfiguration?
    let handle: @Sendable (ApiRequest, Actor?) async -> ApiResponse

    /// Answers a GET without a task, or does nothing and gives nil: then `handle` is asked. Work that is more than a few
    /// microseconds goes through the executor it is given; `then` is called once. The lane is the calling thread's own.
    ///
    /// - Returns: cancels the answer when nobody waits for it any more.
    public typealias Quick =
        @Sendable (
            _ request: ApiRequest, _ actor: Actor, _ lane: (any FlightLane)?,
            _ executor: @escaping @Sendable (@escaping @Sendable () -> Void) -> Void,
            _ then: @escaping @Sendable (ApiResponse) -> Void
        ) -> (@Sendable () -> Void)?

    public init(
        _ prefix: String, needsToken: Bool = true, bodyBytesMax: Int? = nil, quick: Quick? = nil,
        lane: DatabaseConfiguration? = nil,
        _ handle: @escaping @Sendable (ApiRequest, Actor?) async -> ApiResponse
    ) {
        self.prefix = prefix
        self.needsToken = needsToken
        self.bodyBytesMax = bodyBytesMax
        self.quick = quick
        self.lane = lane
        self.handle = handle
    }

    /// The path below the mount; nil when it is another's.
    func rest(of path: Substring) -> String? {
        guard path.hasPrefix(prefix) else { return nil }
        let rest = path.dropFirst(prefix.count)
        guard rest.isEmpty || rest.hasPrefix("/") else { return nil }
        return rest.isEmpty ? "/" : String(rest)
    }
}

/// Why a token is not taken.
public struct TokenRefusal: Error, Hashable, Sendable {
    public let code: String
    public let message: String

    public init(code: String, message: String) {
        self.code = code
        self.message = message
    }

    public var response: ApiResponse {
        let body: JSON = ["code": .string(code), "details": .null, "hint": .null, "message": .string(message)]
        var response = ApiResponse.json(body.text, status: .unauthorized)
        response.fields[.wwwAuthenticate] = "Bearer error=\"invalid_token\", error_description=\"\(message)\""
        return response
    }
}

/// Reads a token: who asks, or why it is refused.
public typealias TokenCheck = @Sendable (String) -> Result<Actor, TokenRefusal>
