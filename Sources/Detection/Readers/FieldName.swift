/// What a named field of a record means, whatever the program called it.
enum FieldName: UInt8, CaseIterable, Sendable {
    case time, epochMicros, address, user, method, path, target, request, query, status, size, agent, referer, host
    case program, message, database, statement, state, severity, session, object, action, mount, line, process
    case backend, sqlSeverity, role, command, rows, application, internalQuery, sequence

    /// Names that programs use, in lower case: nginx, Apache, Caddy, PostgreSQL, journald, ECS, the bank's own.
    private static let names: [(FieldName, [String])] = [
        (
            .time,
            [
                "time", "timestamp", "@timestamp", "ts", "temps", "date", "datetime", "time_local", "time_iso8601",
                "log_time", "event datetime", "timegenerated", "eventtime", "horodatage", "heure", "msec", "event_time",
                "created_at", "asctime", "start_time",
            ]
        ),
        (.epochMicros, ["__realtime_timestamp", "_source_realtime_timestamp"]),
        (
            .address,
            [
                "ip", "remote_addr", "remote_ip", "remote_host", "client_ip", "clientip", "client", "src_ip", "srcip",
                "source_ip", "source ip", "source.ip", "client_addr", "connection_from", "adresse_ip", "ip_address",
                "peer",
                "client_address", "c-ip", "remote", "address",
            ]
        ),
        (
            .user,
            [
                "user", "user_name", "username", "utilisateur", "remote_user", "user.name", "login", "account", "email",
                "acct", "user id", "cs-username", "identifiant",
            ]
        ),
        (.method, ["method", "request_method", "verb", "http_method", "cs-method", "methode"]),
        (.path, ["path", "uri_path", "url_path", "cs-uri-stem", "chemin"]),
        (.target, ["request_uri", "uri", "url", "target", "cs-uri", "requesturi"]),
        (.request, ["request", "requete", "request_line"]),
        (.query, ["query_string", "args", "cs-uri-query", "uri_query"]),
        (.status, ["status", "status_code", "response", "sc-status", "http_status", "statut", "response_status"]),
        (
            .size,
            [
                "bytes", "body_bytes_sent", "bytes_sent", "size", "response_size", "sc-bytes", "taille", "octets",
            ]
        ),
        (
            .agent,
            [
                "http_user_agent", "user_agent", "agent", "useragent", "cs(user-agent)", "request user agent",
                "user-agent", "navigateur",
            ]
        ),
        (.referer, ["http_referer", "referer", "referrer", "http_referrer"]),
        (.host, ["hostname", "host", "_hostname", "http_host", "server_name", "computer", "hote", "machine", "vhost"]),
        (
            .program,
            [
                "syslog_identifier", "program", "programname", "processname", "service", "app", "app_name", "ident",
            ]
        ),
        (.process, ["_comm", "comm", "_exe", "exe", "process"]),
        (.message, ["message", "msg", "log", "syslogmessage", "texte", "event_message"]),
        (.database, ["dbname", "database_name", "database", "db"]),
        (.statement, ["statement", "sql", "requete_sql", "sql_text"]),
        (.query, ["query"]),
        (.internalQuery, ["internal_query", "context"]),
        (.state, ["state_code", "sql_state_code", "sqlstate"]),
        (.severity, ["severity", "level", "niveau", "severitylevel", "priority", "loglevel"]),
        (.session, ["session_id", "session", "sid", "_systemd_session"]),
        (.object, ["objet", "object", "resource", "ressource", "table_name"]),
        (.action, ["evenement", "event", "action", "event_type", "event name", "event_name", "operation"]),
        (.mount, ["mount"]),
        (.line, ["session_line_num", "line_num"]),
        (.sequence, ["__seqnum", "seq", "sequence", "seqnum"]),
        (.backend, ["backend_type"]), (.sqlSeverity, ["error_severity"]),
        (.role, ["role"]),
        (.command, ["command", "command_tag", "ps", "commande", "cmd", "_cmdline"]),
        (.rows, ["rows", "row_count", "lignes"]),
        (.application, ["application_name"]),
    ]

    static let table: [String: FieldName] = {
        var table: [String: FieldName] = [:]
        for (field, list) in names { for name in list where table[name] == nil { table[name] = field } }
        return table
    }()
}

/// Names of fields to their meaning, looked up by the bytes of the name.
struct FieldTable: Sendable {
    private var slots: [(hash: UInt64, field: FieldName)?]
    private let mask: Int

    /// - Parameter mapping: names of one's own, which come before ours.
    init(mapping: [String: FieldName] = [:]) {
        let all = FieldName.table.merging(mapping.reduce(into: [:]) { $0[$1.key.lowercased()] = $1.value }) { $1 }
        var size = 512
        while size < all.count * 4 { size *= 2 }
        mask = size - 1
        slots = Array(repeating: nil, count: size)
        for (name, field) in all {
            var name = name
            let hash = name.withUTF8 { Self.hash(Bytes(UnsafeRawBufferPointer($0))) }
            var index = Int(truncatingIfNeeded: hash) & mask
            while slots[index] != nil { index = (index + 1) & mask }
            slots[index] = (hash, field)
        }
    }

    @inline(__always)
    private static func hash(_ name: Bytes) -> UInt64 {
        var value: UInt64 = 0xCBF2_9CE4_8422_2325
        for index in 0..<min(name.count, 64) { value = (value ^ UInt64(Bytes.lower(name[index]))) &* 0x100_0000_01B3 }
        return value ^ (value >> 31)
    }

    @inline(__always)
    subscript(name: Bytes) -> FieldName? {
        guard name.count <= 40 else { return nil }
        let hash = Self.hash(name)
        var index = Int(truncatingIfNeeded: hash) & mask
        while let slot = slots[index] {
            if slot.hash == hash { return slot.field }
            index = (index + 1) & mask
        }
        return nil
    }
}
