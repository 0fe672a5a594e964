public import Diagnostics
internal import Foundation

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

    static func destroyed(_ clientID: UUID) -> VaultError {
        VaultError(
            code: "vault_key_destroyed", message: "the key of client \(clientID) was destroyed",
            hint: "What it sealed can not be read any more; that was the purpose.")
    }

    static func keeperAnswer(_ what: String) -> VaultError {
        VaultError(
            code: "vault_keeper_answer", message: "the key's keeper answered with \(what)",
            hint: "Try its program by hand; what it must answer is in docs/reference/vault.md.")
    }

    static func keeperFailed(_ program: String, _ reason: String) -> VaultError {
        VaultError(
            code: "vault_keeper_failed", message: "the key's keeper \(program) failed: \(reason)",
            hint: "Its own message is on standard error; without the key nothing starts.")
    }

    static func keeperSlow(_ program: String, _ timeMax: Duration) -> VaultError {
        VaultError(
            code: "vault_keeper_slow", message: "the key's keeper \(program) did not answer within \(timeMax)",
            hint: "Check that the KMS can be reached, or give it more time with timeout_seconds.")
    }
}
