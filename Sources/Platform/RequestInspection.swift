internal import Detection
internal import Gateway
internal import HTTPTypes
internal import Web

/// Puts the web attack engine in front of the gateway's mounts.
enum RequestInspection {
    static func make(_ asked: ServeRequest.Inspection) throws -> GatewaySettings.Inspection {
        let guarding = try RequestGuard(log: asked.log)
        return GatewaySettings.Inspection(
            suspects: { guarding.judge(request(of: $0)) != nil },
            answer: { call in
                let request = request(of: call)
                guard let verdict = guarding.judge(request) else { return nil }
                guarding.note(verdict, request, isRefused: asked.refuses)
                return asked.refuses ? refusal(call) : nil
            })
    }

    private static func request(of call: ApiRequest) -> RequestGuard.Request {
        var request = RequestGuard.Request()
        request.id = call.id
        request.method = call.method.rawValue
        (request.path, request.query, request.address) = (call.path, call.query, call.remoteAddress)
        request.agent = call.fields[.userAgent] ?? ""
        request.referer = call.fields[.referer] ?? ""
        request.cookie = call.fields[.cookie] ?? ""
        request.contentType = call.fields[.contentType] ?? ""
        request.body = call.body
        return request
    }

    private static func refusal(_ call: ApiRequest) -> ApiResponse {
        let body: JSON = [
            "code": "request_refused", "message": "the request looks like an attack", "details": .null,
            "hint": .string("Give this name to the bank if it was none: \(call.id)"),
        ]
        return .json(body.text, status: .forbidden)
    }
}
