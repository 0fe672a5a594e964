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

    /// Marks that the lines of `table` so far do not count: the table is being read anew.
    func forget(table: String) throws {
        let data = Data("{\"forget\":\(try Self.quoted(table))}\n".utf8)
        try handle.withLock { try $0.write(contentsOf: data) }
    }

    private static func quoted(_ text: String) throws -> String {
        String(decoding: try encoder.encode(text), as: UTF8.self)
    }

    /// Moves the lines of another file to the end of this one.
    func take(_ other: QuarantineFile) throws {
        try handle.withLock { handle in
            _ = try FileBytes.read(other.path) { try handle.write(contentsOf: Data($0)) }
        }
        guard unlink(other.path) == 0 else { throw DurableFile.failure("remove", other.path) }
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
