internal import HTTPTypes
public import Web

/// What an answer that went well showed to whom.
public struct NotedAnswer: Sendable {
    public let request: ApiRequest
    public let actor: Actor
    /// Its `Content-Range`.
    public let range: String?
    /// The schema that was asked for.
    public let schema: String?

    /// Nil for an answer that shows nothing.
    public init?(_ request: ApiRequest, _ actor: Actor, _ response: ApiResponse) {
        guard response.status.kind == .successful, !response.body.isEmpty else { return nil }
        self.request = request
        self.actor = actor
        range = response.fields[.contentRange]
        let isReading = request.method == .get || request.method == .head
        schema = (isReading ? Self.accepted : Self.given).flatMap { request.fields[$0] }
    }

    private static let accepted = HTTPField.Name("Accept-Profile")
    private static let given = HTTPField.Name("Content-Profile")
}

extension Mount {
    /// The same mount; each answer that went well is told to `note`. What it does has to be cheap: it stands on the way of
    /// every read.
    public func noting(_ note: @escaping @Sendable (NotedAnswer) -> Void) -> Mount {
        @Sendable func tell(_ request: ApiRequest, _ actor: Actor, _ response: ApiResponse) {
            if let noted = NotedAnswer(request, actor, response) { note(noted) }
        }
        var wrapped: Quick?
        if let quick {
            wrapped = { request, actor, lane, executor, then in
                let tellAndThen: @Sendable (ApiResponse) -> Void = { response in
                    tell(request, actor, response)
                    then(response)
                }
                return quick(request, actor, lane, executor, tellAndThen)
            }
        }
        return Mount(
            prefix, needsToken: needsToken, bodyBytesMax: bodyBytesMax, quick: wrapped, lane: lane
        ) { [handle] request, actor in
            let response = await handle(request, actor)
            if let actor { tell(request, actor, response) }
            return response
        }
    }
}
