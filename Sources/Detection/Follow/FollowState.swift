internal import Cryptography
internal import Foundation

/// Where a follower stands in each file, and how long its own files were then: written whole or not at all.
struct FollowState: Codable {
    struct File: Codable {
        var path: String
        var inode: UInt64
        /// SHA-256 of the file's first bytes: a number of an inode is used again.
        var head: String
        var headBytes: Int
        var offset: Int64
        var line: Int64
        /// SHA-256 of the last bytes before `offset`, where they are known: what tells two logs that begin alike apart.
        var last: String?
        /// When the file was made, for one that has no bytes yet to be known by: a number of an inode is used again.
        var born: Int64?
        /// What stands before was passed over at the very first start, and nothing is learned from it.
        var blind: Int64?
        /// In which order files were begun: those of a set in the order of their lines.
        var number: Int?
    }

    var form = "digitalbank.follow/1"
    var files: [File] = []
    /// Lengths of the follower's own files, by path: what is behind them was not committed.
    var outputs: [String: Int64] = [:]
    var lines: Int64 = 0
    /// By set: the newest file that was read to its end. What is newer has to be read too, however it is packed by then.
    var finished: [String: File]?
    /// By set: lines that no reader took, or that had no time where one is needed.
    var unread: [String: Int64]?
    /// Of the file that was begun last.
    var begun: Int?
    /// Whether the files of the very first start have their place.
    var isTakenUp: Bool?

    static func read(_ path: String) throws(DetectionError) -> FollowState {
        guard FileManager.default.fileExists(atPath: path) else { return FollowState() }
        guard let data = FileManager.default.contents(atPath: path),
            let state = try? JSONDecoder().decode(FollowState.self, from: data), state.form == "digitalbank.follow/1"
        else {
            throw .option(
                "the file \(path) is no state of a follower",
                "Give another --state; without one, reading begins at the files' first lines.")
        }
        return state
    }

    static func read(text: String) throws(DetectionError) -> FollowState {
        guard let state = try? JSONDecoder().decode(FollowState.self, from: Data(text.utf8)),
            state.form == "digitalbank.follow/1"
        else {
            throw .option("the position that was kept can not be read", "Look at the table detection.positions.")
        }
        return state
    }

    func text() throws(DetectionError) -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        guard let data = try? encoder.encode(self) else {
            throw .option("the position can not be told as JSON", "Look at the names of the followed files.")
        }
        return String(decoding: data, as: UTF8.self)
    }

    /// Durable before it is visible: written aside, synced, renamed, the folder synced.
    func write(_ path: String) throws(DetectionError) {
        let data = Data(try text().utf8)
        let aside = path + ".new"
        let file = try AppendFile(aside, length: 0)
        try file.append(Array(data))
        try file.sync()
        guard rename(aside, path) == 0 else { throw .unwritable(path, String(cString: strerror(errno))) }
        let folder = open(
            (path as NSString).deletingLastPathComponent.isEmpty ? "." : (path as NSString).deletingLastPathComponent,
            O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        if folder >= 0 {
            fsync(folder)
            close(folder)
        }
    }

    /// Sets beyond the limit are counted together.
    mutating func countUnread(_ set: String) {
        var counts = unread ?? [:]
        counts[counts[set] != nil || counts.count < 1_000 ? set : "…", default: 0] += 1
        unread = counts
    }

    static func head(of descriptor: Int32, bytes: Int) -> String {
        var buffer = [UInt8](repeating: 0, count: max(bytes, 1))
        let got = pread(descriptor, &buffer, bytes, 0)
        return digest(buffer.prefix(max(0, got)))
    }

    static func digest(_ bytes: ArraySlice<UInt8>) -> String { SHA256.hash(Array(bytes)).hex }
}

/// A file that is only appended to; made anew it is cut to what was committed.
final class AppendFile {
    private let descriptor: Int32
    private let path: String
    private(set) var length: Int64

    init(_ path: String, length: Int64) throws(DetectionError) {
        self.path = path
        self.length = length
        descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o640)
        guard descriptor >= 0, ftruncate(descriptor, off_t(length)) == 0,
            lseek(descriptor, 0, SEEK_END) == off_t(length)
        else { throw .unwritable(path, String(cString: strerror(errno))) }
    }

    deinit { close(descriptor) }

    func append(_ bytes: [UInt8]) throws(DetectionError) {
        var start = 0
        while start < bytes.count {
            let written = bytes[start...].withUnsafeBytes { Foundation.write(descriptor, $0.baseAddress, $0.count) }
            if written < 0, errno == EINTR { continue }
            guard written > 0 else { throw .unwritable(path, String(cString: strerror(errno))) }
            start += written
        }
        length += Int64(bytes.count)
    }

    func sync() throws(DetectionError) {
        guard fdatasync(descriptor) == 0 else { throw .unwritable(path, String(cString: strerror(errno))) }
    }
}
