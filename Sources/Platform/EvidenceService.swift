internal import Evidence

/// What a verification found.
public struct EvidenceVerdict: Sendable {
    public let isValid: Bool
    /// For people.
    public let lines: [String]
}

/// Off-line verification.
public enum EvidenceService {
    public static func verify(file: String, fingerprint: String?) throws -> EvidenceVerdict {
        let verdict = try OfflineVerifier.verify(path: file, fingerprint: fingerprint)
        return EvidenceVerdict(isValid: verdict.isValid, lines: verdict.lines)
    }
}
