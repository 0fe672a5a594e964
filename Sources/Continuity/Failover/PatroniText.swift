/// Patroni's file for one host. Names and addresses were checked to be plain, pass words are hexadecimal: nothing needs quoting.
struct PatroniText {
    let plan: ClusterPlan
    let secrets: ClusterSecrets
    let host: ClusterPlan.Host
    /// Below which data, configuration and pass files of this host stand.
    let directory: String
    let bootstrap: String
    /// Of the host's files, where the cluster has TLS.
    let certificates: String

    var text: String { head + bootstrapPart + serverPart }

    private var head: String {
        let clients = plan.databases.map { "\($0.address):\(plan.ports.etcdClients)" }.joined(separator: ", ")
        return """
            scope: \(plan.name)
            name: \(host.name)
            restapi:
              listen: 0.0.0.0:\(plan.ports.patroni)
              connect_address: \(host.address):\(plan.ports.patroni)
              authentication: {username: digitalbank, password: '\(secrets.patroni)'}
            \(plan.hasTLS ? restSecurity : "")
            etcd3:
              hosts: [\(clients)]
            \(plan.hasTLS ? storeSecurity : "")

            """
    }

    private var restSecurity: String {
        """
          certfile: \(certificates)/host.pem
          keyfile: \(certificates)/host.key
          cafile: \(certificates)/ca.pem
        ctl:
          cacert: \(certificates)/ca.pem
          certfile: \(certificates)/host.pem
          keyfile: \(certificates)/host.key
        """
    }

    private var storeSecurity: String {
        """
          protocol: https
          cacert: \(certificates)/ca.pem
          cert: \(certificates)/host.pem
          key: \(certificates)/host.key
        """
    }

    /// `primary_start_timeout: 0`: a leader whose server died is replaced, not waited for. `failsafe_mode`: a leader that sees
    /// every other member goes on while etcd is away.
    private var bootstrapPart: String {
        """
        bootstrap:
          dcs:
            ttl: \(plan.timing.leaseSeconds)
            loop_wait: \(plan.timing.loopSeconds)
            retry_timeout: \(plan.timing.retrySeconds)
            primary_start_timeout: 0
            primary_stop_timeout: 10
            maximum_lag_on_failover: 1048576
            failsafe_mode: true
            synchronous_mode: true
            synchronous_mode_strict: \(plan.isStrict)
            postgresql:
              use_pg_rewind: true
              use_slots: true
              parameters:
                wal_level: logical
                hot_standby: 'on'
                max_connections: 200
                max_wal_senders: 10
                max_replication_slots: 10
                wal_keep_size: 1GB
                max_slot_wal_keep_size: 8GB
                wal_log_hints: 'on'
                password_encryption: scram-sha-256
                wal_receiver_timeout: 5s
                wal_sender_timeout: 5s
                tcp_keepalives_idle: 3
                tcp_keepalives_interval: 1
                tcp_keepalives_count: 3
                tcp_user_timeout: 5s
          initdb: [{encoding: UTF8}, {locale: C.UTF-8}, data-checksums]
          post_bootstrap: \(bootstrap)

        """
    }

    private var serverPart: String {
        let peers =
            (plan.databases + plan.servers).flatMap { [$0.address, $0.front].compactMap(\.self) } + plan.clients
        let rules =
            ["local all all scram-sha-256", "host all all 127.0.0.1/32 scram-sha-256"]
            + peers.map { "host all all \(Self.block($0)) scram-sha-256" }
            + plan.databases.map { "host replication replicator \(Self.block($0.address)) scram-sha-256" }
        return """
            postgresql:
              listen: 0.0.0.0:\(plan.ports.postgres)
              connect_address: \(host.address):\(plan.ports.postgres)
              data_dir: \(directory)/data
              bin_dir: \(plan.binaries)
              pgpass: \(directory)/pgpass
              basebackup: [{checkpoint: fast}]
              parameters:
                unix_socket_directories: '\(plan.sockets ?? "")'
              pg_hba:
            \(rules.map { "    - \($0)" }.joined(separator: "\n"))
              authentication:
                superuser: {username: postgres, password: '\(secrets.superuser)'}
                replication: {username: replicator, password: '\(secrets.replication)'}
                rewind: {username: rewinder, password: '\(secrets.rewind)'}

            """
    }

    /// An address as pg_hba.conf has it: names stand alone.
    private static func block(_ address: String) -> String {
        address.utf8.allSatisfy { (48...57).contains($0) || $0 == 46 } ? address + "/32" : address
    }
}
