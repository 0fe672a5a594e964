internal import Cryptography
public import Web

/// A token whose signature is good. Its times are not judged yet.
public struct VerifiedToken: Sendable {
    public let claims: JSON
    /// The payload as it was signed.
    public let claimsText: String
}

/// Takes tokens apart and checks their signature. Pure: no clock, no state.
public enum TokenParser {
    private static let dot = UInt8(ascii: ".")

    public static func read(_ token: String, keys: KeySet) throws(TokenError) -> VerifiedToken {
        let bytes = Array(token.utf8)
        guard !bytes.isEmpty else { throw .empty }
        guard bytes.count <= TokenVerifier.bytesMax else { throw .tooLong(bytes: bytes.count) }
        let parts = bytes.split(separator: dot, omittingEmptySubsequences: false)
        guard parts.count == 3 else { throw .notThreeParts(count: parts.count) }
        guard let headerBytes = Base64URL.decode(parts[0]), let payload = Base64URL.decode(parts[1]),
            let signature = Base64URL.decode(parts[2])
        else { throw .malformed }
        try check(Header(headerBytes), keys, Array(bytes[..<parts[1].endIndex]), signature)
        return try claims(of: payload)
    }

    private struct Header {
        let algorithm: TokenAlgorithm
        let id: String?

        init(_ bytes: [UInt8]) throws(TokenError) {
            guard let json = try? JSONReader.read(bytes, depthMax: 4), json.members != nil else { throw .malformed }
            // An extension that must be understood (RFC 7515, 4.1.11): we understand none.
            guard json["crit"] == nil else { throw .malformed }
            if let type = json["typ"] {
                guard let name = type.string, ["jwt", "at+jwt"].contains(name.lowercased()) else {
                    throw .unsupportedType
                }
            }
            guard let algorithm = json["alg"]?.string.flatMap(TokenAlgorithm.init(rawValue:)) else {
                throw .unsupportedAlgorithm
            }
            self.algorithm = algorithm
            switch json["kid"] {
            case nil, .null: id = nil
            case .string(let text): id = text
            default: throw .malformed
            }
        }
    }

    private static func check(
        _ header: Header, _ keys: KeySet, _ message: [UInt8], _ signature: [UInt8]
    ) throws(TokenError) {
        let candidates = keys.candidates(id: header.id, algorithm: header.algorithm)
        guard !candidates.isEmpty else { throw .noSuitableKey }
        guard candidates.contains(where: { $0.isValid(signature, for: message) }) else { throw .badSignature }
    }

    private static func claims(of payload: [UInt8]) throws(TokenError) -> VerifiedToken {
        guard let json = try? JSONReader.read(payload, depthMax: 32), let members = json.members,
            let text = String(validating: payload, as: UTF8.self), !text.contains(#"\u0000"#),
            // Of two claims with one name, readers differ about which counts.
            Set(members.map(\.name)).count == members.count
        else { throw .badClaims }
        return VerifiedToken(claims: json, claimsText: text)
    }
}
