internal import Diagnostics
internal import Foundation

/// Carries the journal's head to a place that the database's owner can not change afterwards.
public protocol HeadPublisher: Sendable {
    /// Called with the newest head after each sealing; the same head may come again.
    func publish(_ head: JournalHead) async throws
}

/// Appends each head as a line to a file. The file may belong to somebody else and be append-only (`chattr +a`): it is
/// only ever read and appended to.
public struct FileHeadPublisher: HeadPublisher {
    public let path: String

    private static let lineBytesMax = 4096

    public init(path: String) { self.path = path }

    /// Throws `head_contradicted` when the file tells of a block that this journal does not have.
    public func publish(_ head: JournalHead) async throws {
        let descriptor = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0o644)
        guard descriptor >= 0 else { throw EvidenceError.headNotPublished(path, String(cString: strerror(errno))) }
        defer { close(descriptor) }
        guard flock(descriptor, LOCK_EX) == 0 else {
            throw EvidenceError.headNotPublished(path, String(cString: strerror(errno)))
        }
        let tail = try tail()
        if let last = tail.split(separator: 10).reversed().lazy.compactMap({ try? JournalHead(line: $0) }).first {
            if last.block == head.block, last.hash == head.hash { return }
            guard last.block < head.block else {
                throw EvidenceError.headContradicted(path, published: last.block, ours: head.block)
            }
        }
        // A line that a crash tore stays as it is, on a line of its own.
        let isTorn = tail.last.map { $0 != 10 } ?? false
        let line = Array(((isTorn ? "\n" : "") + (try head.line) + "\n").utf8)
        guard write(descriptor, line, line.count) == line.count, fsync(descriptor) == 0 else {
            throw EvidenceError.headNotPublished(path, String(cString: strerror(errno)))
        }
    }

    /// The last bytes of the file, the last head among them.
    private func tail() throws -> Data {
        guard let handle = FileHandle(forReadingAtPath: path) else {
            throw EvidenceError.headNotPublished(path, "it can not be read")
        }
        let end = try handle.seekToEnd()
        try handle.seek(toOffset: end - min(end, UInt64(4 * Self.lineBytesMax)))
        return try handle.readToEnd() ?? Data()
    }
}
