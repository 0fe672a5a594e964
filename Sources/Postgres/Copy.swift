internal import CLibpq

extension Connection {
    /// Streams `chunks` into `COPY … FROM STDIN`; chunk borders need not be row borders. Returns the rows copied.
    ///
    /// The next chunk is asked for when the server has taken the last one, so a slow server holds a fast producer back
    /// and one chunk at a time is in memory; chunks of 64 to 512 KiB are quickest. When the producer throws, the server
    /// forgets the rows and the producer's error is rethrown.
    @discardableResult
    public func copyIn<Chunks: AsyncSequence>(_ statement: Statement, from chunks: Chunks) async throws -> Int
    where Chunks.Element == [UInt8] {
        try await outsidePipeline { session in
            try await session.perform { try $0.startCopy(statement, PGRES_COPY_IN) }
            do {
                for try await chunk in chunks { try await session.perform { try $0.put(chunk) } }
                try Task.checkCancellation()
            } catch {
                throw try await session.perform { session in session.abandonCopy(because: error) }
            }
            return try await session.perform { try $0.endCopy() }
        }
    }

    /// Streams what `produce` writes into `COPY … FROM STDIN`, without a task switch per chunk: `produce` runs on a
    /// thread of its own, which waits when the server is slower. Returns the rows copied.
    @discardableResult
    public func copyIn(
        _ statement: Statement, writing produce: @escaping @Sendable (CopyWriter) throws -> Void
    ) async throws -> Int {
        try await outsidePipeline { session in
            try await session.perform { session in
                try session.startCopy(statement, PGRES_COPY_IN)
                do {
                    let writer = CopyWriter(session)
                    try produce(writer)
                    try writer.flush()
                } catch {
                    throw session.abandonCopy(because: error)
                }
                return try session.endCopy()
            }
        }
    }

    /// Streams the output of `COPY … TO STDOUT`, one row (text, csv) or tuple (binary) at a time.
    /// When `receive` throws, the copy is cancelled and its error is rethrown.
    public func copyOut(
        _ statement: Statement, _ receive: @escaping @Sendable (UnsafeRawBufferPointer) throws -> Void
    ) async throws {
        try await outsidePipeline { session in
            try await session.perform { session in
                try session.startCopy(statement, PGRES_COPY_OUT)
                do {
                    while try session.receiveRow(receive) {}
                } catch {
                    session.cancel()
                    _ = try? session.skipRows()
                    throw error
                }
                try session.finish()
            }
        }
    }
}

/// Collects small writes into messages of a size that suits the server. For use inside `copyIn(_:writing:)`.
public final class CopyWriter {
    private static let messageSize = 256 << 10
    private let session: Session
    private var pending: [UInt8] = []

    init(_ session: Session) {
        self.session = session
        pending.reserveCapacity(Self.messageSize)
    }

    public func write(_ bytes: UnsafeRawBufferPointer) throws {
        if bytes.count >= Self.messageSize {
            try flush()
            return try session.put(bytes)
        }
        pending.append(contentsOf: bytes)
        if pending.count >= Self.messageSize { try flush() }
    }

    public func write(_ bytes: [UInt8]) throws { try bytes.withUnsafeBytes { try write($0) } }

    func flush() throws {
        guard !pending.isEmpty else { return }
        try session.put(pending)
        pending.removeAll(keepingCapacity: true)
    }
}

extension Session {
    private static let messageMax = 1 << 20

    func startCopy(_ statement: Statement, _ expected: ExecStatusType) throws {
        guard statement.values.isEmpty else {
            throw PostgresError(kind: .misuse, message: "copy takes no bound values")
        }
        try send(statement)
        guard let result = try next() else { throw PostgresError.lost(handle) }
        let status = PQresultStatus(result)
        if status == expected { return PQclear(result) }
        if case .failed(let error) = ServerReply(taking: result) { throw told(error) }
        throw PostgresError(kind: .misuse, message: "the statement is not a copy in this direction")
    }

    func put(_ chunk: [UInt8]) throws { try chunk.withUnsafeBytes { try put($0) } }

    /// Sends one chunk and waits until the server's socket took it.
    func put(_ chunk: UnsafeRawBufferPointer) throws {
        var rest = chunk[...]
        while !rest.isEmpty {
            if isCancelled { throw PostgresError.cancelled }
            let part = UnsafeRawBufferPointer(rebasing: rest.prefix(Self.messageMax))
            let start = part.baseAddress?.assumingMemoryBound(to: CChar.self)
            switch PQputCopyData(handle, start, Int32(part.count)) {
            case 1: rest = rest.dropFirst(part.count)
            // The buffer has no room: wait, then the same part again.
            case 0: try wait(for: POLLOUT)
            default: throw PostgresError.lost(handle)
            }
            try flush()
        }
    }

    func endCopy() throws -> Int {
        guard PQputCopyEnd(handle, nil) == 1 else { throw PostgresError.lost(handle) }
        try flush()
        return try finish().affectedRowCount
    }

    /// Ends the copy so that no row of it stays. Returns the error to throw: the server's when it refused first.
    func abandonCopy(because error: any Error) -> any Error {
        PQputCopyEnd(handle, "the sender stopped")
        do {
            try flush()
            try finish()
        } catch let failure as PostgresError where failure.kind == .connectionLost {
            return failure
        } catch {}
        return error is CancellationError ? PostgresError.cancelled : error
    }

    /// Passes the next row on; false at the end.
    func receiveRow(_ receive: (UnsafeRawBufferPointer) throws -> Void) throws -> Bool {
        var buffer: UnsafeMutablePointer<CChar>?
        while true {
            let count = PQgetCopyData(handle, &buffer, 1)
            if count > 0, let bytes = buffer {
                defer { PQfreemem(bytes) }
                try receive(UnsafeRawBufferPointer(start: bytes, count: Int(count)))
                return true
            }
            // The end, or an error: `finish` tells which.
            if count < 0 { return false }
            try wait(for: POLLIN)
            guard PQconsumeInput(handle) == 1 else { throw PostgresError.lost(handle) }
        }
    }

    /// Reads to the end of a copy that nobody wants any more.
    func skipRows() throws {
        while try receiveRow({ _ in }) {}
        try finish()
    }
}
