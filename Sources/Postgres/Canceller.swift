internal import CLibpq
internal import Dispatch

/// Asks the server to stop what one session is doing, over a connection of its own.
///
/// PQcancel blocks, so it runs on a helper thread and never on the reactor's.
final class Canceller: @unchecked Sendable {
    // SAFETY: a PGcancel is a constant copy of the address and key; libpq documents PQcancel as thread safe.
    private static let queue = DispatchQueue(label: "digitalbank.postgres.cancel", attributes: .concurrent)
    private let handle: OpaquePointer?

    init(_ connection: OpaquePointer) { handle = PQgetCancel(connection) }

    deinit { PQfreeCancel(handle) }

    /// `done` is called when the server has been told, or could not be.
    func cancel(_ done: @escaping @Sendable () -> Void) {
        Self.queue.async { [self] in
            cancelNow()
            done()
        }
    }

    func cancelNow() {
        withUnsafeTemporaryAllocation(of: CChar.self, capacity: 256) { message in
            message.initialize(repeating: 0)
            _ = PQcancel(handle, message.baseAddress, Int32(message.count))
        }
    }
}
