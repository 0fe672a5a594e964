internal import CLibpq
internal import Glibc

/// The rows of one statement, kept in libpq's own memory until the last `Row` is gone.
public struct QueryResult: Sendable, RandomAccessCollection {
    let storage: ResultStorage

    public var startIndex: Int { 0 }
    public var endIndex: Int { storage.rowCount }
    public subscript(index: Int) -> Row {
        precondition(indices.contains(index), "row index out of range")
        return Row(storage: storage, index: index)
    }

    /// Rows changed by an INSERT, UPDATE, DELETE or COPY; 0 for others.
    public var affectedRowCount: Int { storage.affectedRowCount }
    public var columnNames: [String] { storage.columnNames }
    /// What the server says it did: `INSERT 0 3`, `COMMIT`.
    public var commandTag: String { storage.commandTag }

    /// The answer to nothing.
    static let empty = QueryResult(storage: ResultStorage(nil))
}

/// One row. Columns are read by position or by name; a mismatch is a `PostgresError`, never a trap.
public struct Row: Sendable {
    let storage: ResultStorage
    let index: Int

    public var columnCount: Int { storage.columnCount }

    /// The column's text bytes, or nil for NULL. Valid only inside `body`.
    public func withBytes<Result>(_ column: Int, _ body: (UnsafeBufferPointer<UInt8>?) throws -> Result) rethrows
        -> Result
    {
        try body(storage.bytes(row: index, column: column))
    }

    public func decode<Value: ColumnDecodable>(_ column: Int, as type: Value.Type = Value.self) throws -> Value {
        guard let value = try decodeIfPresent(column, as: type) else {
            throw PostgresError.decoding(column: storage.columnName(column), reason: "null where \(type) is expected")
        }
        return value
    }

    public func decodeIfPresent<Value: ColumnDecodable>(_ column: Int, as type: Value.Type = Value.self) throws
        -> Value?
    {
        guard column >= 0, column < storage.columnCount else {
            throw PostgresError.decoding(column: "#\(column)", reason: "the row has \(storage.columnCount) columns")
        }
        guard let bytes = storage.bytes(row: index, column: column) else { return nil }
        guard let value = Value(columnText: bytes) else {
            throw PostgresError.decoding(column: storage.columnName(column), reason: "the text is not a \(type)")
        }
        return value
    }

    public func decode<Value: ColumnDecodable>(_ name: String, as type: Value.Type = Value.self) throws -> Value {
        try decode(position(of: name), as: type)
    }

    public func decodeIfPresent<Value: ColumnDecodable>(_ name: String, as type: Value.Type = Value.self) throws
        -> Value?
    {
        try decodeIfPresent(position(of: name), as: type)
    }

    private func position(of name: String) throws -> Int {
        guard let position = storage.position(of: name) else {
            throw PostgresError.decoding(column: name, reason: "no such column in \(storage.columnNames)")
        }
        return position
    }
}

/// A type made from a whole row. Single values conform by reading the first column.
public protocol RowDecodable: Sendable {
    init(row: Row) throws
}

extension RowDecodable where Self: ColumnDecodable {
    public init(row: Row) throws { self = try row.decode(0) }
}

extension Int: RowDecodable {}
extension Int64: RowDecodable {}
extension Int32: RowDecodable {}
extension String: RowDecodable {}
extension Bool: RowDecodable {}
extension Double: RowDecodable {}

/// Owns one PGresult, or rows that were read without libpq, whose columns have no names.
final class ResultStorage: @unchecked Sendable {
    // SAFETY: the PGresult is never changed after init; libpq's readers of a finished result are thread safe.
    private let result: OpaquePointer?
    private let own: RowBuffer?
    let rowCount: Int
    let columnCount: Int

    init(_ result: OpaquePointer?) {
        self.result = result
        own = nil
        rowCount = Int(PQntuples(result))
        columnCount = Int(PQnfields(result))
    }

    init(_ rows: RowBuffer) {
        result = nil
        own = rows
        rowCount = rows.rowCount
        columnCount = rows.columnCount
    }

    deinit { if let result { PQclear(result) } }

    var affectedRowCount: Int {
        // An empty text for statements that change nothing.
        result.flatMap { PQcmdTuples($0) }.flatMap { Int(String(cString: $0)) } ?? 0
    }

    var commandTag: String { own?.commandTag ?? result.flatMap { PQcmdStatus($0) }.map { String(cString: $0) } ?? "" }

    /// COMMIT or PREPARE TRANSACTION: what came before it cannot be undone.
    var hasCommitTag: Bool {
        guard let tag = result.flatMap({ PQcmdStatus($0) }) else { return false }
        return strncmp(tag, "COMMIT", 6) == 0 || strncmp(tag, "PREPARE TRANSACTION", 19) == 0
    }

    var columnNames: [String] { (0..<columnCount).map(columnName) }

    func position(of name: String) -> Int? {
        guard result != nil else { return nil }
        for column in 0..<columnCount {
            if let found = PQfname(result, Int32(column)), strcmp(found, name) == 0 { return column }
        }
        return nil
    }

    func columnName(_ column: Int) -> String {
        result.flatMap { PQfname($0, Int32(column)) }.map { String(cString: $0) } ?? "#\(column)"
    }

    func bytes(row: Int, column: Int) -> UnsafeBufferPointer<UInt8>? {
        if let own { return own.bytes(row: row, column: column) }
        guard column >= 0, column < columnCount, PQgetisnull(result, Int32(row), Int32(column)) == 0 else { return nil }
        let length = Int(PQgetlength(result, Int32(row), Int32(column)))
        guard let start = PQgetvalue(result, Int32(row), Int32(column)) else { return nil }
        return UnsafeBufferPointer(
            start: UnsafeRawPointer(start).assumingMemoryBound(to: UInt8.self), count: length)
    }
}
