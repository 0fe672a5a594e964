internal import Web

/// `POST /otp`, `/magiclink`, `/recover`, `/resend`: all answer `{}` at once, whoever the address belongs to.
struct CodeEndpoints: Sendable {
    let core: AuthCore

    func answer(_ name: String, _ call: Call) async throws -> ApiResponse {
        try await core.limit("code", call.request.remoteAddress, core.settings.limits.codeByAddress)
        let address = try call.requiredEmail()
        let purpose = try purpose(name, address, call)
        let challenge = try call.challenge()
        try await core.claimMail(to: address)
        try core.outbox.add(
            .code(
                CodeRequest(
                    purpose: purpose, address: address, challenge: challenge,
                    redirectTo: core.redirects.text(for: call.redirectTo), call: call)))
        return Reply.empty
    }

    private func purpose(_ name: String, _ address: String, _ call: Call) throws(AuthError) -> CodeRequest.Purpose {
        switch name {
        case "recover": return .recovery
        case "resend":
            switch try call.required("type") {
            case "signup": return .resendSignup
            case "email_change": return .resendEmailChange
            case "sms", "phone_change": throw AuthError(400, .phoneProviderDisabled, "Unsupported phone provider")
            default: throw .validation("Missing one of these types: signup, email_change, sms, phone_change")
            }
        default:
            let isWanted = try call.flag("create_user") ?? true
            let isCreating = isWanted && core.settings.isSignupEnabled
            let data = try call.object("data") ?? [:]
            return .signIn(creating: isCreating ? NewUser(email: address, userMetadata: data) : nil)
        }
    }
}
