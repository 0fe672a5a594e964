internal import Foundation
internal import Postgres
internal import PostgresServer
internal import Recovery

/// The bank's database, for one piece of work: the one that is named, else the embedded one of the data directory, else the
/// one that the environment names.
enum BankDatabase {
    /// As `serve --database` takes it; the password comes from PGPASSWORD.
    static let variable = "DIGITALBANK_DATABASE"

    /// What is named, or, where there is no embedded bank, what the environment names.
    static func elsewhere(_ named: String?, _ data: DataDirectory) -> String? {
        if let named, !named.isEmpty { return named }
        guard !Cluster.exists(in: data.cluster) else { return nil }
        return ProcessInfo.processInfo.environment[variable].flatMap { $0.isEmpty ? nil : $0 }
    }

    static func with<Value: Sendable>(
        _ data: DataDirectory, database named: String? = nil, _ body: @Sendable (Database) async throws -> Value
    ) async throws -> Value {
        if let address = elsewhere(named, data) {
            return try await using(
                Database(DatabaseConfiguration(address, password: ServerPassword.fromEnvironment)), body)
        }
        guard Cluster.exists(in: data.cluster) else {
            throw RecoveryError(
                code: "bank_not_found", message: "there is no bank in \(data.path)",
                hint: "Make one with: digitalbank up, or digitalbank recover DUMP --data-dir \(data.path)",
                exitStatus: .conflict)
        }
        let cluster = try Cluster.attach(data.cluster)
        guard cluster.isRunning else {
            throw RecoveryError(
                code: "bank_stopped", message: "the bank in \(data.path) is stopped",
                hint: "Start it with: digitalbank up --data-dir \(data.path)",
                exitStatus: .environment)
        }
        return try await using(Database(cluster.configuration(database: UpService.databaseName)), body)
    }

    private static func using<Value: Sendable>(
        _ database: Database, _ body: @Sendable (Database) async throws -> Value
    ) async throws -> Value {
        do {
            let value = try await body(database)
            await database.close()
            return value
        } catch {
            await database.close()
            throw error
        }
    }
}
