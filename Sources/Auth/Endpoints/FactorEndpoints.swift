internal import Cryptography
internal import Foundation
internal import HTTPTypes
internal import Postgres
internal import Web

/// `/factors`: enrolling, challenging, verifying and giving up a second factor (TOTP).
struct FactorEndpoints: Sendable {
    let core: AuthCore

    func answer(_ parts: [String], _ call: Call) async throws -> ApiResponse {
        let caller = try await core.caller(call)
        switch (call.request.method, parts.count) {
        case (.post, 1): return try await enroll(caller, call)
        case (.get, 1):
            let documents = try await FactorStore(database: core.database).documents(of: caller.user.id)
            return Reply.json("[\(documents.joined(separator: ","))]")
        case (.post, 3) where parts[2] == "challenge":
            return try await challenge(try await factor(parts[1], caller), caller, call)
        case (.post, 3) where parts[2] == "verify":
            return try await verify(try await factor(parts[1], caller), caller, call)
        case (.delete, 2): return try await unenroll(try await factor(parts[1], caller), caller, call)
        default: throw Router.notFound
        }
    }

    private func factor(_ id: String, _ caller: AuthCore.Caller) async throws -> Factor {
        let id = try Call.id(id)
        guard let factor = try await FactorStore(database: core.database).find(id, of: caller.user.id) else {
            throw AuthError.factorNotFound
        }
        return factor
    }

    private func place(_ id: String) -> String { "factor:\(id)" }

    // MARK: Enrol

    private func enroll(_ caller: AuthCore.Caller, _ call: Call) async throws -> ApiResponse {
        guard try call.required("factor_type") == "totp" else {
            throw AuthError.validation("factor_type needs to be totp")
        }
        let name = try call.text("friendly_name") ?? ""
        let issuer = try call.text("issuer") ?? core.settings.bankName
        guard name.count <= 100, issuer.utf8.count <= 60 else {
            throw AuthError.validation("friendly_name or issuer is too long")
        }
        if caller.needsSecondFactor {
            throw AuthError(403, .insufficientAAL, "AAL2 required to enroll a new factor")
        }
        let id = UUID().uuidString.lowercased()
        let secret = try SecureRandom.bytes(TOTP.secretBytes)
        let sealed = try core.sealer.seal(secret, at: place(id))
        try await core.database.transaction { tx in
            _ = try await UserStore(database: tx).lock(id: caller.user.id)
            let factors = FactorStore(database: tx)
            try await factors.removeUnverified(of: caller.user.id, olderThanSeconds: core.settings.challengeSeconds)
            guard try await factors.all(of: caller.user.id).count < core.settings.factorsMax else {
                throw AuthError(
                    422, .tooManyFactors, "Maximum number of enrolled factors reached, unenroll to continue")
            }
            guard try await factors.add(id: id, to: caller.user.id, name: name, secret: sealed) else {
                throw AuthError(
                    422, .mfaFactorNameConflict,
                    "A factor with the friendly name \"\(name)\" for this user already exists")
            }
            try await core.record(
                .factorInProgress, caller.user, call, in: tx, details: [.init("factor_id", .string(id))])
        }
        let encoded = Base32.encode(secret)
        let uri = TOTP.uri(secret: encoded, account: caller.user.email ?? caller.user.id, issuer: issuer)
        return Reply.json([
            "id": .string(id), "type": "totp", "friendly_name": .string(name),
            "totp": ["qr_code": .string(try QRCode(uri).svg), "secret": .string(encoded), "uri": .string(uri)],
        ])
    }

    // MARK: Challenge and verify

    private func challenge(_ factor: Factor, _ caller: AuthCore.Caller, _ call: Call) async throws -> ApiResponse {
        try await core.limit("challenge", caller.user.id, core.settings.limits.factorByUser)
        let made = try await core.database.transaction { tx in
            try await core.record(
                .challengeCreated, caller.user, call, in: tx, details: [.init("factor_id", .string(factor.id))])
            return try await FactorStore(database: tx).challenge(
                factor.id, sessionID: caller.session.id, ip: call.request.remoteAddress)
        }
        let (end, overflow) = made.createdAt.addingReportingOverflow(core.settings.challengeSeconds)
        return Reply.json([
            "id": .string(made.id), "type": "totp", "expires_at": .integer(overflow ? made.createdAt : end),
        ])
    }

    private func verify(_ factor: Factor, _ caller: AuthCore.Caller, _ call: Call) async throws -> ApiResponse {
        try await core.limit("factor", caller.user.id, core.settings.limits.factorByUser)
        try Self.check(factor, caller)
        let challengeID = try Call.id(call.required("challenge_id"))
        let code = try call.required("code")
        let factors = FactorStore(database: core.database)
        guard
            let challenge = try await factors.findChallenge(
                challengeID, factorID: factor.id, sessionID: caller.session.id)
        else { throw AuthError(422, .mfaChallengeExpired, "MFA challenge not found, create a new one") }
        guard challenge.ageSeconds < core.settings.challengeSeconds else {
            try await factors.removeChallenge(challengeID)
            throw AuthError(
                422, .mfaChallengeExpired,
                "MFA challenge \(challengeID) has expired, verify against another challenge or create a new challenge.")
        }
        guard challenge.ip == call.request.remoteAddress else {
            throw AuthError(422, .mfaIPAddressMismatch, "Challenge and verify IP addresses mismatch.")
        }
        let secret = try core.sealer.open(factor.secret, at: place(factor.id))
        if let step = try TOTP.step(of: code, secret: secret, now: core.clock()),
            let answer = try await raise(factor, step: step, challengeID, caller, call)
        {
            return answer
        }
        try await core.record(
            .verificationAttempted, caller.user, call, in: core.database,
            details: [.init("factor_id", .string(factor.id)), .init("accepted", false)])
        throw AuthError(422, .mfaVerificationFailed, "Invalid TOTP code entered")
    }

    /// A factor that was never verified adds one: once there is another, that takes the session that it raised.
    private static func check(_ factor: Factor, _ caller: AuthCore.Caller) throws(AuthError) {
        guard factor.isVerified || !caller.needsSecondFactor else {
            throw AuthError(403, .insufficientAAL, "AAL2 required to verify a new factor")
        }
    }

    /// The session becomes aal2; refresh tokens from before do not lead there. Nil when the code's step was used
    /// already, also when both come at once.
    private func raise(
        _ factor: Factor, step: Int64, _ challengeID: String, _ caller: AuthCore.Caller, _ call: Call
    ) async throws -> ApiResponse? {
        let methods = try JSONReader.read(caller.session.methods).array ?? []
        let kept = methods.filter { $0["method"]?.string != SignInMethod.totp.rawValue }
        let all: JSON = .array(
            [["method": .string(SignInMethod.totp.rawValue), "timestamp": .integer(core.clock())]] + kept)
        let raised = try await core.database.transaction { tx -> (answer: String, ended: [String])? in
            let users = UserStore(database: tx)
            let sessions = SessionStore(database: tx)
            let factors = FactorStore(database: tx)
            // Of two that are to be the first factor one is: asked again while nobody else can change it.
            guard let owner = try await users.lock(id: caller.user.id),
                let factor = try await factors.find(factor.id, of: owner.id)
            else { throw AuthError.factorNotFound }
            try Self.check(factor, AuthCore.Caller(user: owner, session: caller.session))
            guard try await factors.accept(factor.id, step: step) else { return nil }
            // Whoever began one before, with the password alone, does not finish it.
            try await factors.removeUnverified(of: owner.id)
            guard let session = try await sessions.lock(caller.session.id) else { throw AuthError.sessionNotFound }
            try await factors.removeChallenge(challengeID)
            try await sessions.raise(session.id, factorID: factor.id, methods: all)
            try await sessions.advance(
                session, by: 2, tokenSeconds: core.settings.accessTokenSeconds, ip: call.request.remoteAddress)
            // The first verified factor: sessions that never met it are not worth what they were.
            let ended =
                factor.isVerified ? [] : try await sessions.endOthers(than: session.id, of: caller.user.id)
            try await core.record(
                .verificationAttempted, caller.user, call, in: tx,
                details: [.init("factor_id", .string(factor.id)), .init("accepted", true)])
            guard let user = try await users.find(id: caller.user.id),
                let raised = try await sessions.lock(session.id)
            else { throw AuthError.sessionNotFound }
            return (try core.issuer.answer(user, raised), ended)
        }
        guard let raised else { return nil }
        core.revoke(raised.ended)
        return Reply.json(raised.answer)
    }

    // MARK: Give up

    private func unenroll(_ factor: Factor, _ caller: AuthCore.Caller, _ call: Call) async throws -> ApiResponse {
        if factor.isVerified, caller.session.aal != "aal2" {
            throw AuthError(422, .insufficientAAL, "AAL2 required to unenroll verified factor")
        }
        let methods = try JSONReader.read(caller.session.methods).array ?? []
        let kept = methods.filter { $0["method"]?.string != SignInMethod.totp.rawValue }
        let ended = try await core.database.transaction { tx in
            let ended = try await SessionStore(database: tx).lower(
                factorID: factor.id, keeping: caller.session.id, methods: .array(kept))
            guard try await FactorStore(database: tx).remove(factor.id, of: caller.user.id) else {
                throw AuthError.factorNotFound
            }
            try await core.record(
                .factorUnenrolled, caller.user, call, in: tx, details: [.init("factor_id", .string(factor.id))])
            return ended
        }
        core.revoke(ended)
        return Reply.json(["id": .string(factor.id)])
    }
}
