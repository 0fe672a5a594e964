/// A caller's wish for a connection of its own.
final class Lease: @unchecked Sendable {
    // SAFETY: `continuation` is set before the inbox's lock hands it over; then the reactor's thread alone touches it.
    private var continuation: UnsafeContinuation<Connection, any Error>?
    private(set) var isDone = false
    private(set) var isCancelled = false
    /// Nil until the reactor took it in.
    var waitingSince: UInt64?

    static func acquire(from pool: Pool) async throws -> Connection {
        if Task.isCancelled { throw PostgresError.cancelled }
        let lease = Lease()
        return try await withTaskCancellationHandler {
            try await withUnsafeThrowingContinuation { continuation in
                lease.continuation = continuation
                pool.reactor.post(.perform { pool.submit(lease) })
            }
        } onCancel: {
            pool.reactor.post(.perform { lease.cancel() })
        }
    }

    func grant(_ connection: Connection) {
        isDone = true
        continuation?.resume(returning: connection)
        continuation = nil
    }

    func fail(_ error: PostgresError) {
        guard !isDone else { return }
        isDone = true
        continuation?.resume(throwing: error)
        continuation = nil
    }

    private func cancel() {
        isCancelled = true
        if waitingSince != nil { fail(.cancelled) }
    }
}
