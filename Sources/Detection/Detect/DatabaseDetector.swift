/// What statements in PostgreSQL's log do to roles, data, guards and logs.
final class DatabaseDetector {
    private let sink: FindingSink
    private var shape = SQLShape()
    var errors = BoundedTable<ErrorState>(capacityMax: 1 << 14)
    /// While what stands in a text is judged: code in code in code is read no deeper.
    var isInside = false
    static let statementsMax = 200
    /// A limit above this is none.
    static let limitLarge: Int64 = 10_000

    struct ErrorState: TableValue {
        var lastSeen: UInt32 = 0
        var syntax = SlidingCount()
        var denied = SlidingCount()
        var dropped = SlidingCount()
        var raised: UInt32 = 0
        var raisedAt: UInt32 = 0
        var weight: Int { raised != 0 ? 1000 : 1 }
    }

    init(_ sink: FindingSink) { self.sink = sink }

    /// Tables of the bank whose rows are people, money or evidence, in the words of its schemas.
    static let assets: [StaticString] = [
        "clients", "comptes", "cartes", "transactions", "operations", "virements", "beneficiaires", "employes",
        "users", "accounts", "cards", "payments", "customers", "ecritures", "postings", "mandats", "releves",
        "utilisateurs", "ledger", "journal_entries", "kyc", "dossiers",
    ]
    private static let journals: [StaticString] = [
        "logs", "audit", "journal", "audit_log", "audit_logs", "evidence", "entries", "journaux", "log", "pgaudit",
        "piste_audit", "historique",
    ]

    static func isAsset(_ table: Bytes) -> Bool { assets.contains { table.equals($0) } }
    static func isJournal(_ table: Bytes) -> Bool { journals.contains { table.equals($0) } || table.has("audit_") }

    func error(_ event: LogEvent, _ place: LinePlace) {
        let now = UInt32(truncatingIfNeeded: max(0, event.time / Instant.second))
        let state = errors.at(event.user.hash(5) ^ event.address.actor, now: now)
        if event.state.has("42501") {
            let count = state.pointee.denied.add(1, at: now, window: 600)
            if count >= 10 {
                once(state, 1, Rules.permissionErrors, event, place, now, "\(count) refusals within 10 min")
            }
        } else if event.state.has("42") || event.state.has("22P02") || event.state.has("22007") {
            let count = state.pointee.syntax.add(1, at: now, window: 3600)
            if count >= 10 { once(state, 2, Rules.sqlErrors, event, place, now, "\(count) SQL errors within an hour") }
        }
    }

    private func once(
        _ state: UnsafeMutablePointer<ErrorState>, _ mark: UInt32, _ rule: Rule, _ event: LogEvent,
        _ place: LinePlace, _ now: UInt32, _ words: String
    ) {
        if now > state.pointee.raisedAt &+ 86_400 { state.pointee.raised = 0 }
        guard state.pointee.raised & mark == 0 else { return }
        state.pointee.raised |= mark
        state.pointee.raisedAt = now
        raise(rule, event, place, .empty, words)
    }

    func statement(_ event: LogEvent, _ place: LinePlace) {
        guard event.statement.count >= 4 else { return }
        isInside = false
        shape.take(event.statement)
        shape.with { each(in: $0, event, place) }
        if event.rows >= 1000, event.action.equals("READ") {
            raise(Rules.massRead, event, place, event.object, "\(event.rows) rows read")
        }
    }

    /// Several statements in one text: each is judged.
    func each(in text: Bytes, _ event: LogEvent, _ place: LinePlace) {
        var start = 0
        var parts = 0
        while start < text.count, parts < Self.statementsMax {
            let end = text.first(59, from: start) ?? text.count
            judge(unwrapped(text[start, end].trimmed, event, place), event, place)
            start = end + 1
            parts += 1
        }
    }

    func judge(_ text: Bytes, _ event: LogEvent, _ place: LinePlace) {
        switch text[0] {
        case 99:
            if text.has("create ") {
                create(text, event, place)
            } else if text.has("copy ") || text.has("copy(") {
                copy(text, event, place)
            }
        case 97 where text.has("alter "): alter(text, event, place)
        case 103 where text.has("grant "): grant(text, event, place)
        case 100:
            if text.has("delete from ") {
                delete(text, event, place)
            } else if text.has("drop ") {
                drop(text, event, place)
            }
        case 116:
            if text.has("truncate ") {
                truncate(text, event, place)
            } else if text.has("table ") {
                everyRow(table(of: text, behind: "table "), event, place)
            }
        case 117 where text.has("update "): update(text, event, place)
        case 115:
            if text.has("select ") { select(text, event, place) } else if text.has("set ") { set(text, event, place) }
        case 105 where text.has("insert into "): insert(text, event, place)
        case 119 where text.has("with "): parts(of: text, event, place)
        default: break
        }
        functions(text, event, place)
    }

    /// Functions that reach the server's files and programs, wherever they stand in a statement.
    private func functions(_ text: Bytes, _ event: LogEvent, _ place: LinePlace) {
        guard text.contains("pg_") || text.contains("lo_") || text.contains("dblink") || text.contains("xp_") else {
            return
        }
        let reaches: [StaticString] = [
            "pg_read_file(", "pg_read_binary_file(", "pg_ls_dir(", "lo_import(", "lo_export(", "pg_file_write(",
            "pg_stat_file(", "pg_ls_logdir(", "pg_ls_waldir(", "dblink_connect(", "pg_logdir_ls(",
        ]
        if let found = reaches.first(where: { text.contains($0) }) {
            raise(Rules.serverFile, event, place, .empty, "the statement calls \(found)…)")
        } else if text.contains("pg_rotate_logfile(")
            || text.contains("pg_switch_wal(") && text.contains("pg_terminate")
        {
            raise(Rules.loggingOff, event, place, .empty, "the log is switched")
        }
    }

    private func create(_ text: Bytes, _ event: LogEvent, _ place: LinePlace) {
        if text.has("create role ") || text.has("create user ") && !text.has("create user mapping") {
            role(text, 12, Rules.newRole, event, place)
        } else if text.has("create event trigger ") {
            raise(Rules.eventTrigger, event, place, SQLShape.name(text, at: 21), "an event trigger")
        } else if text.contains("trigger ") {
            raise(
                Rules.codeObject, event, place, SQLShape.name(text, at: (text.find("trigger ") ?? 0) + 8), "a trigger")
        } else if text.contains("function ") || text.contains("procedure ") {
            let head = text.find("function ") ?? text.find("procedure ") ?? 0
            let name = SQLShape.name(text, at: head + (text.has("function ", at: head) ? 9 : 10))
            if text.contains("language c ") || text.hasSuffix("language c") || text.contains("plpythonu")
                || text.contains("plpython3u") || text.contains("plperlu") || text.contains("pltclu")
                || text.contains("language internal")
            {
                raise(Rules.untrusted, event, place, name, "a function in an untrusted language")
            } else {
                raise(
                    Rules.codeObject, event, place, name,
                    text.contains("security definer") ? "a function with its owner's rights" : "a function")
            }
        } else if text.contains(" rule ") || text.has("create rule") {
            raise(
                Rules.codeObject, event, place, SQLShape.name(text, at: (text.find("rule ") ?? 0) + 5), "a rewrite rule"
            )
        } else if text.contains("language ") && !text.has("create table") || text.has("create extension dblink")
            || text.has("create extension file_fdw") || text.has("create extension adminpack")
        {
            raise(
                Rules.untrusted, event, place, SQLShape.name(text, at: (text.last(32) ?? 0)),
                "a language or an extension that reaches out")
        } else if text.has("create table ") {
            ransom(text, 13, event, place)
            if text.contains(" as ") { copies(text, event, place) }
        } else if text.contains(" table ") || text.contains("materialized view "), text.contains(" as ") {
            copies(text, event, place)
        }
    }

    private func role(_ text: Bytes, _ at: Int, _ rule: Rule, _ event: LogEvent, _ place: LinePlace) {
        let name = SQLShape.name(text, at: at)
        let rest = text.from(at + name.count)
        func has(_ word: StaticString) -> Bool { rest.contains(word) }
        if has(" superuser") || has(" createrole") || has(" bypassrls") || has(" replication") {
            raise(Rules.newSuperuser, event, place, name, "the role may do everything, or make others that may")
        } else if text.has("create") {
            raise(rule, event, place, name, "a role is created")
        } else if has(" password ") && !event.user.equals(name) {
            raise(Rules.newRole, event, place, name, "another role's password is changed", gravity: .low)
        }
    }

    private func alter(_ text: Bytes, _ event: LogEvent, _ place: LinePlace) {
        if text.has("alter role ") || text.has("alter user ") {
            role(text, 11, Rules.newSuperuser, event, place)
            if text.contains(" set log_") || text.contains("pgaudit.log") { logging(text, event, place) }
        } else if text.has("alter system ") || text.has("alter database ") {
            logging(text, event, place)
            if text.contains("archive_command") || text.contains("shared_preload_libraries")
                || text.contains("ssl ") && text.contains("off") || text.contains("row_security")
                || text.contains("session_preload_libraries")
            {
                raise(Rules.guardsOff, event, place, .empty, "a setting of the whole server is changed")
            }
        } else if text.contains("disable trigger") || text.contains("disable row level security")
            || text.contains("no force row level security") || text.contains("disable rule")
        {
            raise(
                Rules.guardsOff, event, place, table(of: text, behind: "alter table "),
                "triggers or row level security are switched off")
        } else if text.contains("owner to ") {
            raise(Rules.codeObject, event, place, .empty, "an object gets another owner", gravity: .low)
        } else if text.has("alter table "), text.contains(" drop constraint") || text.contains(" rename to ") {
            let name = table(of: text, behind: "alter table ")
            raise(
                Rules.codeObject, event, place, name, "a table loses a rule or its name",
                gravity: Self.isAsset(name) ? .medium : .low)
        }
    }

    func table(of text: Bytes, behind words: StaticString) -> Bytes {
        var place = words.utf8CodeUnitCount
        for skipped: StaticString in ["if exists ", "only ", "if not exists "] where text.has(skipped, at: place) {
            place += skipped.utf8CodeUnitCount
        }
        return SQLShape.name(text, at: place)
    }

    private func set(_ text: Bytes, _ event: LogEvent, _ place: LinePlace) {
        logging(text, event, place)
        if text.contains("session_replication_role") && text.contains("replica")
            || text.contains("row_security") && text.contains("off")
        {
            raise(
                Rules.guardsOff, event, place, .empty, "triggers or row level security are passed over in this session")
        }
    }

    private func logging(_ text: Bytes, _ event: LogEvent, _ place: LinePlace) {
        let names: [StaticString] = [
            "log_statement", "logging_collector", "log_min_", "pgaudit.log", "log_destination", "log_connections",
            "log_duration", "log_line_prefix", "log_error_verbosity", "log_disconnections",
        ]
        guard let name = names.first(where: { text.contains($0) }) else { return }
        raise(Rules.loggingOff, event, place, .empty, "\(name) is changed")
    }

    private func grant(_ text: Bytes, _ event: LogEvent, _ place: LinePlace) {
        let on = text.find(" on ").map { place in
            text.has("table ", at: place + 4) ? SQLShape.name(text, at: place + 10) : SQLShape.name(text, at: place + 4)
        }
        if text.contains(" to public") || text.hasSuffix(" to anon") {
            raise(Rules.grantPublic, event, place, on ?? .empty, "everybody gets the right")
        } else if text.contains("pg_execute_server_program") || text.contains("pg_read_server_files")
            || text.contains("pg_write_server_files") || text.contains("pg_read_all_data")
            || text.contains("pg_write_all_data") || text.contains("service_role to") || text.has("grant postgres to")
            || text.contains("rds_superuser") || text.contains("with admin option")
        {
            raise(Rules.grantPowerful, event, place, .empty, "a role with much power is given")
        }
    }

    private func copy(_ text: Bytes, _ event: LogEvent, _ place: LinePlace) {
        let isQuery = text[4] == 40 || text[5] == 40
        let name =
            isQuery ? table(of: text.from(text.find("from ") ?? 5), behind: "from ") : SQLShape.name(text, at: 5)
        if SQLShape.runsProgram(text) {
            raise(Rules.program, event, place, name, "COPY runs a program on the server")
        } else if text.contains(" to 's'") || text.contains(" from 's'") {
            raise(Rules.serverFile, event, place, name, "COPY with a file of the server")
        } else if text.contains(" to stdout"), !Self.isBackup(event) {
            raise(
                Rules.massRead, event, place, name, "a whole table is read", gravity: Self.isAsset(name) ? .high : .low)
        }
    }

    /// Backups read everything, every night: by name of the program, and never from outside.
    static func isBackup(_ event: LogEvent) -> Bool {
        guard event.address.isNone || event.address.isInside else { return false }
        return event.agent.has("pg_dump") || event.agent.has("pg_basebackup") || event.agent.contains("pgbackrest")
            || event.agent.has("pgBackRest") || event.agent.has("barman")
    }

    func raise(
        _ rule: Rule, _ event: LogEvent, _ place: LinePlace, _ target: Bytes, _ words: String,
        gravity: Gravity? = nil
    ) {
        var subject = FindingSink.Subject()
        subject.address = event.address
        subject.user = event.user
        subject.host = event.host
        subject.target = target
        subject.words = words
        sink.raise(rule, event, place, gravity: gravity, subject)
    }
}
