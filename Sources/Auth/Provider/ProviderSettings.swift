/// The provider that people may sign in with (OpenID Connect).
public struct ProviderSettings: Sendable {
    /// As clients name it: `keycloak`, `azure`.
    public var name: String

    public init(name: String) { self.name = name }
}
