internal import Foundation
internal import Glibc

extension Cluster {
    /// Makes the folder of a cluster whose data a restore will bring: returns the empty data folder, the server user's own.
    public static func makeFolderForRestore(_ directory: String) async throws -> String {
        let user = try ServerUser.current()
        let files = try ClusterFiles(directory: directory)
        try files.checkFree()
        try files.makeFolder()
        try user?.checkReach(directory)
        try ClusterFiles.make(files.data, mode: 0o700, user: user)
        return files.data
    }

    /// Makes a cluster of the data that stands in `options.directory`/data. It is not started.
    ///
    /// - Parameter superuserPassword: the superuser's in that data: it came with it.
    public static func adopt(
        _ options: Options, superuserPassword: String, _ binaries: PostgresBinaries? = nil
    ) async throws -> Cluster {
        let user = try ServerUser.current()
        let files = try ClusterFiles(directory: options.directory)
        guard let major = ClusterFiles.firstLine(files.data + "/PG_VERSION").flatMap({ Int($0) }) else {
            throw ServerError(
                code: "cluster_missing", message: "\(files.data) holds no data of PostgreSQL",
                hint: "Restore a backup into it first.")
        }
        let binaries = try binaries ?? PostgresBinaries.find(major: major)
        try ClusterFiles.make(files.logFolder, mode: 0o700, user: user)
        try files.makeSocketFolder(user: user)
        try files.write("", to: files.log, user: user)
        try ServerSettings(options: options, files: files, port: options.port).write(user: user)
        try files.complete(ClusterRecord(options: options, socket: files.socket), password: superuserPassword)
        return Cluster(options: options, binaries: binaries, superuserPassword: superuserPassword, files: files)
    }

    /// A folder that belongs to the user who runs the server, for that user only.
    public static func makeServerFolder(_ path: String) throws {
        try ClusterFiles.make(path, mode: 0o700, user: try ServerUser.current())
    }

    /// A file that belongs to the user who runs the server, for that user only; it appears whole or not at all.
    public static func writeServerFile(_ text: String, to path: String) throws {
        let folder = (path as NSString).deletingLastPathComponent
        try ClusterFiles(directory: folder).write(text, to: path, user: try ServerUser.current())
    }

    /// A file of libpq with the superuser's password, for our own user.
    public var passFile: String { files.passFile }

    /// The last lines of the server's logs.
    public func logTail(lines: Int) -> String { files.logTail(lines: lines) }

    /// Where the server listens: the number in the socket's name.
    public var socketPort: Int { port ?? ClusterFiles.socketNumber }
}
