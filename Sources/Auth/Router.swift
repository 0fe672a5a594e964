internal import HTTPTypes
internal import Web

/// Finds the endpoint of a request.
struct Router: Sendable {
    let core: AuthCore
    let sender: CodeSender

    func answer(_ call: Call) async throws -> ApiResponse {
        let parts = call.request.path.split(separator: "/").map(String.init)
        guard parts.count <= 6 else { throw Self.notFound }
        switch (call.request.method, parts.first ?? "") {
        case (.get, "health"), (.get, "settings"), (.get, ".well-known"):
            return try PublicEndpoints(core: core).answer(parts)
        case (.post, "signup"): return try await SignupEndpoint(core: core, sender: sender).answer(call)
        case (.post, "token"): return try await TokenEndpoint(core: core).answer(call)
        case (.post, "otp"), (.post, "magiclink"), (.post, "recover"), (.post, "resend"):
            return try await CodeEndpoints(core: core).answer(parts[0], call)
        case (.get, "reauthenticate"): return try await UserEndpoint(core: core, sender: sender).reauthenticate(call)
        case (.get, "verify"), (.post, "verify"):
            return try await VerifyEndpoint(core: core, sender: sender).answer(call)
        case (.get, "user"), (.put, "user"), (.delete, "user"):
            if parts.count > 1, parts[1] == "identities" {
                return try await IdentityEndpoints(core: core).answer(parts, call)
            }
            return try await UserEndpoint(core: core, sender: sender).answer(parts, call)
        case (.post, "logout"): return try await LogoutEndpoint(core: core).answer(call)
        case (.post, "factors"), (.delete, "factors"), (.get, "factors"):
            return try await FactorEndpoints(core: core).answer(parts, call)
        case (.get, "authorize"), (.get, "callback"), (.post, "callback"):
            return try await ProviderEndpoints(core: core).answer(parts[0], call)
        case (_, "admin"), (.post, "invite"):
            return try await AdminEndpoints(core: core, sender: sender).answer(parts, call)
        default: throw Self.notFound
        }
    }

    static let notFound = AuthError(404, .notFound, "There is no such endpoint")
}
