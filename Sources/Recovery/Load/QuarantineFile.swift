internal import Foundation
internal import Salvage
internal import Synchronization

/// Rows that are not data: kept whole, one JSON line each, readable by the operator only.
final class QuarantineFile: Sendable {
    enum Kind: String, Codable, Sendable {
        case inferred, suspect, refused
    }

    struct Line: Codable {
        let table: String
        let kind: Kind
        let reason: String
        /// Where in the dump the row was found.
        let place: String
        /// The row as COPY text; bytes that are not UTF-8 are in `bytes` instead.
        let row: String?
        let bytes: Data?
    }

    let path: String
    private let handle: Mutex<FileHandle>
    private static let encoder: JSONEncoder = {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return encoder
    }()

    /// Starts the file anew: a table that is loaded again brings its quarantine again.
    init(path: String) throws {
        self.path = path
        let descriptor = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw DurableFile.failure("create", path) }
        handle = Mutex(FileHandle(fileDescriptor: descriptor, closeOnDealloc: true))
    }

    /// Where the next line will stand.
    func end() throws -> UInt64 { try handle.withLock { try $0.offset() } }

    /// Takes back the lines since `end` was this: the rows are read anew.
    func cut(to end: UInt64) throws { try handle.withLock { try $0.truncate(atOffset: end) } }

    /// Moves the lines of another file to the end of this one.
    func take(_ other: QuarantineFile) throws {
        try handle.withLock { handle in
            _ = try FileBytes.read(other.path) { try handle.write(contentsOf: Data($0)) }
        }
        guard unlink(other.path) == 0 else { throw DurableFile.failure("remove", other.path) }
    }

    /// Reads the first lines of a quarantine, one after the other.
    static func lines(of path: String, max: Int, _ receive: (Data) -> Void) throws {
        struct Enough: Error {}
        var pending: [UInt8] = []
        var count = 0
        do {
            _ = try FileBytes.read(path) { chunk in
                pending.append(contentsOf: chunk)
                var start = 0
                while let end = pending[start...].firstIndex(of: UInt8(ascii: "\n")) {
                    receive(Data(pending[start..<end]))
                    start = end + 1
                    count += 1
                    if count >= max { throw Enough() }
                }
                pending.removeFirst(start)
            }
        } catch is Enough {}
    }

    func add(_ batch: RowBatch, kind: Kind, reason: String) throws {
        for row in 0..<batch.rowCount {
            try add(
                table: batch.table, row: Array(batch.text[batch.bytes(ofRows: row..<(row + 1))]), kind: kind,
                reason: reason, place: batch.place(ofRow: row))
        }
    }

    func add(table: String, row: [UInt8], kind: Kind, reason: String, place: String) throws {
        let bytes = row.last == UInt8(ascii: "\n") ? row.dropLast() : row[...]
        let text = String(validating: bytes, as: UTF8.self)
        let line = Line(
            table: table, kind: kind, reason: reason, place: place, row: text,
            bytes: text == nil ? Data(bytes) : nil)
        let data = try Self.encoder.encode(line) + [UInt8(ascii: "\n")]
        try handle.withLock { try $0.write(contentsOf: data) }
    }
}
