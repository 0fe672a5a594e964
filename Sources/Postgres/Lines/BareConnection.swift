internal import CLibpq
internal import Glibc
internal import Synchronization

/// A session whose socket its owner reads and writes in the protocol's own messages, on a thread of its own choice. libpq
/// makes it (names, several hosts, passwords), cancels what it does and says goodbye.
public final class BareConnection: @unchecked Sendable {
    // SAFETY: the handle is used under its lock only; a canceller is thread safe.
    private let handle: Mutex<Connector.Handle?>
    private let canceller: Canceller

    /// - Parameters:
    ///   - options: settings of the session as the server's start-up options, `-c name=value`.
    ///   - done: called on a helper thread.
    public static func connect(
        _ configuration: DatabaseConfiguration, options: String,
        _ done: @escaping @Sendable (Result<BareConnection, PostgresError>) -> Void
    ) {
        Connector.connect(configuration, options: options) { result in
            done(result.map { BareConnection($0) }.mapError { $0.error })
        }
    }

    private init(_ handle: Connector.Handle) {
        canceller = Canceller(handle.pointer)
        self.handle = Mutex(handle)
    }

    deinit { if let handle = handle.withLock({ $0.take() }) { Connector.abandon(handle) } }

    /// The session's socket under a number of its own, which the caller closes; nil when what travels on it is encrypted, or
    /// no number is left.
    public func socket() -> Int32? {
        handle.withLock { handle in
            guard let pointer = handle?.pointer, PQsslInUse(pointer) == 0, PQgssEncInUse(pointer) == 0 else {
                return nil
            }
            let copy = fcntl(PQsocket(pointer), F_DUPFD_CLOEXEC, 3)
            return copy < 0 ? nil : copy
        }
    }

    /// Asks the server, on a helper thread, to stop what the session is doing.
    func cancel() { canceller.cancel {} }

    /// Ends the session; returns when the server was told.
    public func close() async {
        guard let handle = handle.withLock({ $0.take() }) else { return }
        await withUnsafeContinuation { continuation in
            Connector.abandon(handle) { continuation.resume() }
        }
    }
}
