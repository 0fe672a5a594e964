import Foundation
import Glibc
import Synchronization

/// A TCP relay on 127.0.0.1 in front of a server's Unix socket that misbehaves when it is told to.
final class LoopbackProxy: Sendable {
    enum Mode {
        case relaying
        /// Reads and forgets: nobody hears anything any more, no socket is closed.
        case silent
    }

    private struct State {
        var mode = Mode.relaying
        var isStopped = false
        /// Never closed: a number must not come to mean somebody else's socket.
        var pairs: [(client: Int32, server: Int32)] = []
    }

    let port: Int
    private let listening: Int32
    private let target: String
    private let state = Mutex(State())

    init(to socketPath: String) throws {
        target = socketPath
        let listening = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        self.listening = listening
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let isBound = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
                bind(listening, address, length) == 0 && listen(listening, 64) == 0
                    && getsockname(listening, address, &length) == 0
            }
        }
        guard isBound else { throw POSIXError(.EADDRINUSE) }
        port = Int(UInt16(bigEndian: address.sin_port))
        // Ends when `stop` closes the listening socket.
        Thread.detachNewThread { [self] in
            while true {
                let client = accept(listening, nil, nil)
                if client < 0 { return }
                start(client)
            }
        }
    }

    func stop() {
        state.withLock { state in
            guard !state.isStopped else { return }
            state.isStopped = true
            shutdown(listening, Int32(SHUT_RDWR))
            close(listening)
            for (client, server) in state.pairs {
                shutdown(client, Int32(SHUT_RDWR))
                shutdown(server, Int32(SHUT_RDWR))
            }
        }
    }

    func become(_ mode: Mode) { state.withLock { $0.mode = mode } }

    /// The client hears the end of the stream, though it may still write.
    func endServerToClient() {
        state.withLock { for pair in $0.pairs { shutdown(pair.client, Int32(SHUT_WR)) } }
    }

    /// The server hears the end of the stream, though it may still write.
    func endClientToServer() {
        state.withLock { for pair in $0.pairs { shutdown(pair.server, Int32(SHUT_WR)) } }
    }

    private func start(_ client: Int32) {
        let server = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { path in
            path.copyBytes(from: target.utf8.prefix(path.count - 1))
        }
        let isConnected = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(server, $0, socklen_t(MemoryLayout<sockaddr_un>.size)) == 0
            }
        }
        guard isConnected else {
            close(client)
            close(server)
            return
        }
        state.withLock { $0.pairs.append((client, server)) }
        relay(from: client, to: server)
        relay(from: server, to: client)
    }

    /// Ends with its sockets.
    private func relay(from source: Int32, to sink: Int32) {
        Thread.detachNewThread { [self] in
            var buffer = [UInt8](repeating: 0, count: 64 << 10)
            while true {
                let count = recv(source, &buffer, buffer.count, 0)
                guard count > 0 else { break }
                if state.withLock({ $0.mode == .silent }) { continue }
                var sent = 0
                while sent < count {
                    let part = buffer[sent..<count].withUnsafeBytes {
                        send(sink, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
                    }
                    guard part > 0 else { return }
                    sent += part
                }
            }
            shutdown(sink, Int32(SHUT_WR))
        }
    }
}
