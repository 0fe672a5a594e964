internal import Foundation
internal import Glibc

/// Where a cluster keeps its files, and who may read them.
struct ClusterFiles: Sendable {
    let directory: String
    let socket: String

    var data: String { directory + "/data" }
    var log: String { directory + "/log/postgresql.log" }
    /// Readable by our user only; the server never needs it.
    var password: String { directory + "/superuser-password" }
    /// A copy for initdb, which may run as another user; it lives for seconds.
    var passwordForInitdb: String { directory + "/initdb-password" }
    var postmasterPID: String { data + "/postmaster.pid" }

    init(directory: String) throws(ServerError) {
        guard directory.hasPrefix("/") else {
            throw ServerError(
                code: "directory_not_absolute", message: "\(directory) is not an absolute path",
                hint: "Give the cluster's folder with its full path.")
        }
        self.directory = directory
        socket = directory + "/socket"
    }

    func create(password text: String, user: ServerUser?) throws {
        guard access(data, F_OK) != 0 else {
            throw ServerError(
                code: "cluster_exists", message: "\(data) exists already",
                hint: "Start the cluster that is there, or choose another folder.")
        }
        try FileManager.default.createDirectory(
            atPath: directory, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
        for path in [data, socket, directory + "/log"] { try make(path, mode: 0o700, user: user) }
        try user?.own(directory)
        try write("", to: log, user: user)
        try write(text + "\n", to: password, user: nil)
        try write(text + "\n", to: passwordForInitdb, user: user)
    }

    /// Writes a file that only its owner reads.
    func write(_ text: String, to path: String, user: ServerUser?) throws(ServerError) {
        let descriptor = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw unusable(path) }
        defer { close(descriptor) }
        let bytes = Array(text.utf8)
        guard Glibc.write(descriptor, bytes, bytes.count) == bytes.count else { throw unusable(path) }
        if let user, fchown(descriptor, user.uid, user.gid) != 0 { throw unusable(path) }
    }

    private func make(_ path: String, mode: mode_t, user: ServerUser?) throws(ServerError) {
        guard mkdir(path, mode) == 0 || errno == EEXIST else { throw unusable(path) }
        guard chmod(path, mode) == 0 else { throw unusable(path) }
        try user?.own(path)
    }

    private func unusable(_ path: String) -> ServerError {
        ServerError(
            code: "directory_not_usable", message: "\(path) cannot be written: \(reason())",
            hint: "Choose a folder that this user can write, with space left.")
    }
}
