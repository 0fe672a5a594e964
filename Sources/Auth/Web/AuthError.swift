/// The codes that clients of Supabase Auth act on.
enum AuthErrorCode: String, Sendable, CaseIterable {
    case anonymousDisabled = "anonymous_provider_disabled"
    case badCodeVerifier = "bad_code_verifier"
    case badJSON = "bad_json"
    case badJWT = "bad_jwt"
    case badOAuthCallback = "bad_oauth_callback"
    case badOAuthState = "bad_oauth_state"
    case conflict
    case emailAddressInvalid = "email_address_invalid"
    case emailExists = "email_exists"
    case emailNotConfirmed = "email_not_confirmed"
    case flowStateExpired = "flow_state_expired"
    case flowStateNotFound = "flow_state_not_found"
    case identityAlreadyExists = "identity_already_exists"
    case identityNotFound = "identity_not_found"
    case insufficientAAL = "insufficient_aal"
    case invalidCredentials = "invalid_credentials"
    case mfaChallengeExpired = "mfa_challenge_expired"
    case mfaFactorNameConflict = "mfa_factor_name_conflict"
    case mfaFactorNotFound = "mfa_factor_not_found"
    case mfaIPAddressMismatch = "mfa_ip_address_mismatch"
    case mfaVerificationFailed = "mfa_verification_failed"
    case noAuthorization = "no_authorization"
    case notAdmin = "not_admin"
    case notFound = "not_found"
    case oauthProviderNotSupported = "oauth_provider_not_supported"
    case otpExpired = "otp_expired"
    case overEmailSendRateLimit = "over_email_send_rate_limit"
    case overRequestRateLimit = "over_request_rate_limit"
    case phoneProviderDisabled = "phone_provider_disabled"
    case providerEmailNeedsVerification = "provider_email_needs_verification"
    case providerDisabled = "provider_disabled"
    case reauthenticationNeeded = "reauthentication_needed"
    case reauthenticationNotValid = "reauthentication_not_valid"
    case refreshTokenAlreadyUsed = "refresh_token_already_used"
    case refreshTokenNotFound = "refresh_token_not_found"
    case requestTimeout = "request_timeout"
    case samePassword = "same_password"
    case sessionExpired = "session_expired"
    case sessionNotFound = "session_not_found"
    case signupDisabled = "signup_disabled"
    case singleIdentityNotDeletable = "single_identity_not_deletable"
    case tooManyFactors = "too_many_enrolled_mfa_factors"
    case unexpectedFailure = "unexpected_failure"
    case userAlreadyExists = "user_already_exists"
    case userBanned = "user_banned"
    case userNotFound = "user_not_found"
    case validationFailed = "validation_failed"
    case weakPassword = "weak_password"
}

/// What the API refuses. The status is chosen where the error is made, as Supabase Auth has it.
struct AuthError: Error, Sendable {
    let status: Int
    let errorCode: AuthErrorCode
    let message: String
    var weakReasons: [String] = []
    var retryAfterSeconds: Int?

    init(_ status: Int, _ code: AuthErrorCode, _ message: String) {
        self.status = status
        errorCode = code
        self.message = message
    }

    static func validation(_ message: String) -> AuthError { AuthError(400, .validationFailed, message) }

    static func overLimit(seconds: Int) -> AuthError {
        var error = AuthError(429, .overRequestRateLimit, "Request rate limit reached")
        error.retryAfterSeconds = seconds
        return error
    }

    static func overMailLimit(seconds: Int) -> AuthError {
        var error = AuthError(
            429, .overEmailSendRateLimit,
            "For security purposes, you can only request this after \(seconds) seconds.")
        error.retryAfterSeconds = seconds
        return error
    }

    static func weak(_ reasons: [String], lengthMin: Int) -> AuthError {
        var error = AuthError(
            422, .weakPassword,
            reasons.contains("pwned")
                ? "Password is known to be weak and easy to guess, please choose a different one."
                : "Password should be at least \(lengthMin) characters, and not of one or two characters repeated.")
        error.weakReasons = reasons
        return error
    }

    static let invalidCredentials = AuthError(400, .invalidCredentials, "Invalid login credentials")
    static let otpExpired = AuthError(403, .otpExpired, "Token has expired or is invalid")
    static let noAuthorization = AuthError(
        401, .noAuthorization, "This endpoint requires a valid Bearer token")
    static let notAdmin = AuthError(403, .notAdmin, "User not allowed")
    static let userBanned = AuthError(403, .userBanned, "User is banned")
    static let userNotFound = AuthError(404, .userNotFound, "User not found")
    static let sessionNotFound = AuthError(
        403, .sessionNotFound, "Session from session_id claim in JWT does not exist")
    static let signupDisabled = AuthError(422, .signupDisabled, "Signups not allowed for this instance")
    static let unexpected = AuthError(
        500, .unexpectedFailure, "Unexpected failure, please check server logs for more information")
    static let unavailable = AuthError(503, .requestTimeout, "The service is busy, please try again")
    static let emailExists = AuthError(
        422, .emailExists, "A user with this email address has already been registered")
    static let factorNotFound = AuthError(404, .mfaFactorNotFound, "Factor not found")
}
