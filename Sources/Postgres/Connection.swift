internal import CLibpq
internal import Dispatch
internal import Foundation

/// One session with the server.
public final class Connection: SQLExecutor, @unchecked Sendable {
    // SAFETY: the PGconn is touched on `queue` only.
    private let handle: OpaquePointer
    private let queue = DispatchQueue(label: "digitalbank.postgres")

    private init(handle: OpaquePointer) { self.handle = handle }

    deinit { PQfinish(handle) }

    public static func connect(_ configuration: DatabaseConfiguration) async throws -> Connection {
        try await withCheckedThrowingContinuation { continuation in
            DispatchQueue.global().async {
                var keywords: [String] = ["dbname"]
                var values: [String] = [configuration.connectionString]
                if let password = configuration.password {
                    keywords.append("password")
                    values.append(password)
                }
                let handle = keywords.withCStrings { names in
                    values.withCStrings { PQconnectdbParams(names, $0, 1) }
                }
                guard let handle else {
                    return continuation.resume(throwing: PostgresError(kind: .connect, message: "out of memory"))
                }
                guard PQstatus(handle) == CONNECTION_OK else {
                    let message = String(cString: PQerrorMessage(handle))
                        .trimmingCharacters(in: .whitespacesAndNewlines)
                    PQfinish(handle)
                    return continuation.resume(throwing: PostgresError(kind: .connect, message: message))
                }
                continuation.resume(returning: Connection(handle: handle))
            }
        }
    }

    @discardableResult
    public func run(_ statement: Statement) async throws -> QueryResult {
        try await onQueue { handle in
            let texts: [[UInt8]?] = statement.values.map { value in
                value.bytes.map { value.isBinary ? $0 : $0 + [0] }
            }
            let lengths = statement.values.map { Int32($0.bytes?.count ?? 0) }
            let formats = statement.values.map { Int32($0.isBinary ? 1 : 0) }
            let types = statement.values.map { Oid($0.type) }
            let pointers = texts.map { bytes -> UnsafePointer<CChar>? in
                guard let bytes else { return nil }
                let copy = UnsafeMutablePointer<CChar>.allocate(capacity: max(bytes.count, 1))
                bytes.withUnsafeBytes { UnsafeMutableRawBufferPointer(start: copy, count: bytes.count).copyMemory(from: $0) }
                return UnsafePointer(copy)
            }
            defer { for pointer in pointers { pointer?.deallocate() } }
            let result =
                statement.values.isEmpty
                ? PQexec(handle, statement.sql)
                : PQexecParams(handle, statement.sql, Int32(types.count), types, pointers, lengths, formats, 0)
            return try Self.checked(result, handle)
        }
    }

    /// Runs a script of several statements, as psql would send it, in one implicit transaction.
    public func runScript(_ sql: String) async throws {
        _ = try await onQueue { handle in try Self.checked(PQexec(handle, sql), handle) }
    }

    public func transaction<Value: Sendable>(
        isolation: IsolationLevel = .readCommitted, _ body: @Sendable (Transaction) async throws -> Value
    ) async throws -> Value {
        try await run(Statement(unchecked: "begin isolation level \(isolation.rawValue)"))
        do {
            let value = try await body(Transaction(connection: self))
            try await run("commit")
            return value
        } catch {
            _ = try? await run("rollback")
            throw error
        }
    }

    /// Streams `chunks` into `COPY … FROM STDIN`; chunk borders need not be row borders. Returns the rows copied.
    @discardableResult
    public func copyIn<Chunks: AsyncSequence>(_ statement: Statement, from chunks: Chunks) async throws -> Int
    where Chunks.Element == [UInt8] {
        _ = try await onQueue { handle in try Self.checked(PQexec(handle, statement.sql), handle) }
        do {
            for try await chunk in chunks {
                try await onQueue { handle in
                    let status = chunk.withUnsafeBytes {
                        PQputCopyData(handle, $0.baseAddress?.assumingMemoryBound(to: CChar.self), Int32($0.count))
                    }
                    if status != 1 { throw Self.lost(handle) }
                }
            }
        } catch {
            _ = try? await onQueue { handle in
                PQputCopyEnd(handle, "the sender stopped")
                while let result = PQgetResult(handle) { PQclear(result) }
            }
            throw error
        }
        return try await onQueue { handle in
            PQputCopyEnd(handle, nil)
            let result = try Self.checked(PQgetResult(handle), handle)
            while let extra = PQgetResult(handle) { PQclear(extra) }
            return result.affectedRowCount
        }
    }

    /// Streams the output of `COPY … TO STDOUT`, one row (text, csv) or tuple (binary) at a time.
    public func copyOut(
        _ statement: Statement, _ receive: @escaping @Sendable (UnsafeRawBufferPointer) throws -> Void
    ) async throws {
        try await onQueue { handle in
            _ = try Self.checked(PQexec(handle, statement.sql), handle)
            var buffer: UnsafeMutablePointer<CChar>?
            while true {
                let count = PQgetCopyData(handle, &buffer, 0)
                guard count > 0, let bytes = buffer else { break }
                defer { PQfreemem(bytes) }
                try receive(UnsafeRawBufferPointer(start: bytes, count: Int(count)))
            }
            while let result = PQgetResult(handle) { _ = try Self.checked(result, handle) }
        }
    }

    public func close() async {}

    private func onQueue<Value: Sendable>(_ body: @escaping @Sendable (OpaquePointer) throws -> Value) async throws
        -> Value
    {
        try await withCheckedThrowingContinuation { continuation in
            queue.async { [self] in continuation.resume(with: Result { try body(handle) }) }
        }
    }

    private static func lost(_ handle: OpaquePointer) -> PostgresError {
        PostgresError(kind: .connectionLost, message: String(cString: PQerrorMessage(handle)))
    }

    private static func checked(_ result: OpaquePointer?, _ handle: OpaquePointer) throws -> QueryResult {
        guard let result else { throw lost(handle) }
        switch PQresultStatus(result) {
        case PGRES_COMMAND_OK, PGRES_TUPLES_OK, PGRES_SINGLE_TUPLE, PGRES_COPY_IN, PGRES_COPY_OUT, PGRES_EMPTY_QUERY:
            return QueryResult(storage: ResultStorage(result))
        default:
            defer { PQclear(result) }
            func field(_ code: UInt8) -> String? {
                PQresultErrorField(result, Int32(code)).map { String(cString: $0) }
            }
            var error = PostgresError(
                kind: .server, message: field(UInt8(ascii: "M")) ?? String(cString: PQresultErrorMessage(result)),
                sqlState: field(UInt8(ascii: "C")))
            error.detail = field(UInt8(ascii: "D"))
            error.serverHint = field(UInt8(ascii: "H"))
            error.constraint = field(UInt8(ascii: "n"))
            error.table = field(UInt8(ascii: "t"))
            error.column = field(UInt8(ascii: "c"))
            error.context = field(UInt8(ascii: "W"))
            throw error
        }
    }
}

extension [String] {
    /// A null-terminated array of C strings, valid inside `body`.
    func withCStrings<Result>(_ body: (UnsafePointer<UnsafePointer<CChar>?>) -> Result) -> Result {
        let copies = map { strdup($0) }
        defer { for copy in copies { free(copy) } }
        return (copies.map { UnsafePointer<CChar>($0) } + [nil]).withUnsafeBufferPointer { buffer in
            buffer.baseAddress.map(body)!
        }
    }
}
