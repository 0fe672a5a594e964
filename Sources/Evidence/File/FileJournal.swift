internal import Cryptography
public import Foundation

/// One entry of a file journal, as a JSON line. Format: `docs/reference/evidence-format.md`.
public struct JournalLine: Codable, Sendable, Hashable {
    /// From 1, without gaps.
    public let number: Int
    /// ISO 8601, UTC.
    public let at: String
    public let kind: String
    public let subject: String
    /// JSON text, hashed as it stands.
    public let body: String
    /// Hash of the line before; 64 zeros for the first.
    public let previous: String
    public let hash: String
    /// Ed25519 over the hash's 32 bytes.
    public let signature: String
    /// The public key, in hexadecimal.
    public let key: String

    static let firstPrevious = String(repeating: "0", count: 64)

    static func digest(
        number: Int, at: String, kind: String, subject: String, body: String, previous: String
    ) -> [UInt8] {
        var hash = FieldHash(version: 1)
        hash.add(number)
        hash.add(at)
        hash.add(kind)
        hash.add(subject)
        hash.add(body)
        hash.add(previous)
        return hash.digest
    }
}

/// A journal in a file: each line is bound to the one before by its hash, signed, and on disk before `append` returns.
///
/// For what happens before a database exists. A line torn by a crash is cut off at the next opening, and the cut is
/// itself journaled.
public actor FileJournal {
    public nonisolated let path: String
    private let key: SigningKey
    private let descriptor: Int32
    private var count: Int
    private var head: String
    private var known: Set<Subject>

    private struct Subject: Hashable {
        let kind: String
        let subject: String
    }

    public static func open(path: String, key: SigningKey) throws -> FileJournal {
        let state = try FileJournalFile.prepare(path)
        let descriptor = Foundation.open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw EvidenceError.unreadable(path, String(cString: strerror(errno))) }
        let journal = FileJournal(path: path, key: key, descriptor: descriptor, lines: state.lines)
        return journal
    }

    private init(path: String, key: SigningKey, descriptor: Int32, lines: [JournalLine]) {
        self.path = path
        self.key = key
        self.descriptor = descriptor
        count = lines.count
        head = lines.last?.hash ?? JournalLine.firstPrevious
        known = Set(lines.map { Subject(kind: $0.kind, subject: $0.subject) })
    }

    deinit { close(descriptor) }

    public var entryCount: Int { count }
    public var headHash: String { head }

    /// Whether an entry of this kind about this subject is there.
    public func holds(kind: String, subject: String) -> Bool {
        known.contains(Subject(kind: kind, subject: subject))
    }

    /// Adds an entry; it is on disk when this returns.
    public func append(kind: String, subject: String, body: String, at date: Date) throws {
        let at = date.formatted(.iso8601.year().month().day().time(includingFractionalSeconds: true))
        let digest = JournalLine.digest(
            number: count + 1, at: at, kind: kind, subject: subject, body: body, previous: head)
        let line = JournalLine(
            number: count + 1, at: at, kind: kind, subject: subject, body: body, previous: head, hash: digest.hex,
            signature: try key.key.signature(of: digest).hex, key: key.publicKey.raw.hex)
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        var data = try encoder.encode(line)
        data.append(10)
        let written = data.withUnsafeBytes { write(descriptor, $0.baseAddress, $0.count) }
        guard written == data.count, fsync(descriptor) == 0 else {
            throw EvidenceError(
                code: "journal_not_writable", message: "cannot write to \(path): \(String(cString: strerror(errno)))",
                hint: "Free some space or mend the file's rights, then go on.")
        }
        count += 1
        head = digest.hex
        known.insert(Subject(kind: kind, subject: subject))
    }
}

/// The file of a journal, before it is opened for writing.
enum FileJournalFile {
    struct State {
        var lines: [JournalLine] = []
    }

    /// Reads the lines; cuts off a last line that a crash tore.
    static func prepare(_ path: String) throws -> State {
        var state = State()
        guard let data = FileManager.default.contents(atPath: path), !data.isEmpty else { return state }
        var kept = 0
        for piece in data.split(separator: 10, omittingEmptySubsequences: false).dropLast() {
            guard let line = try? JSONDecoder().decode(JournalLine.self, from: piece) else {
                throw EvidenceError.unreadable(path, "line \(state.lines.count + 1) is no journal entry")
            }
            state.lines.append(line)
            kept += piece.count + 1
        }
        if kept < data.count, truncate(path, off_t(kept)) != 0 {
            throw EvidenceError.unreadable(path, "its torn last line can not be cut off")
        }
        return state
    }
}
