/// What we write into `postgresql.conf` and `pg_hba.conf`, at each start.
struct ServerSettings {
    let options: Cluster.Options
    let files: ClusterFiles
    let port: Int?
    var machine = Machine.current()

    func write(user: ServerUser?) throws(ServerError) {
        try files.write(configuration, to: files.data + "/postgresql.conf", user: user)
        try files.write(Self.hostAccess, to: files.data + "/pg_hba.conf", user: user)
    }

    var configuration: String {
        let lines = settings.sorted { $0.key < $1.key }.map { "\($0.key) = '\(Self.escaped($0.value))'" }
        return "# Written by digitalbank at each start: change the cluster's settings, not this file.\n"
            + lines.joined(separator: "\n") + "\n"
    }

    var settings: [String: String] {
        var all = common
        all.merge(options.isDurable ? durable : throwaway) { $1 }
        if machine.sharedMemoryBytes < Self.sharedMemoryBytesMin { all["dynamic_shared_memory_type"] = "mmap" }
        if let milliseconds = options.limits.statementMillisecondsMax { all["statement_timeout"] = "\(milliseconds)ms" }
        all.merge(options.settings) { $1 }
        return all
    }

    /// Below it, parallel workers find no room in /dev/shm (containers give 64 MB) and use files instead.
    private static let sharedMemoryBytesMin: Int64 = 512 << 20

    /// Passwords everywhere, sockets included: on one machine, any program may reach a loopback port.
    static let hostAccess = """
        # Written by digitalbank at each start.
        local all all scram-sha-256
        local replication all scram-sha-256
        host all all 127.0.0.1/32 scram-sha-256
        host replication all 127.0.0.1/32 scram-sha-256

        """

    private var common: [String: String] {
        [
            "listen_addresses": port == nil ? "" : "127.0.0.1",
            "port": String(port ?? ClusterFiles.socketNumber),
            "unix_socket_directories": files.socket,
            // The folder is private already; the socket says the same.
            "unix_socket_permissions": "0700",
            "password_encryption": "scram-sha-256",
            "timezone": "UTC",
            "log_timezone": "UTC",
            "log_line_prefix": "%m [%p] %q%u@%d ",
            // Bound values are personal data; they do not belong into a log.
            "log_parameter_max_length": "0",
            "log_parameter_max_length_on_error": "0",
            "max_connections": "100",
            "effective_cache_size": Self.megabytes(machine.memoryBytes / 2, 128...(1 << 20)),
            "work_mem": Self.megabytes(machine.memoryBytes / 1024, 4...64),
            "random_page_cost": "1.1",
            // Compiling takes longer than the short statements of a bank.
            "jit": "off",
            "max_worker_processes": String(max(8, machine.cores + 4)),
            "max_parallel_workers": String(max(2, machine.cores)),
            "max_parallel_workers_per_gather": String(min(4, max(1, machine.cores / 2))),
            "max_parallel_maintenance_workers": String(min(4, max(1, machine.cores / 2))),
        ]
    }

    private var durable: [String: String] {
        [
            "shared_buffers": Self.megabytes(machine.memoryBytes / 4, 128...8192),
            "maintenance_work_mem": Self.megabytes(machine.memoryBytes / 16, 64...2048),
            // Realtime reads changes from the log; a reader that is gone must not fill the disk.
            "wal_level": "logical",
            "max_slot_wal_keep_size": "4GB",
            "wal_compression": "on",
            "max_wal_size": "4GB",
            "checkpoint_timeout": "15min",
            "checkpoint_completion_target": "0.9",
            "log_checkpoints": "on",
            "log_lock_waits": "on",
            "log_autovacuum_min_duration": "1min",
            // One file a weekday, overwritten the week after.
            "logging_collector": "on",
            "log_directory": files.logFolder,
            "log_filename": "postgresql-%a.log",
            "log_truncate_on_rotation": "on",
            "log_rotation_age": "1d",
            "log_rotation_size": "0",
        ]
    }

    /// For what is made again rather than repaired: nothing is flushed, cleaned or replicated.
    ///
    /// A commit still reaches the kernel and a page is still logged whole, so that the cluster survives the death of its
    /// processes, though not of the machine: a killed recovery goes on where it was.
    private var throwaway: [String: String] {
        [
            "shared_buffers": Self.megabytes(machine.memoryBytes / 8, 128...1024),
            "maintenance_work_mem": Self.megabytes(machine.memoryBytes / 16, 64...1024),
            "fsync": "off",
            "wal_level": "minimal",
            "max_wal_senders": "0",
            "max_wal_size": "16GB",
            "checkpoint_timeout": "1h",
            "autovacuum": "off",
        ]
    }

    private static func megabytes(_ bytes: Int64, _ range: ClosedRange<Int64>) -> String {
        "\(min(max(bytes >> 20, range.lowerBound), range.upperBound))MB"
    }

    private static func escaped(_ value: String) -> String {
        value.replacing("\\", with: "\\\\").replacing("'", with: "''").replacing("\n", with: " ")
    }
}
