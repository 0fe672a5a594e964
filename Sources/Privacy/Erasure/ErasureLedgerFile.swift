internal import Cryptography
internal import Foundation

/// An entry of the erasure ledger: who is known by keyed hashes only.
struct ErasureEntry: Sendable, Hashable {
    let entry: String
    let stage: String
    let subject: String
    let number: String
    /// `2031-11-29`
    let holdUntil: String
    /// Microseconds since 1970.
    let decidedAt: Int64
    /// Of the number and the moment at which the client was made; empty in entries from before there was one.
    var origin = ""
    /// The highest number that was given by then; zero where nobody noted it.
    var numberMark: Int64 = 0

    var fields: [String] {
        let known = [entry, stage, subject, number, holdUntil, String(decidedAt)]
        return origin.isEmpty ? known : known + [origin, String(numberMark)]
    }
}

/// The erasure ledger outside the database, so that no restore can take it back. One line an entry, each line's code made
/// with the ledger's key over the line and the code before: a line that was changed, moved or taken from the middle is seen.
/// Lines cut off at the end are made up for by the database, and the other way round.
struct ErasureLedgerFile: Sendable {
    let path: String
    let key: [UInt8]

    /// HMAC's construction that SQL computes too (`privacy.keyed`).
    static func keyed(_ text: String, key: [UInt8]) -> [UInt8] {
        SHA256.hash(key + SHA256.hash(key + Array(text.utf8)))
    }

    func subject(_ client: UUID) -> String { Self.keyed("id:" + client.uuidString.lowercased(), key: key).hex }

    private func code(_ previous: String, _ fields: [String]) -> String {
        HMACSHA256.code(Array((previous + "|" + fields.joined(separator: "|")).utf8), key: key).hex
    }

    func read() throws -> [ErasureEntry] {
        guard let data = FileManager.default.contents(atPath: path) else { return [] }
        var entries: [ErasureEntry] = []
        var previous = ""
        for (index, line) in String(decoding: data, as: UTF8.self).split(separator: "\n").enumerated() {
            let parts = line.split(separator: " ").map(String.init)
            guard parts.count == 7 || parts.count == 9, let decided = Int64(parts[5]) else {
                throw PrivacyError.ledger(path, "line \(index + 1) has \(parts.count) fields")
            }
            guard code(previous, Array(parts.dropLast())) == parts[parts.count - 1] else {
                throw PrivacyError.ledger(path, "the code of line \(index + 1) is not that of its entry")
            }
            previous = parts[parts.count - 1]
            var entry = ErasureEntry(
                entry: parts[0], stage: parts[1], subject: parts[2], number: parts[3], holdUntil: parts[4],
                decidedAt: decided)
            if parts.count == 9 {
                guard let mark = Int64(parts[7]), mark >= 0 else {
                    throw PrivacyError.ledger(path, "line \(index + 1) has no number mark")
                }
                (entry.origin, entry.numberMark) = (parts[6], mark)
            }
            entries.append(entry)
        }
        return entries
    }

    /// Appends what is not there yet, under a lock, and waits until it is on the disk.
    func append(_ new: [ErasureEntry]) throws {
        guard !new.isEmpty else { return }
        let descriptor = Foundation.open(path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw PrivacyError.ledger(path, String(cString: strerror(errno))) }
        defer { close(descriptor) }
        guard flock(descriptor, LOCK_EX) == 0 else { throw PrivacyError.ledger(path, String(cString: strerror(errno))) }
        let known = try read()
        let ids = Set(known.map(\.entry))
        var previous = try lastCode()
        var text = ""
        for entry in new where !ids.contains(entry.entry) {
            previous = code(previous, entry.fields)
            text += (entry.fields + [previous]).joined(separator: " ") + "\n"
        }
        guard !text.isEmpty else { return }
        let bytes = Array(text.utf8)
        var written = 0
        while written < bytes.count {
            let count = bytes[written...].withUnsafeBytes { write(descriptor, $0.baseAddress, $0.count) }
            guard count > 0 else { throw PrivacyError.ledger(path, String(cString: strerror(errno))) }
            written += count
        }
        guard fsync(descriptor) == 0 else { throw PrivacyError.ledger(path, String(cString: strerror(errno))) }
    }

    private func lastCode() throws -> String {
        guard let data = FileManager.default.contents(atPath: path) else { return "" }
        let last = String(decoding: data, as: UTF8.self).split(separator: "\n").last
        return last?.split(separator: " ").last.map(String.init) ?? ""
    }
}
