internal import Cryptography
internal import Foundation
internal import HTTPTypes
internal import Postgres
internal import Tokens
internal import Web

/// The `type` of a verification, as clients and links name it.
enum VerificationType: String, Sendable {
    case signup, invite, magiclink, recovery, email
    case emailChange = "email_change"

    init(_ kind: OneTimeTokenKind) {
        self =
            switch kind {
            case .signup: .signup
            case .invite: .invite
            case .magicLink, .reauthentication: .magiclink
            case .recovery: .recovery
            case .emailChangeCurrent, .emailChangeNew: .emailChange
            }
    }

    var kinds: [OneTimeTokenKind] {
        switch self {
        case .signup: [.signup, .magicLink]
        case .invite: [.invite]
        case .magiclink, .email: [.magicLink, .signup]
        case .recovery: [.recovery]
        case .emailChange: [.emailChangeCurrent, .emailChangeNew]
        }
    }
}

/// `/verify`: a code or a link that was mailed becomes a session.
///
/// Mail scanners open links: GET shows a page with a button and changes nothing, POST consumes.
struct VerifyEndpoint: Sendable {
    let core: AuthCore
    let sender: CodeSender

    func answer(_ call: Call) async throws -> ApiResponse {
        if call.request.method == .get { return try page(call) }
        try await core.limit("verify", call.request.remoteAddress, core.settings.limits.verifyByAddress)
        let isForm =
            call.request.fields[.contentType]?.lowercased().hasPrefix("application/x-www-form-urlencoded") == true
        return isForm ? try await submit(call) : try await verify(call)
    }

    private func type(_ text: String?) throws(AuthError) -> VerificationType {
        guard let text, !text.isEmpty else { throw .validation("Verify requires a verification type") }
        if text == "sms" || text == "phone_change" {
            throw AuthError(400, .phoneProviderDisabled, "Unsupported phone provider")
        }
        guard let type = VerificationType(rawValue: text) else { throw .validation("Verify type is not valid") }
        return type
    }

    // MARK: A client

    private func verify(_ call: Call) async throws -> ApiResponse {
        let type = try type(call.text("type"))
        guard let token = try await take(type, call), !token.isExpired else { throw AuthError.otpExpired }
        switch try await apply(token, call) {
        case .session(let answer): return Reply.json(answer)
        case .halfway: return Reply.json(["msg": .string(Self.halfway), "code": "200"])
        }
    }

    static let halfway = "Confirmation link accepted. Please proceed to confirm link sent to the other email"

    private func take(_ type: VerificationType, _ call: Call) async throws -> ConsumedToken? {
        let store = OneTimeTokenStore(database: core.database)
        if let linkToken = try call.text("token_hash") {
            return try await store.take(link: core.sealer.hash(linkToken, for: "link"), kinds: type.kinds)
        }
        guard let code = try call.text("token") else {
            throw AuthError.validation("Verify requires a token or a token hash")
        }
        let address = try call.requiredEmail()
        try await core.limit("code-account", address, core.settings.limits.codeByAccount)
        return try await store.take(
            code: core.codeHash(code, address: address), address: address, kinds: type.kinds,
            failuresMax: core.settings.codeFailuresMax)
    }

    // MARK: A person with a link

    private func page(_ call: Call) throws -> ApiResponse {
        let type = try type(call.query["type"])
        guard let token = call.query["token"] ?? call.query["token_hash"], token.utf8.count <= 200 else {
            throw AuthError.validation("Verify requires a token or a token hash")
        }
        let place = core.redirects.place(for: call.redirectTo)
        return ConfirmationPage(
            language: core.settings.language, bank: core.settings.bankName,
            action: core.settings.externalURL + "/verify", token: token, type: type,
            redirectTo: place?.text() ?? core.settings.siteURL, redirectOrigin: place?.origin ?? ""
        ).response
    }

    private func submit(_ call: Call) async throws -> ApiResponse {
        let place = core.redirects.place(for: call.redirectTo)
        do {
            let type = try type(call.text("type"))
            guard let linkToken = try call.text("token") else { throw AuthError.otpExpired }
            let token = try await OneTimeTokenStore(database: core.database).take(
                link: core.sealer.hash(linkToken, for: "link"), kinds: type.kinds)
            guard let token, !token.isExpired else { throw AuthError.otpExpired }
            return try await finish(token, type, place, call)
        } catch let error as AuthError {
            return redirect(to: place, error)
        }
    }

    private func finish(_ token: ConsumedToken, _ type: VerificationType, _ place: RedirectURL?, _ call: Call)
        async throws
        -> ApiResponse
    {
        if let flowID = token.flowID {
            let code = UUID().uuidString.lowercased()
            let outcome = try await core.database.transaction { tx -> (isDone: Bool, ended: [String]) in
                let outcome = try await Confirmation(core: core, sender: sender).apply(token, call, in: tx)
                guard case .confirmed(_, let ended) = outcome else { return (false, []) }
                let isOpen = try await FlowStore(database: tx).complete(
                    flowID, userID: token.userID, codeHash: core.flowHash(code), secrets: nil,
                    seconds: core.settings.flowSeconds)
                guard isOpen else { throw AuthError.otpExpired }
                return (true, ended)
            }
            core.revoke(outcome.ended)
            guard outcome.isDone else { return redirect(to: place, message: Self.halfway) }
            return Reply.redirect(to: place?.text(adding: "code=\(code)") ?? core.settings.siteURL)
        }
        switch try await apply(token, call) {
        case .halfway: return redirect(to: place, message: Self.halfway)
        case .session(let answer):
            return Reply.redirect(to: try SessionFragment(answer, type: type).address(place) ?? core.settings.siteURL)
        }
    }

    private func redirect(to place: RedirectURL?, _ error: AuthError) -> ApiResponse {
        let words =
            error.errorCode == .otpExpired ? "Email link is invalid or has expired" : error.message
        let text =
            "error=access_denied&error_code=\(error.errorCode.rawValue)&error_description=\(PercentEncoding.encode(words))"
        return Reply.redirect(to: place?.text(adding: text, fragment: text) ?? core.settings.siteURL)
    }

    private func redirect(to place: RedirectURL?, message: String) -> ApiResponse {
        let text = "message=" + PercentEncoding.encode(message)
        return Reply.redirect(to: place?.text(adding: text, fragment: text) ?? core.settings.siteURL)
    }

    // MARK: Both

    private enum Applied: Sendable { case session(String), halfway }

    private func apply(_ token: ConsumedToken, _ call: Call) async throws -> Applied {
        let (applied, ended) = try await core.database.transaction { tx -> (Applied, [String]) in
            switch try await Confirmation(core: core, sender: sender).apply(token, call, in: tx) {
            case .halfway: return (.halfway, [])
            case .confirmed(let method, let ended):
                return (.session(try await core.issuer.open(for: token.userID, by: method, call, in: tx)), ended)
            }
        }
        core.revoke(ended)
        return applied
    }
}
