internal import NIOCore
internal import NIOWebSocket
internal import Synchronization

/// The sending side of a socket, from any thread. What a client does not read is counted: beyond the limit sending says
/// no, and whoever sends cuts the client rather than wait for it.
public final class SocketWriter: Sendable {
    private let channel: any Channel
    private let waiting = Atomic<Int>(0)
    private let isClosed = Atomic<Bool>(false)
    private let waitingBytesMax: Int
    private let budgets: SocketBudgets
    /// What a client may be behind by when all of them together are behind by too much.
    private static let waitingBytesLeast = 64 << 10

    init(channel: any Channel, waitingBytesMax: Int, budgets: SocketBudgets) {
        self.channel = channel
        self.budgets = budgets
        self.waitingBytesMax = waitingBytesMax
    }

    /// False when the client is behind by too much, or gone.
    public func send(_ message: SocketMessage) -> Bool {
        guard !isClosed.load(ordering: .relaxed) else { return false }
        let count = message.byteCount
        let before = waiting.wrappingAdd(count, ordering: .relaxed).oldValue
        let most = budgets.outbound.isSpent ? Self.waitingBytesLeast : waitingBytesMax
        // Whoever is not behind gets the message, however large.
        guard before + count <= most || (before == 0 && count <= waitingBytesMax) else {
            waiting.wrappingSubtract(count, ordering: .relaxed)
            return false
        }
        budgets.outbound.add(count)
        let frame: WebSocketFrame
        switch message {
        case .text(let text):
            frame = WebSocketFrame(fin: true, opcode: .text, data: budgets.buffer(for: text))
        case .binary(let bytes):
            frame = WebSocketFrame(fin: true, opcode: .binary, data: channel.allocator.buffer(bytes: bytes))
        }
        channel.writeAndFlush(frame).whenComplete { [self] _ in
            waiting.wrappingSubtract(count, ordering: .relaxed)
            budgets.outbound.giveBack(count)
        }
        return true
    }

    /// Says why, then ends the connection.
    public func close(code: UInt16, reason: String) {
        guard !isClosed.exchange(true, ordering: .relaxed) else { return }
        var data = channel.allocator.buffer(capacity: 2 + reason.utf8.count)
        data.write(webSocketErrorCode: WebSocketErrorCode(codeNumber: Int(code)))
        // A control frame carries 125 bytes at most.
        var words = Substring(reason)
        while words.utf8.count > 120 { words.removeLast() }
        data.writeString(String(words))
        let channel = channel
        channel.writeAndFlush(WebSocketFrame(fin: true, opcode: .connectionClose, data: data)).whenComplete { _ in
            channel.close(promise: nil)
        }
    }
}
