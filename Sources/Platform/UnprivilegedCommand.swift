internal import Foundation

/// Runs programs as nobody in particular when we are root, as PostgreSQL is run.
struct UnprivilegedCommand: Sendable {
    let uid: uid_t
    let gid: gid_t

    /// Nil when we are not root: programs then run as ourselves.
    static func current() -> UnprivilegedCommand? {
        guard geteuid() == 0 else { return nil }
        let names = [ProcessInfo.processInfo.environment["DIGITALBANK_OS_USER"], "digitalbank", "postgres"]
        for name in names.compactMap({ $0 }) {
            if let entry = getpwnam(name), entry.pointee.pw_uid != 0 {
                return UnprivilegedCommand(uid: entry.pointee.pw_uid, gid: entry.pointee.pw_gid)
            }
        }
        return nil
    }

    func wrapping(_ command: [String]) -> [String] {
        ["/usr/bin/setpriv", "--reuid=\(uid)", "--regid=\(gid)", "--init-groups", "--no-new-privs", "--"] + command
    }

    func own(_ path: String) { _ = lchown(path, uid, gid) }
}
