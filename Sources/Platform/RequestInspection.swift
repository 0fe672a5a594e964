internal import Detection
internal import Gateway
internal import HTTPTypes
internal import Web

/// Puts the web attack engine in front of the gateway's mounts.
enum RequestInspection {
    /// - Parameter watch: is told what was seen.
    static func make(_ asked: ServeRequest.Inspection, _ watch: GuardWatch?) throws -> GatewaySettings.Inspection {
        let guarding = try RequestGuard(log: asked.log, rules: asked.secondRules)
        let modes = InspectionModes(asked)
        return GatewaySettings.Inspection(
            suspects: { modes.mode(of: $0.path) != .off && guarding.judge(request(of: $0)) != nil },
            answer: { call in
                let mode = modes.mode(of: call.path)
                guard mode != .off else { return nil }
                let request = request(of: call)
                guard let verdict = guarding.judge(request) else { return nil }
                guarding.note(verdict, request, isRefused: mode == .block)
                watch?.note(verdict, request, isRefused: mode == .block)
                return mode == .block ? refusal(call) : nil
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
        request.headers = call.fields.map { ($0.name.rawName, $0.value) }
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

/// How requests are treated, by path: at the bounds of its segments, the longest that fits.
struct InspectionModes: Sendable {
    typealias Mode = ServeRequest.Inspection.Mode
    private let routes: [ServeRequest.Inspection.Route]
    private let usual: Mode

    init(_ asked: ServeRequest.Inspection) {
        routes = asked.routes.sorted { $0.path.utf8.count > $1.path.utf8.count }
        usual = asked.refuses ? .block : .detect
    }

    func mode(of path: String) -> Mode {
        guard !routes.isEmpty else { return usual }
        let found = routes.first { route in
            guard path.hasPrefix(route.path) else { return false }
            let rest = path.utf8.dropFirst(route.path.utf8.count)
            return rest.isEmpty || route.path.hasSuffix("/") || rest.first == UInt8(ascii: "/")
        }
        return found?.mode ?? usual
    }
}
