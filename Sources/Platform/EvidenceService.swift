public import Evidence

/// Off-line verification.
public enum EvidenceService {
    public static func verify(file: String, fingerprint: String?) throws -> Verdict {
        try OfflineVerifier.verify(path: file, fingerprint: fingerprint)
    }
}
