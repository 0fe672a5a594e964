internal import Foundation

/// One at a time, among all programs: making sets, removing them, counting them.
enum FolderLock {
    private static let waitMax: Duration = .seconds(6 * 3600)

    static func hold<Value>(_ path: String, _ work: () async throws -> Value) async throws -> Value {
        let descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw ContinuityError.file("lock", path, String(cString: strerror(errno))) }
        defer { close(descriptor) }
        let deadline = ContinuousClock.now + waitMax
        while flock(descriptor, LOCK_EX | LOCK_NB) != 0 {
            guard errno == EWOULDBLOCK || errno == EINTR, ContinuousClock.now < deadline else {
                throw ContinuityError.file("lock", path, String(cString: strerror(errno)))
            }
            try await Task.sleep(for: .milliseconds(50))
        }
        return try await work()
    }

    /// Nil where another program holds it.
    static func tryHold(_ path: String) throws -> FileHandle? {
        let descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw ContinuityError.file("lock", path, String(cString: strerror(errno))) }
        let handle = FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
        return flock(descriptor, LOCK_EX | LOCK_NB) == 0 ? handle : nil
    }
}
