/// The files of one host beside Patroni's.
enum HostTexts {
    /// - Parameter certificates: the folder of the host's files, where the cluster has TLS.
    static func etcd(
        _ plan: ClusterPlan, _ host: ClusterPlan.Host, directory: String, certificates: String
    ) -> String {
        let scheme = plan.scheme
        let members = plan.databases.map { "\($0.name)=\(scheme)://\($0.address):\(plan.ports.etcdPeers)" }
        let security = ["client", "peer"].map { side in
            """
            \(side)-transport-security:
              cert-file: \(certificates)/host.pem
              key-file: \(certificates)/host.key
              trusted-ca-file: \(certificates)/ca.pem
              client-cert-auth: true
            """
        }
        return """
            name: \(host.name)
            data-dir: \(directory)/etcd
            listen-peer-urls: \(scheme)://\(host.address):\(plan.ports.etcdPeers)
            listen-client-urls: \(scheme)://\(host.address):\(plan.ports.etcdClients),\(scheme)://127.0.0.1:\(plan.ports.etcdClients)
            advertise-client-urls: \(scheme)://\(host.address):\(plan.ports.etcdClients)
            initial-advertise-peer-urls: \(scheme)://\(host.address):\(plan.ports.etcdPeers)
            initial-cluster: \(members.joined(separator: ","))
            initial-cluster-token: \(plan.name)
            initial-cluster-state: new
            heartbeat-interval: 200
            election-timeout: 2000
            auto-compaction-mode: periodic
            auto-compaction-retention: 1h
            enable-grpc-gateway: true
            log-level: warn
            \(plan.hasTLS ? security.joined(separator: "\n") : "")

            """
    }

    /// On each server's host: the way to the leader for programs there, to the standbys for reads, and to all servers for the
    /// outside. `on-marked-down` ends connections to a leader that is none any more.
    static func proxy(_ plan: ClusterPlan, bind: String, certificates: String) -> String {
        let check = plan.hasTLS ? " check-ssl verify required ca-file \(certificates)/ca.pem" : ""
        func members(_ options: String) -> String {
            plan.databases.map {
                "    server \($0.name) \($0.frontAddress):\(plan.ports.postgres) check port \(plan.ports.patroni)\(check)\(options)"
            }.joined(separator: "\n")
        }
        let servers = plan.servers.map { "    server \($0.name) \($0.frontAddress):\(plan.ports.serve) check" }
        return """
            global
                maxconn 4000
                log stdout format raw local0 notice

            defaults
                log global
                timeout connect 2s
                timeout client 1h
                timeout server 1h
                timeout check 1s
                retries 2

            listen leader
                bind \(bind):\(plan.ports.leader)
                mode tcp
                option httpchk GET /primary
                http-check expect status 200
                default-server inter 1s fastinter 500ms fall 2 rise 1 on-marked-down shutdown-sessions
            \(members(""))

            listen standbys
                bind \(bind):\(plan.ports.standbys)
                mode tcp
                balance roundrobin
                option httpchk GET /replica?lag=1MB
                http-check expect status 200
                default-server inter 1s fastinter 500ms fall 2 rise 1 on-marked-down shutdown-sessions
            \(members(""))

            listen bank
                bind :\(plan.ports.bank)
                mode http
                balance leastconn
                timeout client 75s
                timeout server 75s
                timeout tunnel 1h
                option forwardfor
                option httpchk GET /auth/v1/health
                http-check expect status 200
                option redispatch
                default-server inter 1s fastinter 500ms fall 2 rise 1
            \(servers.joined(separator: "\n"))

            """
    }

    /// The bank's owner and database, made by Patroni once, on the first leader. The pass word comes in by a file.
    static func bootstrap(_ secrets: ClusterSecrets) -> String {
        """
        #!/bin/sh
        set -eu
        psql -X -q -v ON_ERROR_STOP=1 "$1" <<'SQL'
        \(ClusterStore.bootstrap(password: secrets.owner))
        SQL

        """
    }

    static func patroniUnit(_ plan: ClusterPlan) -> String {
        """
        [Unit]
        Description=PostgreSQL of the bank under Patroni
        After=network-online.target digitalbank-etcd.service
        Wants=network-online.target

        [Service]
        User=postgres
        ExecStart=\(plan.configuration)/patroni \(plan.configuration)/patroni.yml
        ExecReload=/bin/kill -HUP $MAINPID
        KillMode=process
        TimeoutStopSec=60
        Restart=always
        RestartSec=2
        LimitNOFILE=65536
        NoNewPrivileges=yes
        ProtectSystem=full
        PrivateTmp=yes

        [Install]
        WantedBy=multi-user.target

        """
    }

    /// What `cluster guard` is told on a host.
    static func guardArguments(_ plan: ClusterPlan, _ host: ClusterPlan.Host, certificates: String) -> [String] {
        ["cluster", "guard", host.name, "--cluster", plan.name, "--etcd"]
            + ["\(plan.scheme)://127.0.0.1:\(plan.ports.etcdClients)"]
            + (plan.hasTLS ? ["--certificates", certificates] : [])
    }

    static func guardUnit(_ plan: ClusterPlan, _ host: ClusterPlan.Host) -> String {
        """
        [Unit]
        Description=Ends the lease of a leader of the bank's PostgreSQL that is gone
        After=network-online.target digitalbank-etcd.service
        Wants=network-online.target

        [Service]
        User=postgres
        ExecStart=/usr/bin/digitalbank \(guardArguments(plan, host, certificates: plan.configuration).joined(separator: " "))
        Restart=always
        RestartSec=2
        NoNewPrivileges=yes
        ProtectSystem=strict
        PrivateTmp=yes

        [Install]
        WantedBy=multi-user.target

        """
    }

    static func etcdUnit(_ plan: ClusterPlan) -> String {
        """
        [Unit]
        Description=etcd of the bank: who leads
        After=network-online.target
        Wants=network-online.target

        [Service]
        Type=notify
        User=postgres
        ExecStart=/usr/bin/etcd --config-file \(plan.configuration)/etcd.yml
        Restart=always
        RestartSec=2
        LimitNOFILE=65536
        IOSchedulingClass=best-effort
        IOSchedulingPriority=0
        NoNewPrivileges=yes
        ProtectSystem=full
        PrivateTmp=yes

        [Install]
        WantedBy=multi-user.target

        """
    }

    static func serveUnit(_ plan: ClusterPlan) -> String {
        """
        [Unit]
        Description=DigitalBank over the cluster
        After=network-online.target digitalbank-proxy.service
        Wants=network-online.target

        [Service]
        User=digitalbank
        EnvironmentFile=\(plan.configuration)/serve.env
        ExecStart=/usr/bin/digitalbank serve --database ${DATABASE} --data-dir /var/lib/digitalbank --host 0.0.0.0 \
        --port \(plan.ports.serve) --admin-port \(plan.ports.serveAdmin) --waf detect
        Restart=always
        RestartSec=2
        LimitNOFILE=65536
        NoNewPrivileges=yes
        ProtectSystem=strict
        ReadWritePaths=/var/lib/digitalbank
        PrivateTmp=yes

        [Install]
        WantedBy=multi-user.target

        """
    }

    static func proxyUnit(_ plan: ClusterPlan) -> String {
        """
        [Unit]
        Description=HAProxy of the bank: to the leader, to the standbys, to the servers
        After=network-online.target
        Wants=network-online.target

        [Service]
        ExecStart=/usr/sbin/haproxy -Ws -f \(plan.configuration)/haproxy.cfg
        ExecReload=/bin/kill -USR2 $MAINPID
        Type=notify
        KillMode=mixed
        Restart=always
        NoNewPrivileges=yes
        ProtectSystem=full
        PrivateTmp=yes

        [Install]
        WantedBy=multi-user.target

        """
    }

    /// Puts the folder's files in place on the host it was made for.
    static func install(_ plan: ClusterPlan, isDatabase: Bool) -> String {
        let units = isDatabase ? ["etcd", "patroni", "guard"] : ["proxy", "serve"]
        let certificates = !plan.hasTLS ? "" : isDatabase ? " ca.pem host.pem host.key" : " ca.pem"
        let files = (isDatabase ? "patroni.yml etcd.yml bootstrap patroni" : "serve.env haproxy.cfg") + certificates
        let owner = isDatabase ? "postgres" : "root"
        let packages = isDatabase ? "postgresql-15 patroni etcd-server pgbackrest curl digitalbank" : "haproxy"
        return """
            #!/bin/sh
            # Run as root in this folder, on the host it is named after. Needs: \(packages)
            set -eu
            install -d -m 750 -o \(owner) -g \(owner) \(plan.configuration)
            \(isDatabase ? "install -d -m 700 -o postgres -g postgres \(plan.directory)" : ":")
            for file in \(files); do
                mode=600
                [ "$file" != bootstrap ] && [ "$file" != patroni ] || mode=700
                install -m "$mode" -o \(owner) -g \(owner) "$file" \(plan.configuration)/"$file"
            done
            install -m 644 digitalbank-*.service /etc/systemd/system/
            systemctl daemon-reload
            systemctl enable --now \(units.map { "digitalbank-" + $0 }.joined(separator: " "))

            """
    }
}
