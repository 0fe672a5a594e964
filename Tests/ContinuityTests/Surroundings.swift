import Foundation
import Glibc
import Synchronization

@testable import PostgresServer

/// A file system of its own with room for so much, over a folder that stands; for root, where mounting is allowed.
struct SmallDisk: Sendable {
    let path: String

    private static let mounted = Mutex<[String]>([])

    static let isPossible: Bool = {
        let path = FileManager.default.temporaryDirectory.path + "/disk-\(getpid())"
        guard geteuid() == 0, mkdir(path, 0o700) == 0 else { return false }
        defer { rmdir(path) }
        guard mount("tmpfs", path, "tmpfs", 0, "size=1m") == 0 else { return false }
        return umount2(path, Int32(MNT_DETACH)) == 0
    }()

    init(over path: String, megabytes: Int) throws {
        self.path = path
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        guard mount("tmpfs", path, "tmpfs", 0, "size=\(megabytes)m,mode=0711") == 0 else {
            throw ServerError(code: "mount", message: "\(path): \(reason())", hint: "Run it as root.")
        }
        Self.mounted.withLock {
            if $0.isEmpty { atexit { SmallDisk.clear() } }
            $0.append(path)
        }
    }

    /// Leaves no byte.
    func fill() {
        let descriptor = open(path + "/ballast", O_WRONLY | O_CREAT | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { return }
        defer { close(descriptor) }
        for bytes in [1 << 20, 4096] {
            let block = [UInt8](repeating: 7, count: bytes)
            while write(descriptor, block, bytes) == bytes {}
        }
    }

    func free() { unlink(path + "/ballast") }

    func unmount() { umount2(path, Int32(MNT_DETACH)) }

    static func clear() { for path in mounted.withLock({ $0 }) { umount2(path, Int32(MNT_DETACH)) } }
}

/// A server whose clock is another than the machine's, and jumps when it is told: by libfaketime, before the server's programs.
struct JumpingClock: Sendable {
    let binaries: PostgresBinaries
    private let offset: String

    private static let library: String? = {
        let roots = (try? FileManager.default.contentsOfDirectory(atPath: "/usr/lib")) ?? []
        return roots.map { "/usr/lib/\($0)/faketime/libfaketime.so.1" }.first { access($0, R_OK) == 0 }
    }()

    static var isPossible: Bool { library != nil }

    init(in folder: String) throws {
        let real = try PostgresBinaries.find()
        let programs = folder + "/programs"
        offset = folder + "/offset"
        try FileManager.default.createDirectory(atPath: programs, withIntermediateDirectories: true)
        for name in try FileManager.default.contentsOfDirectory(atPath: real.directory) where name != "postgres" {
            symlink(real.path(of: name), programs + "/" + name)
        }
        let script = """
            #!/bin/sh
            exec env LD_PRELOAD=\(Self.library ?? "") FAKETIME_TIMESTAMP_FILE=\(offset) FAKETIME_CACHE_DURATION=1 \\
            FAKETIME_DONT_FAKE_MONOTONIC=1 \(real.path(of: "postgres")) "$@"

            """
        try Data(script.utf8).write(to: URL(filePath: programs + "/postgres"))
        for path in [folder, programs, programs + "/postgres"] { chmod(path, 0o755) }
        binaries = PostgresBinaries(directory: programs, majorVersion: real.majorVersion)
        try jump(to: "+0")
    }

    /// So far from the machine's time; each program looks once a second.
    func jump(to distance: String) throws {
        try Data((distance + "\n").utf8).write(to: URL(filePath: offset))
        chmod(offset, 0o644)
        usleep(1_500_000)
    }
}
