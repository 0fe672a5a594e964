internal import Foundation
internal import Glibc

/// What this machine, or the container we are in, has to give.
struct Machine: Sendable {
    var memoryBytes: Int64
    var cores: Int
    /// The size of /dev/shm, where PostgreSQL's parallel workers meet.
    var sharedMemoryBytes: Int64

    static func current() -> Machine {
        var memory = Int64(ProcessInfo.processInfo.physicalMemory)
        for limit in ["/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"] {
            guard let bytes = FileManager.default.contents(atPath: limit) else { continue }
            let text = String(decoding: bytes, as: UTF8.self).trimmingCharacters(in: .whitespacesAndNewlines)
            if let value = Int64(text), value > 0 { memory = min(memory, value) }
        }
        var facts = statvfs()
        let shared = statvfs("/dev/shm", &facts) == 0 ? Int64(facts.f_blocks) * Int64(facts.f_frsize) : 0
        return Machine(
            memoryBytes: memory, cores: max(1, ProcessInfo.processInfo.activeProcessorCount), sharedMemoryBytes: shared)
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
