internal import Foundation

/// The keeper of backups, beside a server that serves the embedded bank.
enum KeeperWork {
    static func of(_ request: ServeRequest) -> [@Sendable () async throws -> Void] {
        guard request.database == nil else { return [] }
        let path = DataDirectory(request.dataDirectory).path
        return [
            {
                try await ContinuityService.keep(dataDirectory: path) { line in
                    note("\(Date().formatted(.iso8601))  \(line)\n", in: path + "/continuity/keeper.log")
                }
            }
        ]
    }

    private static let bytesMax = 16 << 20

    /// The journal has what matters; this is for whoever looks on. It begins again when it is long.
    private static func note(_ line: String, in path: String) {
        let size = (try? FileManager.default.attributesOfItem(atPath: path)[.size] as? Int) ?? nil
        if (size ?? 0) > bytesMax { rename(path, path + ".before") }
        let descriptor = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0o600)
        guard descriptor >= 0 else { return }
        let handle = FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
        try? handle.write(contentsOf: Data(line.utf8))
    }
}
