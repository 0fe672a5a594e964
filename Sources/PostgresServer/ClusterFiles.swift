internal import Foundation
internal import Glibc

/// Where a cluster keeps its files, and who may read them.
///
/// The top folder is ours; `data`, `socket` and `log` belong to the user that runs the server, which is another one when we
/// are root. So a server gone bad cannot swap the folders that we write to.
struct ClusterFiles: Sendable {
    let directory: String
    let socket: String

    static let recordName = "cluster.json"
    /// In the socket's name; our folder is private, so the number need not be unique.
    static let socketNumber = 5432
    /// `sun_path` holds 108 bytes, the last of them zero.
    static let socketPathBytesMax = 107

    var data: String { directory + "/data" }
    var logFolder: String { directory + "/log" }
    /// What the server says before its log collector runs; all it says when there is none.
    var log: String { logFolder + "/postgresql.log" }
    /// Readable by our user only; the server never needs it.
    var password: String { directory + "/superuser-password" }
    /// The same for libpq.
    var passFile: String { directory + "/pgpass" }
    var record: String { directory + "/" + Self.recordName }
    /// There while `create` is under way, and after one that was killed.
    var incompleteMark: String { directory + "/incomplete" }
    /// Held by whoever makes, starts or stops the cluster.
    var lock: String { directory + "/lock" }
    /// A copy for initdb, which may run as another user; it lives for seconds.
    var passwordForInitdb: String { directory + "/initdb-password" }
    var postmasterPID: String { data + "/postmaster.pid" }

    /// `socket` nil: below `directory`, or in a short folder of its own when that path is too long for a socket.
    init(directory: String, socket: String? = nil) throws(ServerError) {
        guard directory.hasPrefix("/") else {
            throw ServerError(
                code: "directory_not_absolute", message: "\(directory) is not an absolute path",
                hint: "Give the cluster's folder with its full path.")
        }
        self.directory = directory
        self.socket = socket ?? Self.fittingSocketFolder(below: directory)
    }

    static func fittingSocketFolder(below directory: String) -> String {
        let usual = directory + "/socket"
        let longest = "/.s.PGSQL.65535"
        guard usual.utf8.count + longest.utf8.count > socketPathBytesMax else { return usual }
        return "/tmp/digitalbank-" + String(UInt64.random(in: .min ... .max), radix: 36)
    }

    /// Throws when there is a data folder that no creation of ours left half-made.
    func checkFree() throws(ServerError) {
        guard access(data, F_OK) == 0, access(incompleteMark, F_OK) != 0 else { return }
        throw ServerError(
            code: "cluster_exists", message: "\(data) exists already",
            hint: "Start the cluster that is there, or choose another folder.")
    }

    func create(password text: String, user: ServerUser?) throws {
        removeIncomplete()
        try checkFree()
        try user?.checkReach(directory)
        try write("", to: incompleteMark, user: nil)
        for path in [data, logFolder] { try Self.make(path, mode: 0o700, user: user) }
        try makeSocketFolder(user: user)
        try write("", to: log, user: user)
        try write(text + "\n", to: passwordForInitdb, user: user)
    }

    /// Makes the socket's folder; after a reboot it is gone when it lies in `/tmp`. Another's folder is refused.
    func makeSocketFolder(user: ServerUser?) throws(ServerError) {
        try Self.make(socket, mode: 0o700, user: user)
    }

    /// Remembers the port that a start has chosen.
    func remember(port: Int?) throws {
        var record = try load().record
        guard record.options.port == 0, record.chosenPort != port else { return }
        record.chosenPort = port
        try write(record.text(), to: self.record, user: nil)
    }

    func complete(_ record: ClusterRecord, password text: String) throws {
        unlink(passwordForInitdb)
        try write(text + "\n", to: password, user: nil)
        try write("*:*:*:\(record.options.superuser.passFileEscaped):\(text)\n", to: passFile, user: nil)
        try write(record.text(), to: self.record, user: nil)
        unlink(incompleteMark)
    }

    func load() throws -> (record: ClusterRecord, password: String, major: Int) {
        guard let bytes = FileManager.default.contents(atPath: record) else {
            throw ServerError(
                code: "cluster_missing", message: "\(directory) holds no cluster of digitalbank",
                hint: "Make one with: digitalbank up")
        }
        guard let record = try? JSONDecoder().decode(ClusterRecord.self, from: bytes),
            let password = Self.firstLine(password), let version = Self.firstLine(data + "/PG_VERSION"),
            let major = Int(version)
        else {
            throw ServerError(
                code: "cluster_incomplete", message: "the cluster in \(directory) has lost files of its own",
                hint: "Put back cluster.json, superuser-password and data/PG_VERSION, or make a new cluster elsewhere.")
        }
        return (record, password, major)
    }

    /// Removes what a creation that failed or was killed left; never a folder that was complete once.
    func removeIncomplete() {
        guard access(incompleteMark, F_OK) == 0, access(record, F_OK) != 0 else { return }
        for path in [data, socket, logFolder, passwordForInitdb, password, passFile, incompleteMark] {
            try? FileManager.default.removeItem(atPath: path)
        }
    }

    /// Removes the folder itself when nothing but our lock is left in it.
    func removeIfEmpty() {
        let names = try? FileManager.default.contentsOfDirectory(atPath: directory)
        guard names == ["lock"] else { return }
        unlink(lock)
        rmdir(directory)
    }

    func removeAll() throws {
        if !socket.hasPrefix(directory) { try? FileManager.default.removeItem(atPath: socket) }
        try FileManager.default.removeItem(atPath: directory)
    }

    /// The collector's log of today when there is one.
    var newestLog: String {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: logFolder)) ?? []
        let dated = names.filter { $0.hasPrefix("postgresql-") }.map { logFolder + "/" + $0 }
        return dated.max { Self.changed($0) < Self.changed($1) } ?? log
    }

    /// The last lines of the server's logs, for an error message.
    func logTail(lines count: Int) -> String {
        let texts = Set([log, newestLog]).sorted().map { path in
            String(decoding: FileManager.default.contents(atPath: path) ?? Data(), as: UTF8.self)
        }
        return texts.joined().split(separator: "\n").suffix(count).joined(separator: "\n")
    }
}

extension ClusterFiles {
    /// Puts a file that only its owner reads in place, whole or not at all. What stood there is replaced, never written
    /// through: a link planted by the server's user leads nowhere.
    func write(_ text: String, to path: String, user: ServerUser?) throws(ServerError) {
        let fresh = path + ".new"
        unlink(fresh)
        let descriptor = open(fresh, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw Self.unusable(path) }
        defer { close(descriptor) }
        let bytes = Array(text.utf8)
        guard Glibc.write(descriptor, bytes, bytes.count) == bytes.count else { throw Self.unusable(path) }
        if let user, fchown(descriptor, user.uid, user.gid) != 0 { throw Self.unusable(path) }
        guard rename(fresh, path) == 0 else { throw Self.unusable(path) }
    }

    func makeFolder() throws(ServerError) {
        let isNew = access(directory, F_OK) != 0
        do {
            try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
        } catch {
            throw Self.unusable(directory)
        }
        // Others may pass through to `data`, which is theirs when we are root, and list nothing.
        if isNew, chmod(directory, 0o711) != 0 { throw Self.unusable(directory) }
    }

    static func make(_ path: String, mode: mode_t, user: ServerUser?) throws(ServerError) {
        guard mkdir(path, mode) == 0 || errno == EEXIST else { throw unusable(path) }
        var facts = stat()
        guard lstat(path, &facts) == 0, facts.st_mode & S_IFMT == S_IFDIR,
            facts.st_uid == geteuid() || facts.st_uid == user?.uid
        else {
            throw ServerError(
                code: "directory_not_ours", message: "\(path) is not a folder of this user",
                hint: "Remove it, or choose another folder for the cluster.")
        }
        guard chmod(path, mode) == 0 else { throw unusable(path) }
        try user?.own(path)
    }

    static func firstLine(_ path: String) -> String? {
        guard let bytes = FileManager.default.contents(atPath: path) else { return nil }
        return String(decoding: bytes, as: UTF8.self).split(separator: "\n").first.map(String.init)
    }

    private static func changed(_ path: String) -> Date {
        let attributes = try? FileManager.default.attributesOfItem(atPath: path)
        return attributes?[.modificationDate] as? Date ?? .distantPast
    }

    private static func unusable(_ path: String) -> ServerError {
        ServerError(
            code: "directory_not_usable", message: "\(path) cannot be written: \(reason())",
            hint: "Choose a folder that this user can write, with space left.")
    }
}

/// What `attach` needs to know about a cluster, in `cluster.json`.
struct ClusterRecord: Codable {
    var options: Cluster.Options
    var socket: String
    /// The loopback port of the last start, when `options.port` leaves the choice to us.
    var chosenPort: Int?

    func text() throws -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        return String(decoding: try encoder.encode(self), as: UTF8.self) + "\n"
    }
}

extension String {
    /// As a field of a libpq password file.
    fileprivate var passFileEscaped: String { replacing("\\", with: "\\\\").replacing(":", with: "\\:") }
}
