internal import Foundation
internal import Glibc

/// `postmaster.pid`: who serves a data directory.
struct PostmasterFile {
    let identifier: pid_t
    let status: String

    /// PostgreSQL 10 and later write `ready` as the eighth line once connections are taken.
    var isReady: Bool { status == "ready" || status == "standby" }

    static func read(_ path: String) -> PostmasterFile? {
        guard let text = try? String(contentsOfFile: path, encoding: .utf8) else { return nil }
        return PostmasterFile(text)
    }

    init?(_ text: String) {
        let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
        guard let first = lines.first, let number = pid_t(first), number > 0 else { return nil }
        identifier = number
        status = lines.count > 7 ? lines[7].trimmingCharacters(in: .whitespaces) : ""
    }

    /// Whether the process of that number is a server of `directory`, and not another that got the number since.
    func isRunning(in directory: String) -> Bool {
        var buffer = [CChar](repeating: 0, count: Int(PATH_MAX) + 1)
        let count = readlink("/proc/\(identifier)/cwd", &buffer, buffer.count - 1)
        guard count > 0 else { return false }
        let folder = String(decoding: buffer[..<count].map { UInt8(bitPattern: $0) }, as: UTF8.self)
        guard let real = realpath(directory, nil) else { return false }
        defer { free(real) }
        return folder == String(cString: real)
    }
}
