internal import Foundation

/// A file read by position. Reads are bounded by the file's real size; a failing disk is an error, never a signal.
final class DumpFile: @unchecked Sendable {
    // SAFETY: `pread` has no shared position; the descriptor is closed in deinit only.
    private let descriptor: Int32
    let path: String
    let size: Int

    /// - Parameter isMember: of a folder that somebody else has filled: a link in it would lead out of the dump.
    init(path: String, isMember: Bool = false) throws(SalvageError) {
        self.path = path
        // Without waiting: a pipe that nobody writes to would hold the open up for ever.
        descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | (isMember ? O_NOFOLLOW : 0))
        guard descriptor >= 0 else { throw .unreadable(path, String(cString: strerror(errno))) }
        var status = stat()
        guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
            close(descriptor)
            throw .unreadable(path, "it is not a file")
        }
        size = Int(status.st_size)
    }

    deinit { close(descriptor) }

    /// Up to `count` bytes from `offset`; fewer at the end of the file.
    func read(at offset: Int, count: Int) throws(SalvageError) -> [UInt8] {
        guard offset >= 0, offset < size, count > 0 else { return [] }
        let wanted = min(count, size - offset)
        var failure: Int32 = 0
        let bytes = [UInt8](unsafeUninitializedCapacity: wanted) { buffer, filled in
            filled = 0
            while filled < wanted {
                let got = pread(
                    descriptor, buffer.baseAddress.map { $0 + filled }, wanted - filled, off_t(offset + filled))
                if got < 0, errno == EINTR { continue }
                if got < 0 { failure = errno }
                guard got > 0 else { break }
                filled += got
            }
        }
        guard failure == 0 else { throw .unreadable(path, "byte \(offset): \(String(cString: strerror(failure)))") }
        return bytes
    }
}

/// A window over a file that moves forward; reads by position are cheap while they stay near each other.
struct FileWindow {
    let file: DumpFile
    private var start = 0
    private var bytes: [UInt8] = []
    private static let length = 1 << 20

    init(_ file: DumpFile) { self.file = file }

    var size: Int { file.size }

    /// The byte at `offset`; nil past the end.
    mutating func byte(at offset: Int) throws(SalvageError) -> UInt8? {
        if offset >= start, offset - start < bytes.count { return bytes[offset - start] }
        guard offset >= 0, offset < file.size else { return nil }
        try load(at: offset)
        return offset - start < bytes.count ? bytes[offset - start] : nil
    }

    /// Calls `body` with at least one and at most `count` bytes at `offset`; nil past the end.
    mutating func withBytes<Result>(
        at offset: Int, atMost count: Int, _ body: (UnsafeBufferPointer<UInt8>) throws -> Result
    ) throws -> Result? {
        guard offset >= 0, offset < file.size, count > 0 else { return nil }
        if offset < start || offset - start >= bytes.count { try load(at: offset) }
        let from = offset - start
        guard from < bytes.count else { return nil }
        let to = min(from + count, bytes.count)
        return try bytes.withUnsafeBufferPointer { try body(UnsafeBufferPointer(rebasing: $0[from..<to])) }
    }

    /// Exactly `count` bytes; nil when the file ends before.
    mutating func bytes(at offset: Int, count: Int) throws(SalvageError) -> [UInt8]? {
        guard offset >= 0, count >= 0, offset <= file.size, count <= file.size - offset else { return nil }
        if offset >= start, offset - start + count <= bytes.count {
            return Array(bytes[(offset - start)..<(offset - start + count)])
        }
        if count <= Self.length {
            try load(at: offset)
            guard bytes.count >= count else { return nil }
            return Array(bytes[..<count])
        }
        let all = try file.read(at: offset, count: count)
        return all.count == count ? all : nil
    }

    private mutating func load(at offset: Int) throws(SalvageError) {
        bytes = try file.read(at: offset, count: Self.length)
        start = offset
    }
}
