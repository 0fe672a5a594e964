public import Diagnostics

/// What the vault refuses.
public struct VaultError: Fault, Hashable {
    public let code: String
    public let message: String
    public let hint: String

    public init(code: String, message: String, hint: String) {
        self.code = code
        self.message = message
        self.hint = hint
    }
}
