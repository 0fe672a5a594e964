internal import Synchronization

/// Between the thread that reads the server and the task that takes the messages: bounded, in order.
final class ReplicationBuffer: Sendable {
    private struct State {
        var messages = Queue<ReplicationMessage>()
        var byteCount = 0
        var end: PostgresError??
        var waiter: UnsafeContinuation<Void, Never>?
        var isCancelled = false
        /// Behind the last commit that was put in.
        var lastEnd = LogPosition(0)
        /// What the reader has dealt with.
        var confirmed = LogPosition(0)
    }

    let byteCountMax: Int
    /// Called when the reader made room or is gone.
    private let wake: @Sendable () -> Void
    private let state = Mutex(State())

    init(byteCountMax: Int, wake: @escaping @Sendable () -> Void) {
        self.byteCountMax = byteCountMax
        self.wake = wake
    }

    var hasRoom: Bool { state.withLock { $0.byteCount < byteCountMax } }
    var isCancelled: Bool { state.withLock { $0.isCancelled } }
    var confirmed: LogPosition { state.withLock { $0.confirmed } }

    // MARK: The thread's side

    func put(_ message: ReplicationMessage) {
        let waiter = state.withLock { state in
            state.messages.append(message)
            state.byteCount += message.byteCount
            if case .commit(let mark) = message { state.lastEnd = max(state.lastEnd, mark.endPosition) }
            defer { state.waiter = nil }
            return state.waiter
        }
        waiter?.resume()
    }

    /// Ends the sequence, with an error or without.
    func finish(_ error: PostgresError?) {
        let waiter = state.withLock { state in
            if state.end == nil { state.end = .some(error) }
            defer { state.waiter = nil }
            return state.waiter
        }
        waiter?.resume()
    }

    // MARK: The reader's side

    func confirm(_ position: LogPosition) {
        state.withLock { $0.confirmed = max($0.confirmed, position) }
    }

    func cancel() {
        state.withLock { $0.isCancelled = true }
        finish(nil)
        wake()
    }

    /// All that has come, up to `countMax`, waiting for the first; empty at the end.
    func take(_ countMax: Int) async throws -> [ReplicationMessage] {
        while true {
            if Task.isCancelled { throw PostgresError.cancelled }
            let (taken, end, madeRoom) = takeNow(countMax)
            if madeRoom { wake() }
            if !taken.isEmpty { return taken }
            if let end {
                if let error = end { throw error }
                return []
            }
            await withTaskCancellationHandler {
                await withUnsafeContinuation { continuation in wait(continuation) }
            } onCancel: {
                cancel()
            }
        }
    }

    private func takeNow(_ countMax: Int) -> (taken: [ReplicationMessage], end: PostgresError??, madeRoom: Bool) {
        state.withLock { state in
            let wasFull = state.byteCount >= byteCountMax
            var taken: [ReplicationMessage] = []
            while taken.count < countMax, let message = state.messages.popFirst() {
                state.byteCount -= message.byteCount
                taken.append(message)
            }
            return (taken, state.end, wasFull && state.byteCount < byteCountMax)
        }
    }

    private func wait(_ continuation: UnsafeContinuation<Void, Never>) {
        let isReady = state.withLock { state in
            if !state.messages.isEmpty || state.end != nil { return true }
            state.waiter = continuation
            return false
        }
        if isReady { continuation.resume() }
    }
}
