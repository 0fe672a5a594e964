internal import Foundation
internal import Synchronization
internal import Web

/// One JSON line for each request: `docs/reference/access-log.md` has the fields. No token, no query, no personal datum.
final class AccessLog: Sendable {
    struct Entry: Sendable {
        let id: String
        let method: String
        let mount: String
        let path: String
        let address: String
        var role = "-"
        var session: String?
        var status = 0
        var time: Duration = .zero
        var bytes = 0
    }

    private let descriptor: Int32?
    private let buffer = Mutex<[UInt8]>([])
    private static let bufferedMax = 1 << 16

    /// - Parameter path: a file to append to, `-` for standard output, nil for nowhere.
    init(path: String?) throws {
        switch path {
        case nil: descriptor = nil
        case "-": descriptor = 1
        case .some(let path):
            let opened = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o640)
            guard opened >= 0 else {
                throw GatewayError(
                    code: "access_log_unwritable", message: "the access log \(path) can not be opened",
                    hint: "Check its folder and its permissions.")
            }
            descriptor = opened
        }
    }

    func write(_ entry: Entry) {
        guard descriptor != nil else { return }
        var now = timespec()
        clock_gettime(CLOCK_REALTIME, &now)
        let milliseconds =
            Double(entry.time.components.seconds) * 1000 + Double(entry.time.components.attoseconds) / 1e15
        let line: JSON = [
            "time": .number("\(now.tv_sec).\(Self.digits(now.tv_nsec / 1000, 6))"), "id": .string(entry.id),
            "ip": .string(entry.address), "method": .string(entry.method), "mount": .string(entry.mount),
            "path": .string(String(entry.path.prefix(512))), "status": .integer(entry.status),
            "ms": .number(String(format: "%.3f", milliseconds)), "bytes": .integer(entry.bytes),
            "role": .string(entry.role), "session": entry.session.map(JSON.string) ?? .null,
        ]
        let text = Array((line.text + "\n").utf8)
        let isFull = buffer.withLock { buffer in
            buffer += text
            return buffer.count >= Self.bufferedMax
        }
        if isFull { flush() }
    }

    /// Writes what is buffered.
    func flush() {
        guard let descriptor else { return }
        buffer.withLock { buffer in
            var start = 0
            while start < buffer.count {
                let written = buffer[start...].withUnsafeBytes {
                    Foundation.write(descriptor, $0.baseAddress, $0.count)
                }
                guard written > 0 else { break }
                start += written
            }
            buffer = []
        }
    }

    private static func digits(_ number: Int, _ width: Int) -> String {
        let text = String(number)
        return String(repeating: "0", count: max(width - text.utf8.count, 0)) + text
    }

    deinit { if let descriptor, descriptor > 2 { close(descriptor) } }
}
