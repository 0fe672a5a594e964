internal import Foundation

/// What the system says of this process, under the names that every Prometheus client uses.
public enum ProcessReadings {
    public static func read() -> [Reading] {
        guard let text = try? String(contentsOfFile: "/proc/self/stat", encoding: .utf8),
            // The program's name may hold spaces; it ends at the last parenthesis.
            let end = text.lastIndex(of: ")")
        else { return [] }
        let fields = text[text.index(after: end)...].split(separator: " ")
        guard fields.count > 21 else { return [] }
        func field(_ number: Int) -> Double { Double(fields[number - 3]) ?? 0 }
        let ticks = Double(sysconf(Int32(_SC_CLK_TCK)))
        var readings = [
            Reading(
                "process_cpu_seconds_total", .counter, (field(14) + field(15)) / max(ticks, 1),
                help: "CPU time used, user and system."),
            Reading(
                "process_resident_memory_bytes", .gauge, field(24) * Double(sysconf(Int32(_SC_PAGESIZE))),
                help: "Memory that is resident."),
            Reading("process_virtual_memory_bytes", .gauge, field(23), help: "Memory that is mapped."),
            Reading("process_threads", .gauge, field(20), help: "Threads of the process."),
        ]
        if let boot = bootTime() {
            readings.append(
                Reading(
                    "process_start_time_seconds", .gauge, boot + field(22) / max(ticks, 1),
                    help: "When the process began, in Unix seconds."))
        }
        if let open = try? FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd").count {
            readings.append(Reading("process_open_fds", .gauge, Int64(open), help: "Open file descriptors."))
        }
        var limit = rlimit()
        if getrlimit(__rlimit_resource_t(UInt32(RLIMIT_NOFILE.rawValue)), &limit) == 0 {
            readings.append(
                Reading(
                    "process_max_fds", .gauge, Double(limit.rlim_cur),
                    help: "File descriptors that may be open at once."))
        }
        return readings
    }

    private static func bootTime() -> Double? {
        guard let text = try? String(contentsOfFile: "/proc/stat", encoding: .utf8) else { return nil }
        return text.split(separator: "\n").first { $0.hasPrefix("btime ") }.flatMap { Double($0.dropFirst(6)) }
    }
}
