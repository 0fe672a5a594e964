public import Diagnostics

/// Why the server does not start.
public struct GatewayError: Fault {
    public let code: String
    public let message: String
    public let hint: String
}
