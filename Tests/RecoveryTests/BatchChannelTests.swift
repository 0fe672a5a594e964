import Foundation
import Testing

@testable import Recovery

@Suite struct BatchChannelTests {
    @Test func `everything sent arrives in order, and the sender never runs more than the capacity ahead`() async throws
    {
        let channel = BatchChannel<Int>(capacity: 4)
        let thread = Thread {
            for number in 0..<10_000 where !channel.send(number) { break }
            channel.finish()
        }
        thread.start()
        var received: [Int] = []
        for try await number in channel { received.append(number) }
        #expect(received == Array(0..<10_000))
    }

    @Test func `a failing sender's error reaches the receiver after what was sent before it`() async throws {
        struct Broken: Error {}
        let channel = BatchChannel<Int>(capacity: 4)
        Thread {
            _ = channel.send(1)
            channel.finish(throwing: Broken())
        }.start()
        var received: [Int] = []
        await #expect(throws: Broken.self) {
            for try await number in channel { received.append(number) }
        }
        #expect(received == [1])
    }

    @Test func `a sender blocked on a full channel learns that the receiver has gone`() async throws {
        let channel = BatchChannel<Int>(capacity: 1)
        let refused = AsyncStream<Bool> { continuation in
            Thread {
                var accepted = true
                while accepted { accepted = channel.send(1) }
                continuation.yield(!accepted)
                continuation.finish()
            }.start()
        }
        try await Task.sleep(for: .milliseconds(20))
        channel.cancel()
        var iterator = refused.makeAsyncIterator()
        #expect(await iterator.next() == true)
    }

    @Test func `what a task has left over at its end goes into a full channel without blocking its thread`()
        async throws
    {
        let channel = BatchChannel<Int>(capacity: 2)
        #expect(channel.send(1) && channel.send(2))
        #expect(channel.sendLast(3))
        channel.finish()
        var received: [Int] = []
        for try await number in channel { received.append(number) }
        #expect(received == [1, 2, 3])
        channel.cancel()
        #expect(!channel.sendLast(4))
    }

    @Test func `a cancelled receiver stops waiting`() async throws {
        let channel = BatchChannel<Int>(capacity: 1)
        let task = Task {
            for try await _ in channel {}
        }
        task.cancel()
        await #expect(throws: CancellationError.self) { try await task.value }
    }
}
