internal import Diagnostics
internal import Foundation

/// Files that appear whole or not at all.
enum DurableFile {
    /// Writes beside `path`, flushes to disk, renames over it, flushes the folder. Mode 0600.
    static func write(_ data: Data, to path: String) throws {
        let aside = path + ".new"
        let descriptor = open(aside, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw failure("create", aside) }
        defer { close(descriptor) }
        try data.withUnsafeBytes { bytes in
            var written = 0
            while written < bytes.count {
                let count = Foundation.write(descriptor, bytes.baseAddress.map { $0 + written }, bytes.count - written)
                guard count > 0 else { throw failure("write", aside) }
                written += count
            }
        }
        guard fsync(descriptor) == 0 else { throw failure("flush", aside) }
        guard rename(aside, path) == 0 else { throw failure("rename", aside) }
        flushFolder(of: path)
    }

    private static func flushFolder(of path: String) {
        let folder = open((path as NSString).deletingLastPathComponent, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard folder >= 0 else { return }
        fsync(folder)
        close(folder)
    }

    /// The error for the failed system call, from `errno`.
    static func failure(_ action: String, _ path: String) -> RecoveryError {
        let reason = errno
        if reason == ENOSPC || reason == EDQUOT {
            return RecoveryError(
                code: "disk_full", message: "no space left to \(action) \(path)",
                hint: "Free some space, or point --data-dir at a larger disk, then: digitalbank recover resume",
                exitStatus: .environment)
        }
        return RecoveryError(
            code: "file_not_writable", message: "cannot \(action) \(path): \(String(cString: strerror(reason)))",
            hint: "Check the folder's owner and rights, or choose another --data-dir.", exitStatus: .environment)
    }
}
