public import Web

/// What a token's claims must say (RFC 7519, part 4.1). Pure.
public enum ClaimRules {
    /// How far two clocks may be apart.
    public static let leewaySeconds: Int64 = 30

    /// Throws for a token that is not valid now; returns when it ends, in Unix seconds, or nil when it never does.
    @discardableResult
    public static func check(_ claims: JSON, audience: String?, now: Int64) throws(TokenError) -> Int64? {
        let expiry = try seconds("exp", claims)
        if let expiry, expiry <= Double(now) - Double(leewaySeconds) { throw .expired }
        let latest = Double(now) + Double(leewaySeconds)
        if let start = try seconds("nbf", claims), start > latest { throw .notYetValid }
        if let issued = try seconds("iat", claims), issued > latest { throw .issuedInFuture }
        guard try isMeant(for: audience, claims["aud"]) else { throw .wrongAudience }
        return expiry.map { Int64(exactly: $0.rounded(.down)) ?? .max }
    }

    /// A number of seconds, perhaps with a fraction. Never a text: `"exp": "0"` is no expiry.
    private static func seconds(_ name: String, _ claims: JSON) throws(TokenError) -> Double? {
        switch claims[name] {
        case nil: return nil
        case .number(let text):
            guard let value = Double(text), value.isFinite else { throw .claimNotNumber(name) }
            return value
        default: throw .claimNotNumber(name)
        }
    }

    /// A token that names no audience is meant for all, as the keys of Supabase projects are.
    private static func isMeant(for audience: String?, _ claim: JSON?) throws(TokenError) -> Bool {
        let named: [String]
        switch claim {
        case nil, .null: named = []
        case .string(let text): named = [text]
        case .array(let values):
            named = values.compactMap(\.string)
            guard named.count == values.count else { throw .badClaims }
        default: throw .badClaims
        }
        guard let audience, !named.isEmpty else { return true }
        return named.contains(audience)
    }
}
