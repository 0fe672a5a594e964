internal import Foundation
internal import Web

/// A row that a recovery found tampered with: one line of its `findings.jsonl`.
public struct TamperedRow: Sendable, Hashable {
    public let rule: String
    public let kind: String
    public let table: String
    public let key: String
    public let column: String?
    /// Microseconds since 1970; 0 where the row has no time.
    public let at: Int64

    private static let rowsMax = 1_000_000

    /// Rows of a file; lines that are none are passed over, as are findings without an act.
    public static func read(_ path: String) throws(DetectionError) -> [TamperedRow] {
        guard let data = FileManager.default.contents(atPath: path) else {
            throw .unreadable(path, "it does not exist or may not be read")
        }
        let zone = ZoneClock("UTC")
        var rows: [TamperedRow] = []
        for line in data.split(separator: 10).prefix(rowsMax) {
            guard let json = try? JSONReader.read(Array(line)), let kind = json["kind"]?.string,
                let table = json["table"]?.string, let key = json["key"]?.string, let rule = json["rule"]?.string
            else { continue }
            var at: Int64 = 0
            if var text = json["at"]?.string {
                text.withUTF8 { at = FieldSink.instant(Bytes(UnsafeRawBufferPointer($0)), zone) }
            }
            rows.append(
                TamperedRow(
                    rule: rule, kind: kind, table: table, key: key, column: json["column"]?.string, at: at))
        }
        return rows
    }

    /// Whom the row belongs to; nil where it is nobody's, or gone with everything that would tell.
    var object: TouchedObject? {
        let kinds: [String: TouchedObject.Kind] = [
            "balance_altered": .account, "beneficiary_iban": .payee, "transaction_altered": .operation,
            "transaction_forged": .operation, "transaction_duplicated": .operation, "transaction_deleted": .operation,
            "card_deleted": .card, "client_deleted": .client,
        ]
        var table = table
        let byTable = table.withUTF8 { TouchReader.kind(Bytes(UnsafeRawBufferPointer($0))) }
        guard let kind = kinds[kind] ?? byTable, key.utf8.count <= 64 else { return nil }
        return TouchedObject(kind: kind, key: key)
    }
}

/// A tampered row, and the finding of the logs that most likely made it.
public struct TamperedLink: Sendable {
    public let row: TamperedRow
    public let finding: Finding?
}

enum TamperedLinks {
    /// A row is of the incident in whose time it changed; without a time, of the one that changed its table.
    static func attach(_ rows: [TamperedRow], to incidents: [Incident]) -> [Incident] {
        guard !rows.isEmpty, !incidents.isEmpty else { return incidents }
        var incidents = incidents
        let changing = incidents.map { incident in incident.findings.filter(isChanging) }
        for row in rows {
            guard let index = place(of: row, incidents, changing) else { continue }
            incidents[index].tampered.append(TamperedLink(row: row, finding: maker(of: row, changing[index])))
        }
        return incidents
    }

    private static func isChanging(_ finding: Finding) -> Bool {
        let kinds: Set<String> = [
            "pg_mass_update", "pg_mass_delete", "pg_mass_drop", "log_tampering", "ransom", "pg_superuser",
        ]
        return kinds.contains(finding.rule.kind) || finding.rule.phase == .impact
    }

    private static func isOf(_ table: String, _ finding: Finding) -> Bool {
        guard let target = finding.target else { return false }
        return target == table || table.hasSuffix("_" + target) || target.hasSuffix("." + table)
    }

    private static func place(of row: TamperedRow, _ incidents: [Incident], _ changing: [[Finding]]) -> Int? {
        let day = 86_400 * Instant.second
        let inTime = incidents.indices.filter {
            row.at > 0 && row.at >= incidents[$0].from - day && row.at <= incidents[$0].until + day
        }
        if let named = inTime.first(where: { changing[$0].contains { isOf(row.table, $0) } }) { return named }
        if let one = inTime.first { return one }
        // A forged row carries whatever time its forger liked.
        return incidents.indices.first { changing[$0].contains { isOf(row.table, $0) } }
            ?? (incidents.count == 1 ? 0 : nil)
    }

    private static func maker(of row: TamperedRow, _ findings: [Finding]) -> Finding? {
        let named = findings.filter { isOf(row.table, $0) }
        guard row.at > 0 else { return named.first }
        return named.min { abs($0.time - row.at) < abs($1.time - row.at) }
    }
}
