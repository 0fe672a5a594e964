internal import Analytics
internal import Bank
internal import Migrations
internal import Postgres
internal import Recovery

/// What `digitalbank bi` does on the embedded bank or on a database elsewhere.
public enum BICommandService {
    public static func refresh(dsn: String?, dataDirectory: String) async throws -> [String] {
        try await with(dsn, dataDirectory) { database in
            let report = try await BIRefresher(database: database).refresh()
            return report.lines.map { line in
                line.source.padding(to: 14) + "\(line.count)"
            } + ["lignes".padding(to: 14) + "\(report.total)"]
        }
    }

    /// The measures against the schema that is there: what is wrong, or nothing.
    public static func check(dsn: String?, dataDirectory: String) async throws -> (lines: [String], isClean: Bool) {
        let faults = try await with(dsn, dataDirectory) { database in
            let model = try await ModelStore(database).read()
            let book = try MeasureBook.shipped()
            return (book.faults(in: model), model.entities.count, book.measures.count)
        }
        guard faults.0.isEmpty else { return (faults.0, false) }
        return (["\(faults.2) measures over \(faults.1) tables, no fault"], true)
    }

    /// Writes the project and reads it back against the database.
    public static func project(
        out: String, server: String, database: String, odata: String, language: String = "fr", dsn: String?,
        dataDirectory: String
    ) async throws -> (lines: [String], isClean: Bool) {
        let model = try await with(dsn, dataDirectory) { try await ModelStore($0).read() }
        let book = try MeasureBook.shipped()
        let writer = ProjectWriter(
            model: model, measures: book, server: server, database: database, odata: odata, language: language)
        let files = try writer.write(to: out)
        let faults = try ProjectLint.faults(in: out, model: model)
        let columns = model.entities.reduce(0) { $0 + $1.columns.count }
        return (
            faults + [
                "files        \(files.count) in \(out)", "tables       \(model.entities.count), \(columns) columns",
                "measures     \(book.measures.count)", "faults       \(faults.count)",
                "open         \(out)/DigitalBank.pbip",
            ], faults.isEmpty
        )
    }

    public static func addToken(name: String, days: Int, dsn: String?, dataDirectory: String) async throws -> [String] {
        let token = try await with(dsn, dataDirectory) { try await BITokenStore($0).add(name: name, days: days) }
        return [
            "name         \(name)", "token        \(token)", "days         \(days)",
            "use          as the password of Basic at /bi/odata; the user's name is free",
        ]
    }

    public static func tokens(dsn: String?, dataDirectory: String) async throws -> [String] {
        let lines = try await with(dsn, dataDirectory) { try await BITokenStore($0).all() }
        guard !lines.isEmpty else { return ["there are no tokens: make one with digitalbank bi token add"] }
        return lines.map { line in
            "\(line.id)".padding(to: 6) + line.name.padding(to: 24) + "expires \(line.expires)  "
                + (line.isRevoked ? "revoked" : "used \(line.used ?? "never")")
        }
    }

    public static func revokeToken(_ id: Int64, dsn: String?, dataDirectory: String) async throws -> [String] {
        let was = try await with(dsn, dataDirectory) { try await BITokenStore($0).revoke(id) }
        return [was ? "the token \(id) is revoked" : "there is no token \(id) in use"]
    }

    public static func addLogin(_ name: String, dsn: String?, dataDirectory: String) async throws -> [String] {
        let password = try await with(dsn, dataDirectory) { try await BITokenStore($0).makeLogin(name) }
        return [
            "role         \(name), reads schema bi and nothing else", "password     \(password)",
            "guide        docs/guides/powerbi.md",
        ]
    }

    /// The bank's database with schema `bi` as this version has it.
    static func with<Value: Sendable>(
        _ dsn: String?, _ dataDirectory: String, _ body: @escaping @Sendable (Database) async throws -> Value
    ) async throws -> Value {
        guard let dsn else {
            return try await BankDatabase.with(DataDirectory(dataDirectory)) { database in
                var configuration = database.configuration
                configuration.limits.statementTimeout = .seconds(900)
                return try await prepared(configuration, body)
            }
        }
        var configuration = DatabaseConfiguration(dsn, password: ServerPassword.fromEnvironment)
        configuration.limits.statementTimeout = .seconds(900)
        return try await prepared(configuration, body)
    }

    private static func prepared<Value: Sendable>(
        _ configuration: DatabaseConfiguration, _ body: @Sendable (Database) async throws -> Value
    ) async throws -> Value {
        let database = Database(configuration)
        do {
            try await Migrator(database).apply([try BankMigrations.set(), try AnalyticsMigrations.set()])
            let value = try await body(database)
            await database.close()
            return value
        } catch {
            await database.close()
            throw error
        }
    }
}

extension String {
    /// Spaces behind, up to a width.
    func padding(to width: Int) -> String { self + String(repeating: " ", count: max(1, width - count)) }
}
