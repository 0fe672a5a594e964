internal import HTTPTypes
internal import Postgres
internal import Web

/// `/user/identities`: linking a provider's account to one's own, and taking one away.
struct IdentityEndpoints: Sendable {
    let core: AuthCore

    func answer(_ parts: [String], _ call: Call) async throws -> ApiResponse {
        let caller = try await core.caller(call)
        switch (call.request.method, parts.count) {
        case (.get, 3) where parts[2] == "authorize":
            return try await ProviderEndpoints(core: core).authorize(call, linking: caller.user.id)
        case (.delete, 3): return try await unlink(try Call.id(parts[2]), caller, call)
        default: throw Router.notFound
        }
    }

    private func unlink(_ id: String, _ caller: AuthCore.Caller, _ call: Call) async throws -> ApiResponse {
        if caller.needsSecondFactor {
            throw AuthError(
                401, .insufficientAAL, "AAL2 session is required to unlink an identity when MFA is enabled.")
        }
        let removal = try await core.database.transaction { tx in
            let removal = try await IdentityStore(database: tx).remove(id, of: caller.user.id)
            if case .removed(let provider) = removal {
                try await core.record(
                    .identityUnlinked, caller.user, call, in: tx, details: [.init("provider", .string(provider))])
            }
            return removal
        }
        switch removal {
        case .removed: return Reply.empty
        case .notFound: throw AuthError(422, .identityNotFound, "Identity doesn't exist")
        case .lastOne:
            throw AuthError(
                422, .singleIdentityNotDeletable, "User must have at least 1 identity after unlinking")
        }
    }
}
