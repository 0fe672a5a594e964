/// The forms of logs that are read.
public enum LogForm: String, CaseIterable, Sendable {
    case access, json, syslog, postgresCSV = "postgres-csv", postgresStderr = "postgres-stderr", audit
    case headedCSV = "csv", journalExport = "journal-export", unknown
}

/// How one set of files is read; the same for all of a rotated set.
public struct ReadingOptions: Sendable {
    /// Where local times without a zone were written.
    public var zone = "Europe/Paris"
    /// PostgreSQL's `log_line_prefix`, when the guess does not fit.
    public var logLinePrefix: String?
    /// Field names of one's own: `{"quand": "time"}`.
    public var mapping: [String: String] = [:]
    /// The year of the first syslog line that has none; nil: worked out.
    public var year: Int?

    public init() {}
}

/// Turns records into events. The form is found from the first lines and tried again where it stops fitting.
final class LogReader {
    private(set) var form = LogForm.unknown
    private let zone: ZoneClock
    private let scratch = Scratch()
    private let table: FieldTable
    private var access = AccessReader()
    private var syslog: SyslogReader
    private let json: JSONLineReader
    private let stderr: PostgresStderr
    private var csv: HeadedCSVReader
    private let journal: JournalExportReader
    private var event = LogEvent()
    /// Records of a form that is not the set's: a line of sshd among PostgreSQL's.
    private(set) var strays = 0

    init(_ options: ReadingOptions, year: Int) {
        zone = ZoneClock(options.zone)
        table = FieldTable(mapping: options.mapping.compactMapValues(Self.field))
        syslog = SyslogReader(year: options.year ?? year, zone: zone)
        json = JSONLineReader(table: table, zone: zone)
        stderr = PostgresStderr(zone: zone, prefix: options.logLinePrefix.map { Array($0.utf8) })
        csv = HeadedCSVReader(zone: zone)
        journal = JournalExportReader(table: table, zone: zone)
    }

    private static func field(_ name: String) -> FieldName? { FieldName.allCases.first { "\($0)" == name } }

    /// Whether a record that ends here goes on in the next line.
    func isOpen(_ record: Bytes) -> Bool {
        switch form {
        case .postgresCSV, .headedCSV: PostgresCSV.isOpen(record)
        // Before the form is known, by what the first line looks like.
        case .unknown: mayGoOn(record) || PostgresCSV.begins(record, zone) && PostgresCSV.isOpen(record)
        default: false
        }
    }

    /// A first line of a form whose records end where the next begins.
    private func mayGoOn(_ record: Bytes) -> Bool {
        record.has("__CURSOR=") || record.has("__REALTIME_TIMESTAMP=")
            || Bytes.isDigit(record[0]) && !PostgresCSV.begins(record, zone)
                && PostgresStderr.severity(in: record) != nil
    }

    /// Whether a line belongs to the record before it, whose first line is `record`.
    func continues(_ line: Bytes, _ record: Bytes) -> Bool {
        switch form {
        case .postgresStderr: line[0] == 9
        case .journalExport: !line.isEmpty
        case .unknown: record[0] == 95 ? !line.isEmpty : line[0] == 9 || PostgresCSV.begins(record, zone)
        default: true
        }
    }

    enum Outcome {
        case event, header, blank, broken
    }

    /// Reads one record; the event's views live until the next call.
    func read(_ record: Bytes, _ body: (inout LogEvent) -> Void) -> Outcome {
        let line = record[record.count - 1] == 13 ? record.prefix(record.count - 1) : record
        if line.isEmpty { return .blank }
        scratch.reset()
        event = LogEvent()
        event.line = line
        if form != .unknown, read(line, as: form) {
            body(&event)
            return .event
        }
        for candidate in Self.candidates(line) where candidate != form {
            event = LogEvent()
            event.line = line
            if candidate == .headedCSV {
                guard form == .unknown, csv.takeHeader(line, table) else { continue }
                form = .headedCSV
                return .header
            }
            guard read(line, as: candidate) else { continue }
            if form == .unknown { form = candidate } else { strays += 1 }
            body(&event)
            return .event
        }
        return line.trimmed.isEmpty ? .blank : .broken
    }

    private static func candidates(_ line: Bytes) -> [LogForm] {
        switch line[0] {
        case 123: [.json]
        case 116, 110: [.audit, .access, .headedCSV]
        case 48...57: [.access, .postgresCSV, .postgresStderr, .syslog, .headedCSV]
        case 60: [.syslog]
        case 95: [.journalExport, .headedCSV]
        default: [.syslog, .access, .postgresStderr, .headedCSV]
        }
    }

    @inline(__always)
    private func read(_ line: Bytes, as form: LogForm) -> Bool {
        switch form {
        case .access: access.read(line, into: &event)
        case .json: line[0] == 123 && json.read(line, into: &event, scratch: scratch)
        case .syslog: syslog.read(line, into: &event)
        case .postgresCSV: PostgresCSV.read(line, into: &event, zone: zone, scratch: scratch)
        case .postgresStderr: stderr.read(line, into: &event)
        case .audit: AuditReader.read(line, into: &event)
        case .headedCSV: csv.read(line, into: &event, scratch: scratch)
        case .journalExport: journal.read(line, into: &event)
        case .unknown: false
        }
    }
}
