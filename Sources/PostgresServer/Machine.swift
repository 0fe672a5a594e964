internal import Foundation
internal import Glibc

/// What this machine, or the container we are in, has to give.
struct Machine: Sendable {
    var memoryBytes: Int64
    var cores: Int

    static func current() -> Machine {
        var memory = Int64(ProcessInfo.processInfo.physicalMemory)
        for limit in ["/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"] {
            guard let bytes = FileManager.default.contents(atPath: limit) else { continue }
            let text = String(decoding: bytes, as: UTF8.self).trimmingCharacters(in: .whitespacesAndNewlines)
            if let value = Int64(text), value > 0 { memory = min(memory, value) }
        }
        return Machine(memoryBytes: memory, cores: max(1, ProcessInfo.processInfo.activeProcessorCount))
    }
}

enum Loopback {
    /// A TCP port of 127.0.0.1 that nobody listens on at this moment.
    static func freePort() throws(ServerError) -> Int {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        defer { close(descriptor) }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let status = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { generic in
                bind(descriptor, generic, length) == 0 && getsockname(descriptor, generic, &length) == 0
            }
        }
        guard descriptor >= 0, status else {
            throw ServerError(
                code: "machine_limit", message: "no free loopback port: \(reason())",
                hint: "Check that the loopback interface is up (ip addr show lo).")
        }
        return Int(UInt16(bigEndian: address.sin_port))
    }
}

enum DiskUsage {
    /// Blocks in use below `directory`; files that vanish meanwhile count for nothing.
    static func bytes(below directory: String) -> Int64 {
        var total: Int64 = 0
        var folders = [directory]
        while let folder = folders.popLast() {
            guard let stream = opendir(folder) else { continue }
            defer { closedir(stream) }
            while let entry = readdir(stream) {
                let name = withUnsafePointer(to: &entry.pointee.d_name) { pointer in
                    pointer.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
                }
                guard name != ".", name != ".." else { continue }
                var facts = stat()
                guard lstat(folder + "/" + name, &facts) == 0 else { continue }
                total += Int64(facts.st_blocks) * 512
                if facts.st_mode & S_IFMT == S_IFDIR { folders.append(folder + "/" + name) }
            }
        }
        return total
    }
}

/// An exclusive lock between processes, held on a file; the kernel gives it back when its holder dies.
struct FileLock {
    private let descriptor: Int32

    init(_ path: String, timeMax: Duration) throws(ServerError) {
        descriptor = open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0o600)
        let deadline = ContinuousClock.now + timeMax
        while descriptor >= 0 {
            if flock(descriptor, LOCK_EX | LOCK_NB) == 0 { return }
            guard errno == EWOULDBLOCK || errno == EINTR, ContinuousClock.now < deadline else { break }
            usleep(20_000)
        }
        let why = reason()
        if descriptor >= 0 { close(descriptor) }
        throw ServerError(
            code: "cluster_busy", message: "\(path) cannot be locked: \(why)",
            hint: "Another digitalbank starts or stops this cluster; try again when it is done.")
    }

    func release() { close(descriptor) }
}
