public import Automation
internal import HTTPTypes
public import Web

/// `/automation/v1`: the admin's view of automations, and `/automation/v1/hooks/<name>`, where messages come in.
public struct AutomationRoutes: Sendable {
    static let bodyMax = 1 << 20

    let desk: AutomationDesk
    let hooks: HookDesk

    public init(desk: AutomationDesk, hooks: HookDesk) {
        self.desk = desk
        self.hooks = hooks
    }

    /// Hooks prove themselves by their own secrets and need no token.
    public var mounts: [Mount] {
        [
            Mount("/automation/v1") { request, actor in
                guard let actor else {
                    return TokenRefusal(code: "PGRST302", message: "Anonymous access is disabled").response
                }
                return await handle(request, actor: actor)
            },
            Mount("/automation/v1/hooks", needsToken: false) { request, _ in await take(request) },
        ]
    }

    public func handle(_ request: ApiRequest, actor: Actor) async -> ApiResponse {
        do {
            let call = try AutomationCall(request, actor)
            guard let route = AutomationRoute.all.first(where: { $0.method == call.method && $0.path == call.shape })
            else { throw AutomationRefusal.notFound }
            guard route.roles.contains(call.role) else { throw AutomationRefusal.forbidden(call.role) }
            var response = ApiResponse.json(try await route.run(desk, call))
            response.fields[.cacheControl] = "no-store"
            return response
        } catch {
            return AutomationRefusal.response(error)
        }
    }

    /// One message from outside. The body goes on as it came: its signature is over its bytes.
    public func take(_ request: ApiRequest) async -> ApiResponse {
        do {
            let name = request.path.dropFirst()
            guard request.method == .post, !name.isEmpty, !name.contains("/") else { throw AutomationRefusal.notFound }
            let fields = request.fields
            let taking = try await hooks.take(String(name), body: request.body) { header in
                HTTPField.Name(header).flatMap { fields[$0] }
            }
            return .json(taking == .taken ? "{\"taken\":true}" : "{\"taken\":false,\"known\":true}", status: .accepted)
        } catch {
            return AutomationRefusal.response(error)
        }
    }
}
