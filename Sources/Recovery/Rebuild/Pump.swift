internal import Postgres

/// Moves rows from one database to another through a transformation, a bounded number of bytes in between.
enum Pump {
    /// Owned by the thread that receives rows.
    private final class State: @unchecked Sendable {
        // SAFETY: touched by the one thread that `copyOut` calls back on, and read after that call has returned.
        var writer = CopyTextWriter(capacity: Pump.chunkBytes * 2)
        var refused: Int64 = 0
    }

    private static let chunkBytes = 256 << 10
    private struct ReceiverGone: Error {}

    /// Rows for which `transform` returns false are not written. Returns the rows copied.
    static func run(
        from source: Database, _ select: Statement, into target: Database, _ copy: Statement,
        transform: @escaping @Sendable (CopyLine, inout CopyTextWriter) throws -> Bool
    ) async throws -> Int64 {
        let channel = BatchChannel<[UInt8]>(capacity: 16)
        let state = State()
        return try await withThrowingTaskGroup(of: Int64?.self) { group in
            group.addTask {
                defer { channel.cancel() }
                return Int64(try await target.withConnection { try await $0.copyIn(copy, from: channel) })
            }
            group.addTask {
                do {
                    try await source.withConnection { connection in
                        try await connection.copyOut(CleanRoomStore.copyOut(select)) { bytes in
                            let line = CopyLine(bytes.bindMemory(to: UInt8.self))
                            guard try transform(line, &state.writer) else { return }
                            state.writer.endLine()
                            guard state.writer.bytes.count >= chunkBytes else { return }
                            guard channel.send(state.writer.take()) else { throw ReceiverGone() }
                        }
                    }
                    if !state.writer.bytes.isEmpty { _ = channel.send(state.writer.take()) }
                    channel.finish()
                } catch is ReceiverGone {
                    channel.finish()
                } catch {
                    channel.finish(throwing: error)
                }
                return nil
            }
            var copied: Int64 = 0
            for try await count in group { copied += count ?? 0 }
            return copied
        }
    }
}
