internal import Foundation
internal import Glibc

/// The unprivileged user of the operating system that runs server programs when we are root.
///
/// PostgreSQL refuses to run as root; nobody should want it to.
struct ServerUser: Sendable, Hashable {
    let name: String
    let uid: uid_t
    let gid: gid_t

    static let setting = "DIGITALBANK_OS_USER"

    /// Nil when we are not root: programs then run as ourselves.
    static func current() throws(ServerError) -> ServerUser? {
        guard geteuid() == 0 else { return nil }
        let asked = ProcessInfo.processInfo.environment[setting].flatMap { $0.isEmpty ? nil : $0 }
        return try choose(asked: asked, lookup: named)
    }

    static func choose(asked: String?, lookup: (String) -> ServerUser?) throws(ServerError) -> ServerUser {
        for name in asked.map({ [$0] }) ?? ["digitalbank", "postgres"] {
            guard let user = lookup(name) else { continue }
            guard user.uid != 0 else {
                throw ServerError(
                    code: "server_user_is_root", message: "the user \(name) is root",
                    hint: "Set \(setting) to an unprivileged user of this machine.")
            }
            return user
        }
        throw ServerError(
            code: "server_user_missing",
            message: "no user \(asked ?? "digitalbank or postgres") on this machine to run PostgreSQL as",
            hint: "Create it with: useradd --system --no-create-home --shell /usr/sbin/nologin digitalbank")
    }

    static func named(_ name: String) -> ServerUser? {
        var entry = passwd()
        var found: UnsafeMutablePointer<passwd>?
        var buffer = [CChar](repeating: 0, count: 16 << 10)
        guard getpwnam_r(name, &entry, &buffer, buffer.count, &found) == 0, found != nil else { return nil }
        return ServerUser(name: name, uid: entry.pw_uid, gid: entry.pw_gid)
    }

    /// `command` as this user, with no way back.
    func wrapping(_ command: [String]) throws(ServerError) -> [String] {
        let program = "/usr/bin/setpriv"
        guard access(program, X_OK) == 0 else {
            throw ServerError(
                code: "setpriv_missing", message: "\(program) is not there",
                hint: "Install it with: apt-get install util-linux")
        }
        return [program, "--reuid=\(uid)", "--regid=\(gid)", "--init-groups", "--no-new-privs", "--"] + command
    }

    /// Gives `path` to this user.
    func own(_ path: String) throws(ServerError) {
        guard lchown(path, uid, gid) == 0 else {
            throw ServerError(
                code: "directory_not_usable", message: "\(path) cannot be given to \(name): \(reason())",
                hint: "Choose a folder on a local file system.")
        }
    }

    /// Throws with the first folder on the way to `path` that this user may not pass through.
    func checkReach(_ path: String) throws(ServerError) {
        var folders: [String] = []
        var url = URL(filePath: path)
        while url.path != "/" {
            folders.insert(url.path, at: 0)
            url.deleteLastPathComponent()
        }
        let script = #"for d in "$@"; do [ -x "$d" ] || { printf %s "$d"; exit 1; }; done"#
        let session = try ToolSession(
            command: wrapping(["/bin/sh", "-c", script, "sh"] + folders), environment: ToolRun.defaultEnvironment,
            directory: "/", inputFile: nil, outputFile: nil)
        let run = try session.collect(timeMax: .seconds(30))
        guard run.status == 0 else {
            throw ServerError(
                code: "directory_not_reachable",
                message: "the user \(name), who runs PostgreSQL, may not pass through \(run.outputText)",
                hint: "Choose a folder elsewhere (--data-dir), or open that one with: chmod o+x \(run.outputText)")
        }
    }
}
