/// What we write into `postgresql.conf` and `pg_hba.conf`.
struct ServerSettings {
    let options: Cluster.Options
    let files: ClusterFiles

    func write(user: ServerUser?) throws(ServerError) {
        try files.write(configuration, to: files.data + "/postgresql.conf", user: user)
        try files.write(hostAccess, to: files.data + "/pg_hba.conf", user: user)
    }

    var configuration: String {
        var settings = common
        settings.merge(options.isDurable ? durable : throwaway) { $1 }
        settings.merge(options.settings) { $1 }
        let lines = settings.sorted { $0.key < $1.key }.map { "\($0.key) = '\($0.value.replacing("'", with: "''"))'" }
        return "# Written by digitalbank at each start; changes here are lost.\n"
            + lines.joined(separator: "\n") + "\n"
    }

    /// Passwords everywhere, sockets included: any user of the machine may reach a loopback port.
    var hostAccess: String {
        """
        # Written by digitalbank at each start; changes here are lost.
        local all all scram-sha-256
        host all all 127.0.0.1/32 scram-sha-256
        host all all ::1/128 scram-sha-256
        local replication all scram-sha-256

        """
    }

    private var common: [String: String] {
        [
            "listen_addresses": options.port == nil ? "" : "127.0.0.1",
            "port": String(options.port ?? 5432),
            "unix_socket_directories": files.socket,
            "unix_socket_permissions": "0700",
            "password_encryption": "scram-sha-256",
            "timezone": "UTC",
            "log_timezone": "UTC",
            "shared_buffers": "128MB",
            "max_connections": "100",
            "log_line_prefix": "%m [%p] %q%u@%d ",
        ]
    }

    private var durable: [String: String] { ["wal_compression": "on"] }

    private var throwaway: [String: String] {
        [
            "fsync": "off", "synchronous_commit": "off", "full_page_writes": "off", "wal_level": "minimal",
            "max_wal_senders": "0", "autovacuum": "off", "max_wal_size": "4GB",
        ]
    }
}
