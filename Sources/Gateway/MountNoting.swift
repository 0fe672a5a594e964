internal import HTTPTypes
public import Web

extension Mount {
    /// The same mount; each answer that went well is told to `note`, with its `Content-Range` and the schema that was asked
    /// for. What it does has to be cheap: it stands on the way of every read.
    public func noting(
        _ note: @escaping @Sendable (_ request: ApiRequest, _ actor: Actor, _ range: String?, _ schema: String?) -> Void
    ) -> Mount {
        @Sendable func tell(_ request: ApiRequest, _ actor: Actor, _ response: ApiResponse) {
            guard response.status.kind == .successful, !response.body.isEmpty else { return }
            note(request, actor, response.fields[.contentRange], Self.profile.flatMap { request.fields[$0] })
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

    private static let profile = HTTPField.Name("Accept-Profile")
}
