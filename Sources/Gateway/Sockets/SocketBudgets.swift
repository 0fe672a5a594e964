internal import Glibc
internal import NIOCore
internal import Synchronization

/// What all sockets of a server share.
final class SocketBudgets: Sendable {
    /// Of messages that came and wait to be dealt with.
    let inbound: ByteBudget
    /// Of messages that clients have not read yet.
    let outbound: ByteBudget

    /// A text that many sockets get is written into one buffer, which all of them send from.
    private let last = Mutex<ByteBuffer?>(nil)
    private static let sharedBytesMin = 512

    init(inboundMax: Int, outboundMax: Int) {
        inbound = ByteBudget(inboundMax)
        outbound = ByteBudget(outboundMax)
    }

    func buffer(for text: String) -> ByteBuffer {
        let count = text.utf8.count
        guard count >= Self.sharedBytesMin else { return ByteBuffer(string: text) }
        return last.withLock { last in
            if let last, last.readableBytes == count, Self.isSame(last, text) { return last }
            let buffer = ByteBuffer(string: text)
            last = buffer
            return buffer
        }
    }

    /// Byte by byte: texts that are equal to Swift may be written in two ways.
    private static func isSame(_ buffer: ByteBuffer, _ text: String) -> Bool {
        buffer.withUnsafeReadableBytes { held in
            text.utf8.withContiguousStorageIfAvailable { wanted in
                guard let left = held.baseAddress, let right = wanted.baseAddress, held.count == wanted.count else {
                    return false
                }
                return memcmp(left, right, held.count) == 0
            } ?? false
        }
    }
}
