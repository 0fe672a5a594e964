public import Web

/// Where and how the bank is served.
public struct GatewaySettings: Sendable {
    public var host = "127.0.0.1"
    /// 0 takes a free port.
    public var port = 8000
    /// The port of `/live`, `/ready` and `/metrics`; nil serves none.
    public var adminPort: Int? = 8001
    /// PEM files; with them the server speaks TLS and HTTP/2.
    public var certificate: String?
    public var privateKey: String?
    /// Web pages of these origins may call; `*` is any. None by default.
    public var origins: Set<String> = []
    /// Peers whose `X-Forwarded-For` is believed.
    public var trustedProxies = TrustedProxies.none
    public var limits = Limits()
    /// Where access is logged: a path, `-` for standard output, nil for nowhere.
    public var accessLog: String?
    /// Addresses that are refused whatever they ask.
    public var isBanned: (@Sendable (String) -> Bool)?
    /// Looks at each request before a mount sees it.
    public var inspection: Inspection?

    public struct Inspection: Sendable {
        /// Whether it looks like an attack; nothing is noted.
        let suspects: @Sendable (ApiRequest) -> Bool
        /// Notes what was seen; an answer ends the request there.
        let answer: @Sendable (ApiRequest) -> ApiResponse?

        public init(
            suspects: @escaping @Sendable (ApiRequest) -> Bool, answer: @escaping @Sendable (ApiRequest) -> ApiResponse?
        ) {
            self.suspects = suspects
            self.answer = answer
        }
    }

    public struct Limits: Sendable {
        /// Of one request; a mount may take less.
        public var bodyBytesMax = 10 << 20
        /// Of all requests that are being answered; more are refused with 503.
        public var bodyBytesInAllMax = 256 << 20
        /// Of one socket's messages that wait to be dealt with, and of all sockets' together.
        public var socketBytesMax = 4 << 20
        public var socketBytesInAllMax = 128 << 20
        /// Of messages that clients have not read yet, all sockets together: beyond it whoever is behind is cut sooner.
        public var unreadBytesInAllMax = 256 << 20
        public var headerBytesMax = 32 << 10
        public var targetBytesMax = 64 << 10
        /// More wait to be accepted until others end.
        public var connectionsMax = 10_000
        /// From the head of a request to its last byte; also how long a connection may say nothing.
        public var requestTimeMax: Duration = .seconds(30)
        public var idleTimeMax: Duration = .seconds(75)
        /// How long a server that is told to stop may finish what is under way; longer than any request.
        public var shutdownTimeMax: Duration = .seconds(40)
        /// How often the certificate's files are looked at.
        public var certificateCheckPause: Duration = .seconds(5)
        /// Smaller bodies are not compressed.
        public var compressedBytesMin = 1024
        /// Requests that are answered at once; more are refused with 503.
        public var requestsInFlightMax = 4096

        public init() {}
    }

    public init() {}

    /// Who really calls.
    func address(_ peer: String, forwarded: () -> [String]) -> String {
        trustedProxies.client(of: peer, forwarded: forwarded)
    }
}
