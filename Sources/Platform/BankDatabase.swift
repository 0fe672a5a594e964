internal import Postgres
internal import PostgresServer
internal import Recovery

/// The embedded bank's database, for one piece of work.
enum BankDatabase {
    static func with<Value: Sendable>(
        _ data: DataDirectory, _ body: @Sendable (Database) async throws -> Value
    ) async throws -> Value {
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
        let database = Database(cluster.configuration(database: UpService.databaseName))
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
