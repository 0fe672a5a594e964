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
        let elapsed = entry.time.components
        let microseconds = elapsed.seconds * 1_000_000 + elapsed.attoseconds / 1_000_000_000_000
        var line = "{\"time\":\(now.tv_sec).\(Self.digits(now.tv_nsec / 1000, 6)),\"id\":"
        line.reserveCapacity(320)
        line += JSON.string(entry.id).text
        line += ",\"ip\":\"\(entry.address)\",\"method\":"
        line += JSON.string(entry.method).text
        line += ",\"mount\":\"\(entry.mount)\",\"path\":"
        line += JSON.string(entry.path.utf8.count > 512 ? String(entry.path.prefix(512)) : entry.path).text
        line += ",\"status\":\(entry.status),\"ms\":\(microseconds / 1000).\(Self.digits(Int(microseconds % 1000), 3))"
        line += ",\"bytes\":\(entry.bytes),\"role\":"
        line += JSON.string(entry.role).text
        line += ",\"session\":"
        line += entry.session.map { JSON.string($0).text } ?? "null"
        line += "}\n"
        let isFull = buffer.withLock { buffer in
            buffer += line.utf8
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
        guard text.utf8.count < width else { return text }
        return String(repeating: "0", count: width - text.utf8.count) + text
    }

    deinit { if let descriptor, descriptor > 2 { close(descriptor) } }
}
