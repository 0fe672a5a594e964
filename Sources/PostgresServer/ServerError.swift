public import Diagnostics

/// What the machine or PostgreSQL's programs refused.
public struct ServerError: Fault, Hashable {
    public let code: String
    public let message: String
    public let hint: String

    package init(code: String, message: String, hint: String) {
        self.code = code
        self.message = message
        self.hint = hint
    }
}
