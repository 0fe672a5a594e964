public import Web

/// What the console needs to know of its server.
public struct ConsoleSettings: Sendable {
    public var bankName = "DigitalBank"
    /// Where browsers reach the console, without a slash at the end: where a provider's sign-in leads back to.
    public var address = ""
    /// Cookies are marked Secure and bound to the host: the console is reached by https.
    public var isSecure = false
    /// Seals session cookies; the same on each server of the bank. 32 bytes.
    public var cookieKey: [UInt8]
    /// Sends the browser's own policy reports here too; for tests.
    public var reportsPolicy = false

    public init(cookieKey: [UInt8]) { self.cookieKey = cookieKey }
}

/// The bank's own API as the console calls it: like any other client, with the token of whoever is signed in.
public struct ConsoleBackend: Sendable {
    /// A request at its full path (`/bank/v1/accounts`), with its Authorization header.
    public var send: @Sendable (ApiRequest) async -> ApiResponse
    /// Who a token speaks for; nil when it is not taken.
    public var actor: @Sendable (String) -> Actor?
    /// The bank's state for admins: what this server knows of itself and of its data directory.
    public var state: @Sendable () async -> JSON
    public var tools: ConsoleTools

    public init(
        send: @escaping @Sendable (ApiRequest) async -> ApiResponse, actor: @escaping @Sendable (String) -> Actor?,
        state: @escaping @Sendable () async -> JSON = { .object([]) }, tools: ConsoleTools = ConsoleTools()
    ) {
        self.tools = tools
        self.send = send
        self.actor = actor
        self.state = state
    }
}
