internal import Postgres
internal import Web

/// `POST /logout`: ends this session, all others, or all.
struct LogoutEndpoint: Sendable {
    let core: AuthCore

    func answer(_ call: Call) async throws -> ApiResponse {
        let scope = call.query["scope"] ?? "global"
        guard ["global", "local", "others"].contains(scope) else {
            throw AuthError.validation("Unsupported logout scope \"\(scope.prefix(20))\"")
        }
        let caller = try await core.caller(call)
        let ended = try await core.database.transaction { tx in
            let sessions = SessionStore(database: tx)
            try await core.record(.logout, caller.user, call, in: tx, details: [.init("scope", .string(scope))])
            return switch scope {
            case "local": try await sessions.end(caller.session.id)
            case "others": try await sessions.endOthers(than: caller.session.id, of: caller.user.id)
            default: try await sessions.endAll(of: caller.user.id)
            }
        }
        core.revoke(ended)
        return Reply.noContent
    }
}
