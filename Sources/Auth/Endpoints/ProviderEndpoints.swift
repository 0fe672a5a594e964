internal import Web

/// Sign-in by the one provider of the settings.
struct ProviderEndpoints: Sendable {
    let core: AuthCore

    func answer(_ name: String, _ call: Call) async throws -> ApiResponse { throw Router.notFound }
    func authorize(_ call: Call, linking userID: String?) async throws -> ApiResponse { throw Router.notFound }
    func signIn(_ call: Call) async throws -> ApiResponse { throw Router.notFound }
}
