internal import Foundation
internal import Glibc

/// An exclusive lock between processes, held on a file; the kernel gives it back when its holder dies.
struct FileLock {
    private let descriptor: Int32

    init(_ path: String, timeMax: Duration) throws(ServerError) {
        let deadline = ContinuousClock.now + timeMax
        while true {
            let candidate = open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0o600)
            guard candidate >= 0 else { throw Self.busy(path) }
            if flock(candidate, LOCK_EX | LOCK_NB) == 0, Self.isStill(candidate, at: path) {
                descriptor = candidate
                return
            }
            let error = Self.busy(path)
            close(candidate)
            guard ContinuousClock.now < deadline else { throw error }
            usleep(20_000)
        }
    }

    func release() { close(descriptor) }

    /// False when the file was removed, or removed and made again, while we waited for its lock.
    private static func isStill(_ descriptor: Int32, at path: String) -> Bool {
        var ours = stat()
        var named = stat()
        return fstat(descriptor, &ours) == 0 && stat(path, &named) == 0 && ours.st_ino == named.st_ino
            && ours.st_dev == named.st_dev
    }

    private static func busy(_ path: String) -> ServerError {
        ServerError(
            code: "cluster_busy", message: "\(path) cannot be locked: \(reason())",
            hint: "Another digitalbank makes, starts or stops this cluster; try again when it is done.")
    }
}
