internal import Foundation
internal import Synchronization

/// Hands values from a thread that may block (the dump's reader) to a task that may not, a bounded number ahead.
///
/// The reader runs on a thread of its own because inflating and parsing never suspend; the loader is a task because
/// COPY does. The bound is what keeps the memory of a recovery flat.
final class BatchChannel<Element: Sendable>: AsyncSequence, @unchecked Sendable {
    // SAFETY: all state is behind `condition`.
    private let condition = NSCondition()
    private let capacity: Int
    private var buffer: [Element] = []
    private var head = 0
    private var isFinished = false
    private var isCancelled = false
    private var failure: (any Error)?
    private var waiter: CheckedContinuation<Element?, any Error>?

    init(capacity: Int) { self.capacity = capacity }

    /// Blocks while the buffer is full: for a thread of its own, never for a task, whose thread the receiver may need.
    /// False when the receiver has gone.
    func send(_ element: Element) -> Bool { put(element, waits: true) }

    /// What a task has left over at its end: never blocks, and may exceed the capacity by this one element.
    @discardableResult
    func sendLast(_ element: Element) -> Bool { put(element, waits: false) }

    private func put(_ element: Element, waits: Bool) -> Bool {
        condition.lock()
        while waits, buffer.count - head >= capacity, !isCancelled { condition.wait() }
        guard !isCancelled else {
            condition.unlock()
            return false
        }
        if let waiter {
            self.waiter = nil
            condition.unlock()
            waiter.resume(returning: element)
            return true
        }
        buffer.append(element)
        condition.unlock()
        return true
    }

    /// The last call of the sender.
    func finish(throwing error: (any Error)? = nil) {
        condition.lock()
        isFinished = true
        failure = error
        let waiter = self.waiter
        self.waiter = nil
        condition.unlock()
        if let error { waiter?.resume(throwing: error) } else { waiter?.resume(returning: nil) }
    }

    /// The receiver wants no more; a blocked sender wakes and learns it.
    func cancel() {
        condition.lock()
        isCancelled = true
        condition.broadcast()
        let waiter = self.waiter
        self.waiter = nil
        condition.unlock()
        waiter?.resume(throwing: CancellationError())
    }

    func makeAsyncIterator() -> Iterator { Iterator(channel: self) }

    struct Iterator: AsyncIteratorProtocol {
        let channel: BatchChannel

        mutating func next() async throws -> Element? { try await channel.receive() }
    }

    private func receive() async throws -> Element? {
        try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                switch take(for: continuation) {
                case .value(let element): continuation.resume(returning: element)
                case .end(let error?): continuation.resume(throwing: error)
                case .end(nil): continuation.resume(returning: nil)
                case .waiting: break
                }
            }
        } onCancel: {
            cancel()
        }
    }

    private enum Taken {
        case value(Element)
        case end((any Error)?)
        case waiting
    }

    private func take(for continuation: CheckedContinuation<Element?, any Error>) -> Taken {
        condition.lock()
        defer { condition.unlock() }
        if isCancelled { return .end(CancellationError()) }
        if head < buffer.count {
            let element = buffer[head]
            head += 1
            if head == buffer.count || head >= 64 {
                buffer.removeFirst(head)
                head = 0
            }
            condition.signal()
            return .value(element)
        }
        if isFinished { return .end(failure) }
        waiter = continuation
        return .waiting
    }
}
