internal import Foundation
internal import Synchronization

/// Received lines, a file for each sender, turned over by size: what `logs follow` and `logs analyse` read.
public final class LineSpool: Sendable {
    private struct State {
        var files: [String: AppendFile] = [:]
        var dirty: Set<String> = []
        var lines: Int64 = 0
        var refused: Int64 = 0
    }

    private let folder: String
    private let fileBytesMax: Int64
    private let state = Mutex(State())
    private static let kept = 9
    /// More senders than this share one file.
    private static let sendersMax = 1_000

    /// - Parameter folder: is made if it is not there.
    public init(_ folder: String, fileBytesMax: Int64 = 64 << 20) throws(DetectionError) {
        self.folder = folder
        self.fileBytesMax = fileBytesMax
        do {
            try FileManager.default.createDirectory(
                atPath: folder, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o750])
        } catch {
            throw .unwritable(folder, error.localizedDescription)
        }
    }

    public var lineCount: Int64 { state.withLock { $0.lines } }
    /// Lines that could not be written.
    public var refusedCount: Int64 { state.withLock { $0.refused } }

    /// - Parameter sender: an address.
    /// - Returns: false when they could not be written, and the sender should send them again.
    public func write(_ messages: [[UInt8]], from sender: String) -> Bool {
        guard !messages.isEmpty else { return true }
        var bytes: [UInt8] = []
        for message in messages {
            bytes += message
            bytes.append(10)
        }
        return state.withLock { state in
            let known = state.files[sender] != nil || state.files.count < Self.sendersMax
            let name = known ? Self.name(sender) : "others"
            do throws(DetectionError) {
                let path = folder + "/" + name + ".log"
                var file = state.files[name]
                if let open = file, open.length >= fileBytesMax {
                    try open.sync()
                    turn(path)
                    file = nil
                }
                let open: AppendFile
                if let file { open = file } else { open = try self.open(path) }
                state.files[name] = open
                try open.append(bytes)
                state.dirty.insert(name)
                state.lines += Int64(messages.count)
                return true
            } catch {
                state.refused += Int64(messages.count)
                return false
            }
        }
    }

    /// Brings what was written to the disk.
    public func sync() {
        state.withLock { state in
            for name in state.dirty { try? state.files[name]?.sync() }
            state.dirty = []
        }
    }

    /// A line that a crash cut stays a line of its own.
    private func open(_ path: String) throws(DetectionError) -> AppendFile {
        var info = stat()
        let length = stat(path, &info) == 0 ? Int64(info.st_size) : 0
        let file = try AppendFile(path, length: length)
        if length > 0, !Self.endsLine(path, length) { try file.append([10]) }
        return file
    }

    private static func endsLine(_ path: String, _ length: Int64) -> Bool {
        let descriptor = Foundation.open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return false }
        defer { close(descriptor) }
        var last: UInt8 = 0
        return pread(descriptor, &last, 1, off_t(length - 1)) == 1 && last == 10
    }

    private func turn(_ path: String) {
        for number in stride(from: Self.kept - 1, to: 0, by: -1) {
            rename("\(path).\(number)", "\(path).\(number + 1)")
        }
        rename(path, path + ".1")
    }

    private static func name(_ sender: String) -> String {
        let name = sender.filter { $0.isASCII && ($0.isLetter || $0.isNumber || $0 == "." || $0 == ":" || $0 == "-") }
        return name.isEmpty || name.hasPrefix(".") ? "others" : name
    }
}
