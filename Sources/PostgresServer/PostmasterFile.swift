internal import Foundation
internal import Glibc

/// `postmaster.pid`: who serves a data directory.
struct PostmasterFile: Equatable {
    let identifier: pid_t
    let port: Int?
    let status: String

    /// PostgreSQL 10 and later write `ready` as the eighth line once connections are taken.
    var isReady: Bool { status == "ready" || status == "standby" }

    static func read(_ path: String) -> PostmasterFile? {
        FileManager.default.contents(atPath: path).flatMap { PostmasterFile(String(decoding: $0, as: UTF8.self)) }
    }

    init?(_ text: String) {
        let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
        guard let first = lines.first, let number = pid_t(first), number > 0 else { return nil }
        identifier = number
        port = lines.count > 3 ? Int(lines[3]) : nil
        status = lines.count > 7 ? lines[7].trimmingCharacters(in: .whitespaces) : ""
    }

    /// Whether the process of that number is a server of `directory`, and not another that got the number since.
    ///
    /// A server's working directory is its data directory.
    func isRunning(in directory: String) -> Bool { Self.processes(in: directory, among: [identifier]) == [identifier] }

    /// The processes, of `candidates` or of the whole machine, that work in `directory`.
    static func processes(in directory: String, among candidates: [pid_t]? = nil) -> [pid_t] {
        guard let real = realpath(directory, nil) else { return [] }
        defer { free(real) }
        let wanted = String(cString: real)
        let all = candidates ?? (try? FileManager.default.contentsOfDirectory(atPath: "/proc"))?.compactMap(pid_t.init)
        return (all ?? []).filter { target(of: "/proc/\($0)/cwd") == wanted && !isZombie($0) }
    }

    private static func target(of link: String) -> String? {
        var buffer = [UInt8](repeating: 0, count: Int(PATH_MAX))
        let count = buffer.withUnsafeMutableBytes { bytes in
            bytes.baseAddress.map { readlink(link, $0.assumingMemoryBound(to: CChar.self), bytes.count) } ?? -1
        }
        return count > 0 ? String(decoding: buffer[..<count], as: UTF8.self) : nil
    }

    private static func isZombie(_ identifier: pid_t) -> Bool {
        let text = FileManager.default.contents(atPath: "/proc/\(identifier)/stat") ?? Data()
        let afterName = String(decoding: text, as: UTF8.self).split(separator: ")").last
        return afterName?.hasPrefix(" Z") ?? true
    }
}
