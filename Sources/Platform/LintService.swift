internal import Postgres
internal import Recovery
internal import Rest
internal import Web

/// What a lint found, for a person or a program.
public struct LintReport: Sendable {
    public let lines: [String]
    public let json: String
    public let isClean: Bool
}

/// Looks for faults in who may see what.
public enum LintService {
    /// - Parameter dsn: a database elsewhere; else the embedded bank's.
    public static func rowSecurity(
        dsn: String?, dataDirectory: String, schemas: [String]
    ) async throws -> LintReport {
        guard let dsn else {
            return try await BankDatabase.with(DataDirectory(dataDirectory)) { try await report($0, schemas) }
        }
        let database = Database(DatabaseConfiguration(dsn, password: ServerPassword.fromEnvironment))
        do {
            let report = try await report(database, schemas)
            await database.close()
            return report
        } catch {
            await database.close()
            throw error
        }
    }

    private static func report(_ database: Database, _ schemas: [String]) async throws -> LintReport {
        let findings = try await LintStore(database: database).findings(schemas: schemas)
        var lines: [String] = []
        for finding in findings {
            lines.append("\(finding.rule.rawValue)  \(finding.object)")
            lines.append("    why   \(finding.reason)")
            lines.append("    mend  \(finding.repair)")
        }
        lines.append(
            findings.isEmpty
                ? "no fault in the row level security of \(schemas.joined(separator: ", "))"
                : "\(findings.count) \(findings.count == 1 ? "fault" : "faults")")
        let json: JSON = ["findings": .array(findings.map(\.json))]
        return LintReport(lines: lines, json: json.text, isClean: findings.isEmpty)
    }
}
