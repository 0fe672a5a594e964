internal import Evidence
internal import Foundation

/// The bank's own sealed log as a source: what was cut out of it or changed in it is a finding.
public enum SealedJournal {
    /// What is wrong with a file that is a journal or an export of one; nil when it is none.
    ///
    /// - Parameter head: where the heads were published; without it a tail that was cut off does not show.
    public static func problems(_ path: String, head: String? = nil) -> [String]? {
        guard path.hasSuffix(".jsonl"), let handle = FileHandle(forReadingAtPath: path) else { return nil }
        defer { try? handle.close() }
        guard let start = try? handle.read(upToCount: 4_096) else { return nil }
        let text = String(decoding: start, as: UTF8.self)
        let isExport = text.hasPrefix("{\"format\":\"digitalbank.evidence/")
        let isJournal = ["\"previous\"", "\"signature\"", "\"hash\""].allSatisfy { text.contains($0) }
        guard isExport || isJournal else { return nil }
        do {
            let verdict = try OfflineVerifier.verify(path: path, headPath: head)
            return verdict.isValid ? [] : verdict.lines
        } catch {
            return ["\(error)"]
        }
    }
}
