internal import Cryptography
internal import Foundation

/// What a verification found.
public struct Verdict: Sendable {
    public let isValid: Bool
    /// For people: what was verified, whose key signed it, or what is wrong and where.
    public let lines: [String]
}

/// Verifies journals and signed files without a server.
public enum OfflineVerifier {
    /// - Parameters:
    ///   - fingerprint: the fingerprint the signing key must have. Without it the verdict says whose key it was: a
    ///     signature by a key nobody knows proves nothing.
    ///   - headPath: for a journal export, the file its heads were published to. Without it a cut tail does not show.
    public static func verify(path: String, fingerprint: String? = nil, headPath: String? = nil) throws -> Verdict {
        if try isExport(path) {
            return try ExportVerifier.verify(path: path, keys: fingerprint.map { [$0] } ?? [], headPath: headPath)
        }
        guard let data = FileManager.default.contents(atPath: path) else {
            throw EvidenceError.unreadable(path, "there is no such file")
        }
        if FileManager.default.fileExists(atPath: path + ".sig") {
            return try signedFile(path, Array(data), fingerprint)
        }
        if path.hasSuffix(".jsonl") { return journal(data, fingerprint) }
        throw EvidenceError.unreadable(path, "there is no \((path as NSString).lastPathComponent).sig beside it")
    }

    /// An export begins with the name of its format.
    private static func isExport(_ path: String) throws -> Bool {
        guard let handle = FileHandle(forReadingAtPath: path) else { return false }
        let start = try handle.read(upToCount: 256) ?? Data()
        return start.range(of: Data("{\"format\":\"\(ExportLine.formatName)\"".utf8))?.lowerBound == 0
    }

    private static func signedFile(_ path: String, _ bytes: [UInt8], _ fingerprint: String?) throws -> Verdict {
        let data = FileManager.default.contents(atPath: path + ".sig") ?? Data()
        guard let signature = try? JSONDecoder().decode(FileSignature.self, from: data) else {
            throw EvidenceError.unreadable(path + ".sig", "it is no signature of ours")
        }
        var problems: [String] = []
        if signature.bytes != bytes.count {
            problems.append("the file has \(bytes.count) bytes, \(signature.bytes) were signed")
        }
        if SHA256.hash(bytes).hex != signature.sha256 { problems.append("the file's content is not what was signed") }
        if signature.file != (path as NSString).lastPathComponent {
            problems.append("the signature is of a file named \(signature.file)")
        }
        let digest = FileSignature.digest(
            file: signature.file, bytes: signature.bytes, sha256: signature.sha256, signedAt: signature.signedAt,
            key: signature.key)
        let key = Ed25519.PublicKey(raw: [UInt8](hex: signature.key) ?? [])
        if !key.isValid([UInt8](hex: signature.signature) ?? [], for: digest) {
            problems.append("the signature itself is not valid")
        }
        return conclude(problems, what: "signed on \(signature.signedAt)", key: key, fingerprint)
    }

    private static func journal(_ data: Data, _ fingerprint: String?) -> Verdict {
        var problems: [String] = []
        var previous = JournalLine.firstPrevious
        var keys: Set<String> = []
        var number = 0
        for piece in data.split(separator: 10) {
            number += 1
            guard let line = try? JSONDecoder().decode(JournalLine.self, from: piece) else {
                problems.append("line \(number) is no journal entry")
                continue
            }
            keys.insert(line.key)
            if line.number != number { problems.append("line \(number) says it is entry \(line.number)") }
            if line.previous != previous { problems.append("line \(number) does not follow the line before it") }
            let digest = JournalLine.digest(
                number: line.number, at: line.at, kind: line.kind, subject: line.subject, body: line.body,
                previous: line.previous)
            if digest.hex != line.hash { problems.append("line \(number) was changed") }
            let key = Ed25519.PublicKey(raw: [UInt8](hex: line.key) ?? [])
            if !key.isValid([UInt8](hex: line.signature) ?? [], for: digest) {
                problems.append("line \(number) is not signed by its key")
            }
            previous = line.hash
        }
        if keys.count > 1 { problems.append("\(keys.count) different keys signed it") }
        let key = Ed25519.PublicKey(raw: [UInt8](hex: keys.first ?? "") ?? [])
        return conclude(problems, what: "\(number) entries, head \(previous)", key: key, fingerprint)
    }

    private static func conclude(
        _ problems: [String], what: String, key: Ed25519.PublicKey, _ fingerprint: String?
    ) -> Verdict {
        var problems = problems
        if let fingerprint, fingerprint.lowercased() != key.fingerprint {
            problems.append("signed by \(key.fingerprint), not by \(fingerprint.lowercased())")
        }
        guard problems.isEmpty else {
            return Verdict(isValid: false, lines: ["NOT VALID"] + problems.map { "  " + $0 })
        }
        let trust =
            fingerprint == nil
            ? "compare this fingerprint with the one you were given: " + key.fingerprint
            : "by the key you named"
        return Verdict(isValid: true, lines: ["valid: " + what, trust])
    }
}
