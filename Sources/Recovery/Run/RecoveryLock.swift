internal import Foundation

/// Keeps two recoveries out of one data directory; the kernel lets go of it when the process ends, however it ends.
public final class RecoveryLock: Sendable {
    private let descriptor: Int32

    public init(dataDirectory: String) throws {
        try FileManager.default.createDirectory(
            atPath: dataDirectory, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o755])
        let path = dataDirectory + "/recovery.lock"
        descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw DurableFile.failure("create", path) }
        guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
            close(descriptor)
            throw RecoveryError(
                code: "recovery_running", message: "another recovery works in \(dataDirectory)",
                hint: "Wait for it, or choose another --data-dir.", exitStatus: .conflict)
        }
    }

    deinit { close(descriptor) }
}
