/// The provider that people may sign in with (OpenID Connect). Everything is configured; nothing is taken from a token.
public struct ProviderSettings: Sendable {
    /// As clients name it: `keycloak`, `azure`.
    public var name: String
    /// Exactly what `iss` holds in the provider's tokens.
    public var issuer: String
    public var clientID: String
    public var clientSecret: String
    public var authorizationEndpoint: String
    public var tokenEndpoint: String
    public var keysURL: String
    public var scopes = "openid email profile"
    /// Other clients of the bank (an app on a telephone) whose id tokens are accepted too.
    public var otherAudiences: [String] = []
    /// How the provider is spoken to.
    public var fetch: ProviderFetch = ProviderNetwork.fetch

    public init(
        name: String, issuer: String, clientID: String, clientSecret: String, authorizationEndpoint: String,
        tokenEndpoint: String, keysURL: String
    ) {
        self.name = name
        self.issuer = issuer
        self.clientID = clientID
        self.clientSecret = clientSecret
        self.authorizationEndpoint = authorizationEndpoint
        self.tokenEndpoint = tokenEndpoint
        self.keysURL = keysURL
    }
}

/// Gets a document of the provider; with a form, posts it. Returns the body of an answer with status 200, or throws.
public typealias ProviderFetch = @Sendable (_ url: String, _ form: String?) async throws -> [UInt8]
