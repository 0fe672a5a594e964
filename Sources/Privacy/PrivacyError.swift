public import Diagnostics

/// What the privacy desk refuses.
public struct PrivacyError: Fault, Hashable {
    public let code: String
    public let message: String
    public let hint: String

    public init(code: String, message: String, hint: String) {
        self.code = code
        self.message = message
        self.hint = hint
    }

    static func clientUnknown(_ client: String) -> PrivacyError {
        PrivacyError(
            code: "privacy_client_unknown", message: "there is no client \(client)",
            hint: "Give the number in column numero of public.clients, or the client's id.")
    }

    static func request(_ what: String) -> PrivacyError {
        PrivacyError(
            code: "privacy_request_invalid", message: what,
            hint: "docs/reference/privacy.md lists what can be asked and how.")
    }

    static func identity(_ client: String) -> PrivacyError {
        PrivacyError(
            code: "privacy_identity_wrong",
            message: "what was said of client \(client)'s identity is not what the bank knows",
            hint: "Compare an identity document again; each failed attempt is in the journal.")
    }

    static func keyDestroyed(_ client: String) -> PrivacyError {
        PrivacyError(
            code: "privacy_client_erased", message: "client \(client) was erased",
            hint: "What is left is the ledger's: amounts without a person.")
    }

    static func secondAdmin(_ what: String) -> PrivacyError {
        PrivacyError(
            code: "privacy_second_admin_needed", message: "the glass is broken by two admins: \(what)",
            hint: "Let another admin approve it: POST /privacy/v1/glass/ID/approve")
    }

    static func export(_ what: String) -> PrivacyError {
        PrivacyError(
            code: "privacy_export_refused", message: "the export is refused: \(what)",
            hint: "Generalise more (--k lower, wider ranges), or take more rows; nothing was written.")
    }

    static func ledger(_ path: String, _ what: String) -> PrivacyError {
        PrivacyError(
            code: "privacy_ledger_broken", message: "the erasure ledger \(path) is not whole: \(what)",
            hint:
                "Take its copy from another place before anything is restored; do not serve the restored bank without it."
        )
    }

    static func incident(_ reference: String) -> PrivacyError {
        PrivacyError(
            code: "privacy_incident_unknown", message: "there is no incident \(reference)",
            hint: "List them with: digitalbank privacy incident list")
    }

    static func holdEnded(_ date: String) -> PrivacyError {
        PrivacyError(
            code: "privacy_hold_expired", message: "a hold until \(date) is over before it begins",
            hint: "Give an end in the future, or none.")
    }

    static func destructionHeld(_ client: String, _ obstacles: [String]) -> PrivacyError {
        PrivacyError(
            code: "privacy_hold_running",
            message: "the keys of client \(client) can not be destroyed: \(obstacles.joined(separator: "; "))",
            hint: "The retention engine destroys them by itself once nothing holds them.")
    }

    static func busy() -> PrivacyError {
        PrivacyError(
            code: "privacy_busy", message: "other documents are being made",
            hint: "Try again in some seconds, or ask for the JSON form.")
    }

    static func unsigned() -> PrivacyError {
        PrivacyError(
            code: "privacy_no_signing_key", message: "this desk has no key to sign documents with",
            hint: "Serve the bank with: digitalbank serve")
    }

    static func unprintable() -> PrivacyError {
        PrivacyError(
            code: "privacy_no_pdf", message: "no PDF can be made here: WeasyPrint is not installed",
            hint: "Install weasyprint, or ask for the archive, which holds the same data.")
    }

    static func glassOfAnother(_ glass: String) -> PrivacyError {
        PrivacyError(
            code: "privacy_glass_of_another", message: "glass \(glass) was opened for another admin",
            hint: "Ask for a glass of your own: POST /privacy/v1/glass")
    }

    /// - Parameter obstacles: all that stands against it, in words.
    static func obstacles(_ client: String, _ first: String, _ obstacles: [String]) -> PrivacyError {
        PrivacyError(
            code: first == "already_erased" ? "privacy_already_erased" : "privacy_erasure_refused",
            message: "client \(client) can not be erased: \(obstacles.joined(separator: "; "))",
            hint: "Close what is open first; what law keeps is archived by the erasure itself.")
    }
}
