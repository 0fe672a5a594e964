internal import Foundation
internal import Web

/// Lines that could not be read: counted by log, and kept in a file of a bounded size, each once.
extension LogFollower {
    /// By log, since the state began.
    public var unreadLines: [(source: String, count: Int64)] {
        (state.unread ?? [:]).sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
    }

    func unread(_ record: Bytes, _ place: LinePlace, _ path: String, _ why: UnreadLine.Reason) {
        // Its own notes may stand among the logs.
        guard settings.unread.map({ !path.hasPrefix($0) }) ?? true else { return }
        state.countUnread(LogFiles.split(path).name)
        guard settings.unread != nil else { return }
        pendingUnread += (UnreadLine.json(record, place, path, why).text + "\n").utf8
    }

    func openSpool() throws {
        for (source, count) in unreadLines { unreadNotice[source] = Self.notice(above: count) }
        guard let path = settings.unread else { return }
        // Turned over after the last position was kept: then it is shorter than the position says.
        let length = (try? FileManager.default.attributesOfItem(atPath: path)[.size] as? NSNumber)?.int64Value ?? 0
        spool = try AppendFile(path, length: min(state.outputs[path] ?? 0, length))
    }

    func writeSpool() throws {
        defer { pendingUnread.removeAll(keepingCapacity: true) }
        guard let path = settings.unread, let spool, !pendingUnread.isEmpty else { return }
        try spool.append(pendingUnread)
        try spool.sync()
        state.outputs[path] = spool.length
    }

    /// True when a new file was begun.
    func turnSpool() throws -> Bool {
        guard let path = settings.unread, let length = spool?.length, length > settings.unreadBytesMax else {
            return false
        }
        guard rename(path, path + ".1") == 0 else {
            throw DetectionError.unwritable(path, String(cString: strerror(errno)))
        }
        spool = try AppendFile(path, length: 0)
        state.outputs[path] = 0
        return true
    }

    /// At the first, the tenth, the hundredth…
    func tellUnread() {
        guard let tell = settings.onUnread, let counts = state.unread else { return }
        for (source, count) in counts where count >= unreadNotice[source] ?? 1 {
            tell(source, count)
            unreadNotice[source] = Self.notice(above: count)
        }
    }

    private static func notice(above count: Int64) -> Int64 {
        var next: Int64 = 1
        while next <= count, next < .max / 10 { next *= 10 }
        return next
    }
}

/// A line that could not be read, as it is kept.
enum UnreadLine {
    enum Reason: String {
        /// No reader knows its form.
        case noForm = "no_form"
        /// It tells no time, and the table that lines go to needs one.
        case noTime = "no_time"
        /// The file is damaged behind this place.
        case damaged
    }

    private static let bytesMax = 64 << 10

    static func json(_ record: Bytes, _ place: LinePlace, _ path: String, _ why: Reason) -> JSON {
        let bytes = [UInt8](UnsafeBufferPointer(start: record.start, count: min(record.count, bytesMax)))
        let text = String(validating: bytes, as: UTF8.self)
        return .object([
            .init("source", .string(path)), .init("line", .integer(place.number)),
            .init("offset", .integer(place.offset)), .init("why", .string(why.rawValue)),
            .init("bytes", .integer(record.count)),
            text.map { .init("text", .string($0)) } ?? .init("base64", .string(Data(bytes).base64EncodedString())),
        ])
    }
}

/// Every line that an analysis could not read, in a file of its own.
final class UnreadFile {
    private let file: AppendFile
    private var buffer: [UInt8] = []
    private static let bufferedMax = 1 << 16

    init(_ path: String) throws(DetectionError) { file = try AppendFile(path, length: 0) }

    func add(_ record: Bytes, _ place: LinePlace, _ path: String) throws(DetectionError) {
        buffer += (UnreadLine.json(record, place, path, .noForm).text + "\n").utf8
        if buffer.count >= Self.bufferedMax { try finish() }
    }

    func finish() throws(DetectionError) {
        try file.append(buffer)
        buffer.removeAll(keepingCapacity: true)
    }
}
