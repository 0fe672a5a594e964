internal import Foundation

/// Runs what blocks on a thread of its own, so that the server keeps those it needs.
public func blocking<Value: Sendable>(_ body: @escaping @Sendable () throws -> Value) async throws -> Value {
    try await withCheckedThrowingContinuation { done in
        // Ends with the body.
        Thread { done.resume(with: Result { try body() }) }.start()
    }
}

/// A client that says what it is told, byte by byte.
public final class RawClient {
    private let descriptor: Int32
    /// The server closed the connection; false while this client gave up waiting.
    public private(set) var isEnded = false

    /// - Parameter sendTimeMax: seconds after which sending to a server that does not read is given up.
    public init(port: Int, sendTimeMax: Int = 20) throws {
        descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = in_port_t(UInt16(port)).bigEndian
        address.sin_addr.s_addr = inet_addr("127.0.0.1")
        let connected = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        guard connected == 0 else { throw NotConnected(port: port) }
        var wait = timeval(tv_sec: 20, tv_usec: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &wait, socklen_t(MemoryLayout<timeval>.size))
        wait.tv_sec = sendTimeMax
        setsockopt(descriptor, SOL_SOCKET, SO_SNDTIMEO, &wait, socklen_t(MemoryLayout<timeval>.size))
    }

    public func send(_ bytes: [UInt8]) {
        var sent = 0
        while sent < bytes.count {
            let count = bytes[sent...].withUnsafeBytes {
                Foundation.send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
            }
            guard count > 0 else { return }
            sent += count
        }
    }

    public func send(_ text: String) { send(Array(text.utf8)) }

    /// What comes until the connection ends, or `enough` says so.
    public func receive(until enough: (String) -> Bool = { _ in false }) -> String {
        String(decoding: receiveBytes { enough(String(decoding: $0, as: UTF8.self)) }, as: UTF8.self)
    }

    public func receiveBytes(until enough: ([UInt8]) -> Bool) -> [UInt8] {
        var received: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 65_536)
        while true {
            let count = recv(descriptor, &buffer, buffer.count, 0)
            // With bytes unread the server's end comes as a reset.
            isEnded = count == 0 || (count < 0 && errno == ECONNRESET)
            guard count > 0 else { break }
            received += buffer[..<count]
            if enough(received) { break }
        }
        return received
    }

    /// Nothing more is said; what comes is still read.
    public func endSending() { shutdown(descriptor, Int32(SHUT_WR)) }

    /// Cuts the connection, without a word.
    public func close() { shutdown(descriptor, Int32(SHUT_RDWR)) }

    deinit { Foundation.close(descriptor) }
}

/// One request on a connection of its own.
public func ask(
    _ port: Int, _ method: String = "GET", _ target: String, _ headers: [String: String] = [:], body: String = ""
) async throws -> (status: Int, head: String, body: String) {
    var text = "\(method) \(target) HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: \(body.utf8.count)\r\n"
    for (name, value) in headers { text += "\(name): \(value)\r\n" }
    let request = text + "\r\n" + body
    let answer = try await blocking {
        let client = try RawClient(port: port)
        client.send(request)
        return client.receive()
    }
    let parts = answer.split(separator: "\r\n\r\n", maxSplits: 1, omittingEmptySubsequences: false)
    let status = Int(answer.split(separator: " ").dropFirst().first ?? "") ?? 0
    return (status, String(parts.first ?? ""), parts.count > 1 ? String(parts[1]) : "")
}

/// Nobody listens there.
public struct NotConnected: Error {
    let port: Int
}
