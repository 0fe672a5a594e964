internal import Cryptography
internal import Tokens

/// A proof key for code exchange (RFC 7636).
struct CodeChallenge: Sendable, Hashable {
    enum Method: String, Sendable { case s256, plain }

    let challenge: String
    let method: Method

    init(_ challenge: String, method: String?) throws(AuthError) {
        guard let method = Method(rawValue: (method ?? "plain").lowercased()) else {
            throw .validation("code_challenge_method must be s256 or plain")
        }
        guard Self.isWellFormed(challenge) else {
            throw .validation("code challenge must be 43 to 128 characters of A-Z a-z 0-9 - . _ ~")
        }
        self.challenge = challenge
        self.method = method
    }

    func isMet(by verifier: String) -> Bool {
        guard Self.isWellFormed(verifier) else { return false }
        let made =
            switch method {
            case .plain: verifier
            case .s256: Base64URL.encode(SHA256.hash(Array(verifier.utf8)))
            }
        return ConstantTime.areEqual(Array(made.utf8), Array(challenge.utf8))
    }

    private static func isWellFormed(_ text: String) -> Bool {
        (43...128).contains(text.utf8.count)
            && text.utf8.allSatisfy { byte in
                (48...57).contains(byte) || (65...90).contains(byte) || (97...122).contains(byte)
                    || "-._~".utf8.contains(byte)
            }
    }
}
