internal import HTTPTypes
internal import Web

/// Proving the second factor within a session, when an act asks for it.
enum StepUp {
    /// The session at level aal2.
    static func raise(_ call: PageCall, code: String) async throws -> ConsoleSession {
        guard let session = call.session, let factor = session.factor else {
            throw Refused(403, "factor_missing", "this account has no second factor")
        }
        let made = try await call.api(.post, "/auth/v1/factors/\(factor)/challenge", body: [:])
        let digits = code.filter { $0.isASCII && $0.isNumber }
        let body: JSON = ["challenge_id": made["id"] ?? .null, "code": .string(digits)]
        let answer = try await call.api(.post, "/auth/v1/factors/\(factor)/verify", body: body)
        return try ConsoleSession(answer: answer, formKey: session.formKey)
    }

    private static let proofs: Set<String> = [
        "insufficient_aal", "payment_needs_proof", "privacy_second_factor_needed",
    ]
    private static let wrongCodes: Set<String> = [
        "mfa_verification_failed", "mfa_challenge_expired", "validation_failed", "over_request_rate_limit",
    ]

    /// Does what a form asks. Where the bank wants the second factor, the browser gets a page that asks for the code and
    /// brings the same form again; nothing was done until then.
    static func guarded(
        _ call: PageCall, section: String, _ act: (PageCall) async throws -> PageAnswer
    ) async throws -> PageAnswer {
        var call = call
        var change = SessionChange.keep
        if !call.sent("code").isEmpty {
            do {
                let session = try await raise(call, code: call.sent("code"))
                change = .set(session)
                call = call.with(session)
            } catch let refused as Refused where wrongCodes.contains(refused.code) {
                return .page(ask(call, section, problem: call.words.known("problem." + refused.code)), status: 400)
            }
        }
        do {
            let answer = try await act(call)
            // The raised session stays, also when the act leads to a page of its own.
            if case .see(let address, .keep) = answer { return .see(address, session: change) }
            return answer
        } catch let refused as Refused where proofs.contains(refused.code) {
            guard call.session?.factor != nil else { return .see("/securite?facteur=1") }
            return .page(ask(call, section, problem: nil), status: 403)
        }
    }

    private static func ask(_ call: PageCall, _ section: String, problem: String?) -> PageView {
        let fields = call.form.filter { !["code", "form_key"].contains($0.name) }.map { item -> View in
            ["name": item.name, "value": item.value]
        }
        var view: View = ["action": call.request.path, "fields": fields]
        if let problem { view["problem"] = problem }
        return PageView("stepup", title: call.words("code.title"), section: section, view)
    }
}

extension PageCall {
    /// The same request under a session that was raised.
    func with(_ session: ConsoleSession) -> PageCall {
        PageCall(
            console: console, request: request, session: session,
            person: console.backend.actor(session.access).flatMap(Person.init) ?? person, language: language,
            theme: theme, values: values, query: query, form: form)
    }
}
