internal import CLibpq

/// The rows of one statement, read one by one: memory stays flat however large the result is.
///
/// The connection belongs to the loop until it ends; leaving the loop early stops the statement.
public struct RowStream: AsyncSequence, Sendable {
    public typealias Element = Row
    let source: StreamSource
    let statement: Statement

    public func makeAsyncIterator() -> Iterator {
        let statement = statement
        return Iterator(
            cursor: SessionCursor(source, start: { try $0.startRows(statement) }, fetch: { try $0.fetchRows() }))
    }

    public struct Iterator: AsyncIteratorProtocol {
        let cursor: SessionCursor<Row>
        public mutating func next() async throws -> Row? { try await cursor.next() }
    }
}

/// The output of `COPY … TO STDOUT` in chunks of whole rows, about 64 KiB each.
public struct CopyStream: AsyncSequence, Sendable {
    public typealias Element = [UInt8]
    let source: StreamSource
    let statement: Statement

    public func makeAsyncIterator() -> Iterator {
        let statement = statement
        return Iterator(
            cursor: SessionCursor(
                source, start: { try $0.startCopy(statement, PGRES_COPY_OUT) }, fetch: { try $0.fetchCopied() }))
    }

    public struct Iterator: AsyncIteratorProtocol {
        let cursor: SessionCursor<[UInt8]>
        public mutating func next() async throws -> [UInt8]? { try await cursor.next() }
    }
}

extension Database {
    /// Reads a result of any size on a connection of its own.
    public func rows(_ statement: Statement) -> RowStream {
        RowStream(source: .pool(pool), statement: statement)
    }

    /// Streams a copy out on a connection of its own.
    public func copyOut(_ statement: Statement) -> CopyStream {
        CopyStream(source: .pool(pool), statement: statement)
    }
}

extension Connection {
    /// Reads a result of any size, inside the connection's transaction if it has one. No other statement can run on
    /// the connection until the loop ends.
    public func rows(_ statement: Statement) -> RowStream {
        RowStream(source: .connection(self), statement: statement)
    }

    public func copyOut(_ statement: Statement) -> CopyStream {
        CopyStream(source: .connection(self), statement: statement)
    }
}

/// Where a stream gets its connection.
enum StreamSource: Sendable {
    case pool(Result<Pool, PostgresError>)
    case connection(Connection)

    func connection() async throws -> Connection {
        switch self {
        case .connection(let connection): connection
        case .pool(let pool): try await Lease.acquire(from: pool.get())
        }
    }

    /// Gives a connection of the pool's back. On the reactor's thread.
    func release(_ connection: Connection) {
        if case .pool = self { connection.release(isResetting: false) }
    }
}

/// One loop over a session's output: fetches batches on the session's queue, gives the connection back at the end.
final class SessionCursor<Element: Sendable> {
    private let source: StreamSource
    private let start: @Sendable (Session) throws -> Void
    private let fetch: @Sendable (Session) throws -> [Element]
    private var batch: [Element] = []
    private var position = 0
    private var lent: (connection: Connection, session: Session)?
    private var isOver = false

    init(
        _ source: StreamSource, start: @escaping @Sendable (Session) throws -> Void,
        fetch: @escaping @Sendable (Session) throws -> [Element]
    ) {
        self.source = source
        self.start = start
        self.fetch = fetch
    }

    deinit {
        guard let (connection, session) = lent else { return }
        // The loop was left early.
        let source = source
        connection.abandon(session) { source.release(connection) }
    }

    func next() async throws -> Element? {
        if position == batch.count {
            guard !isOver else { return nil }
            do {
                let session = try await session()
                let fetch = fetch
                batch = try await session.performCancellable { try fetch($0) }
                position = 0
            } catch {
                await end()
                throw error
            }
            if batch.isEmpty {
                await end()
                return nil
            }
        }
        position += 1
        return batch[position - 1]
    }

    private func session() async throws -> Session {
        if let lent { return lent.session }
        let connection = try await source.connection()
        do {
            let session = try await connection.lend()
            lent = (connection, session)
            let start = start
            try await session.performCancellable { try start($0) }
            return session
        } catch {
            if lent == nil { connection.reactor.post(.perform { [source] in source.release(connection) }) }
            throw error
        }
    }

    private func end() async {
        isOver = true
        batch = []
        position = 0
        guard let (connection, session) = lent else { return }
        lent = nil
        await connection.takeBack(session)
        connection.reactor.post(.perform { [source] in source.release(connection) })
    }
}

extension Session {
    private static var rowsMax: Int { 256 }
    private static var memoryMax: Int { 1 << 20 }
    private static var chunkSize: Int { 64 << 10 }

    /// Runs `body` on the queue; cancelling the task cancels what the session does.
    func performCancellable<Value: Sendable>(_ body: @escaping @Sendable (Session) throws -> Value) async throws
        -> Value
    {
        try await withTaskCancellationHandler {
            try await perform(body)
        } onCancel: {
            cancel()
        }
    }

    func startRows(_ statement: Statement) throws {
        try send(statement)
        isReadingRowByRow = true
        guard PQsetSingleRowMode(handle) == 1 else { throw PostgresError.lost(handle) }
    }

    /// Some rows: those that have arrived, up to a bound; empty at the end.
    func fetchRows() throws -> [Row] {
        if isCancelled { throw PostgresError.cancelled }
        var rows: [Row] = []
        var memory = 0
        while rows.count < Self.rowsMax, memory < Self.memoryMax {
            if !rows.isEmpty, PQisBusy(handle) != 0 { break }
            guard let result = try next() else { break }
            memory += PQresultMemorySize(result)
            switch ServerReply(taking: result) {
            case .rows(let reply): rows.append(contentsOf: reply)
            case .failed(let error): throw told(error)
            case .copy: throw PostgresError(kind: .misuse, message: "a copy has no rows: use copyIn or copyOut")
            case .skipped, .synced: throw PostgresError.lost(handle)
            }
        }
        return rows
    }

    /// One chunk of whole rows of a copy; none at the end.
    func fetchCopied() throws -> [[UInt8]] {
        if isCancelled { throw PostgresError.cancelled }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(Self.chunkSize + 4096)
        while bytes.count < Self.chunkSize {
            if try receiveRow({ bytes.append(contentsOf: $0) }) { continue }
            if bytes.isEmpty {
                try finish()
                return []
            }
            break
        }
        return [bytes]
    }
}
