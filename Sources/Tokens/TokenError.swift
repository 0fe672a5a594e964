/// Why a token was not accepted. The words are those that clients of PostgREST and Supabase Auth look for.
public enum TokenError: Error, Sendable, Hashable {
    case empty
    case tooLong(bytes: Int)
    case notThreeParts(count: Int)
    case malformed
    case unsupportedType
    case unsupportedAlgorithm
    case noSuitableKey
    case badSignature
    case badClaims
    case claimNotNumber(String)
    case expired
    case notYetValid
    case issuedInFuture
    case wrongAudience

    /// PostgREST's code: 301 when the token itself is no good, 303 when what it claims is not.
    public var restCode: String {
        switch self {
        case .empty, .tooLong, .notThreeParts, .malformed, .unsupportedType, .unsupportedAlgorithm, .noSuitableKey,
            .badSignature:
            "PGRST301"
        case .badClaims, .claimNotNumber, .expired, .notYetValid, .issuedInFuture, .wrongAudience: "PGRST303"
        }
    }

    public var message: String {
        switch self {
        case .empty: "Empty JWT is sent in Authorization header"
        case .tooLong(let bytes): "JWT of \(bytes) bytes where \(TokenVerifier.bytesMax) are the most"
        case .notThreeParts(let count): "Expected 3 parts in JWT; got \(count)"
        case .malformed: "JWT couldn't be decoded"
        case .unsupportedType: "Unsupported token type"
        case .unsupportedAlgorithm: "Wrong or unsupported encoding algorithm"
        case .noSuitableKey: "No suitable key or wrong key type"
        case .badSignature: "JWT cryptographic operation failed"
        case .badClaims: "Parsing claims failed"
        case .claimNotNumber(let name): "The JWT '\(name)' claim must be a number"
        case .expired: "JWT expired"
        case .notYetValid: "JWT not yet valid"
        case .issuedInFuture: "JWT issued at future"
        case .wrongAudience: "JWT not in audience"
        }
    }

    /// What follows `invalid JWT: ` in Supabase Auth's `bad_jwt`.
    public var authMessage: String {
        switch self {
        case .expired: "invalid JWT: unable to parse or verify signature, token has invalid claims: token is expired"
        case .badClaims, .claimNotNumber, .notYetValid, .issuedInFuture, .wrongAudience:
            "invalid JWT: unable to parse or verify signature, token has invalid claims: \(message)"
        default: "invalid JWT: unable to parse or verify signature, \(message)"
        }
    }
}
