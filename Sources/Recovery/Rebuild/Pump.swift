internal import Postgres

/// Moves rows from one database to another through a transformation, a bounded number of bytes in between.
///
/// The target takes them in one transaction, a savepoint every chunk: a row that it refuses is handed to `refuse` and the
/// rest goes in.
struct Pump: Sendable {
    let source: Database
    let target: Database
    /// Begins the target's transaction, when there is one.
    var emptying: Statement?
    let copy: Statement
    /// The source's line of a row that the target refused, and why.
    let refuse: @Sendable ([UInt8], PostgresError) throws -> Void

    /// Rows on their way: what the target gets, and the lines they were made of.
    struct Chunk: Sendable {
        var text: [UInt8] = []
        var rows: [Int] = []
        var sources: [UInt8] = []
        var sourceRows: [Int] = []

        var count: Int { rows.count }

        func text(_ range: Range<Int>) -> [UInt8] { Self.slice(text, rows, range) }

        func source(_ row: Int) -> [UInt8] { Self.slice(sources, sourceRows, row..<(row + 1)) }

        private static func slice(_ bytes: [UInt8], _ starts: [Int], _ range: Range<Int>) -> [UInt8] {
            let end = range.upperBound < starts.count ? starts[range.upperBound] : bytes.count
            return Array(bytes[starts[range.lowerBound]..<end])
        }
    }

    /// The source's error, told apart from the target's.
    struct SourceRefused: Error {
        let error: PostgresError
    }

    /// Owned by the thread that receives rows.
    private final class State: @unchecked Sendable {
        // SAFETY: touched by the one thread that `copyOut` calls back on, and read after that call has returned.
        var writer = CopyTextWriter(capacity: Pump.chunkBytes * 2)
        var chunk = Chunk()
        let fields = FieldIndex()

        func take() -> Chunk {
            chunk.text = writer.take()
            let taken = chunk
            chunk = Chunk()
            chunk.rows.reserveCapacity(taken.rows.count)
            chunk.sourceRows.reserveCapacity(taken.rows.count)
            chunk.sources.reserveCapacity(taken.sources.count)
            return taken
        }
    }

    private static let chunkBytes = 1 << 20
    private struct ReceiverGone: Error {}

    /// Rows for which `transform` returns false are not written. Returns the rows copied.
    func run(
        _ select: Statement, transform: @escaping @Sendable (CopyLine, inout CopyTextWriter) throws -> Bool
    ) async throws -> Int64 {
        let channel = BatchChannel<Chunk>(capacity: 8)
        return try await withThrowingTaskGroup(of: Int64.self) { group in
            group.addTask {
                defer { channel.cancel() }
                return try await receive(channel)
            }
            group.addTask {
                do {
                    try await send(select, channel, transform)
                    channel.finish()
                } catch is ReceiverGone {
                    channel.finish()
                } catch let error as PostgresError where error.isAboutTheRow {
                    channel.finish(throwing: SourceRefused(error: error))
                } catch {
                    channel.finish(throwing: error)
                }
                return 0
            }
            var copied: Int64 = 0
            for try await count in group { copied += count }
            return copied
        }
    }

    private func send(
        _ select: Statement, _ channel: BatchChannel<Chunk>,
        _ transform: @escaping @Sendable (CopyLine, inout CopyTextWriter) throws -> Bool
    ) async throws {
        let state = State()
        try await source.withConnection { connection in
            try await connection.copyOut(CleanRoomStore.copyOut(select)) { bytes in
                let text = bytes.bindMemory(to: UInt8.self)
                let start = state.writer.bytes.count
                guard try transform(CopyLine(text, index: state.fields), &state.writer) else {
                    state.writer.cut(to: start)
                    return
                }
                state.writer.endLine()
                state.chunk.rows.append(start)
                state.chunk.sourceRows.append(state.chunk.sources.count)
                state.chunk.sources.append(contentsOf: text)
                guard state.writer.bytes.count >= Self.chunkBytes else { return }
                guard channel.send(state.take()) else { throw ReceiverGone() }
            }
        }
        if state.chunk.count > 0 { channel.sendLast(state.take()) }
    }

    private func receive(_ channel: BatchChannel<Chunk>) async throws -> Int64 {
        try await target.withConnection { connection in
            try await connection.run(CleanRoomStore.begin)
            do {
                if let emptying { try await connection.run(emptying) }
                var copied: Int64 = 0
                for try await chunk in channel { copied += try await load(chunk, connection) }
                try await connection.run(CleanRoomStore.commit)
                return copied
            } catch {
                _ = try? await connection.run(CleanRoomStore.rollback)
                throw error
            }
        }
    }

    private func load(_ chunk: Chunk, _ connection: Connection) async throws -> Int64 {
        try await connection.run(CleanRoomStore.savepoint)
        var copied = 0
        do {
            copied = try await connection.copyIn(copy, from: ChunkSequence([chunk.text]))
        } catch let error as PostgresError where error.isAboutTheRow {
            try await connection.run(CleanRoomStore.rollbackToSavepoint)
            try await RowIsolation(connection: connection, copy: copy).load(
                chunk.count, text: chunk.text, loaded: { copied += $1 }, refused: { try refuse(chunk.source($0), $1) })
        }
        try await connection.run(CleanRoomStore.releaseSavepoint)
        return Int64(copied)
    }
}
