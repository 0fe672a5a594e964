internal import NIOCore
internal import Synchronization

/// The sockets that are open, by the address behind them. A request is asked about when it comes; a socket came once and
/// stays, so that it is looked at again.
final class SocketRegister: Sendable {
    private let open = Mutex<[String: [ObjectIdentifier: SocketWriter]]>([:])

    static let lookEvery: Duration = .milliseconds(500)

    /// Kept until the channel is closed.
    func add(_ writer: SocketWriter, from address: String, _ channel: any Channel) {
        let id = ObjectIdentifier(writer)
        open.withLock { $0[address, default: [:]][id] = writer }
        channel.closeFuture.whenComplete { [self] _ in
            open.withLock { open in
                open[address]?[id] = nil
                if open[address]?.isEmpty == true { open[address] = nil }
            }
        }
    }

    func close(where isBanned: (String) -> Bool) {
        let addresses = open.withLock { Array($0.keys) }
        for address in addresses where isBanned(address) {
            let writers = open.withLock { $0[address].map { Array($0.values) } ?? [] }
            for writer in writers { writer.close(code: 1008, reason: "the address is banned") }
        }
    }

    /// Works until the task is cancelled.
    func watch(_ isBanned: @Sendable (String) -> Bool) async throws {
        while !Task.isCancelled {
            try await Task.sleep(for: Self.lookEvery)
            close(where: isBanned)
        }
    }
}
