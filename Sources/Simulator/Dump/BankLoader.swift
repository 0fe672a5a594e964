internal import Foundation
internal import Postgres
internal import PostgresServer

/// Puts a simulated bank into a throw-away cluster.
struct BankLoader: Sendable {
    let cluster: Cluster
    let schemaBefore: String
    let schemaAfter: String
    let legacyKey: String

    /// Loads all rows; `plants` adds the attacker's objects. Returns the rows by table.
    func load(_ rows: LegacyRows, plants: Bool, progress: @Sendable (String, Int) -> Void) async throws -> [String: Int]
    {
        try await cluster.withSuperuser { connection in
            for statement in LegacyStore.createRoles { try await connection.run(statement) }
        }
        try await cluster.createDatabase(LegacyStore.database, owner: LegacyStore.owner)
        let database = Database(cluster.configuration(database: LegacyStore.database))
        var counts: [String: Int] = [:]
        do {
            counts = try await database.withConnection { connection in
                try await connection.run(LegacyStore.createExtension)
                try await connection.run(LegacyStore.ownSchema)
                try await connection.run(LegacyStore.becomeOwner)
                try await connection.runScript(schemaBefore)
                try await connection.run(LegacyStore.stageClients)
                try await connection.run(LegacyStore.stageAsText)
                var counts: [String: Int] = [:]
                for table in rows.tables {
                    counts[table.name] = try await copy(table, connection)
                    progress(table.name, counts[table.name] ?? 0)
                }
                try await connection.run(LegacyStore.moveClients(legacyKey: legacyKey))
                try await connection.run(LegacyStore.hashStaff)
                for (table, next) in nextIds(rows.bank) {
                    try await connection.run(LegacyStore.setSequence(table, next: next))
                }
                try await connection.runScript(schemaAfter)
                try await connection.run(LegacyStore.becomeSuperuser)
                if plants { try await plantTrojans(connection) }
                return counts
            }
        } catch {
            await database.close()
            throw error
        }
        await database.close()
        return counts
    }

    private func copy(_ table: LegacyRows.Table, _ connection: Connection) async throws -> Int {
        try await connection.copyIn(LegacyStore.copy(table.name, columns: table.columns)) { writer in
            var line = TextLine()
            line.reserve(80_000)
            for index in 0..<table.count {
                table.write(index, &line)
                if line.bytes.count > 64_000 {
                    try line.bytes.withUnsafeBytes { try writer.write($0) }
                    line.clear()
                }
            }
            try line.bytes.withUnsafeBytes { try writer.write($0) }
        }
    }

    private func plantTrojans(_ connection: Connection) async throws {
        for trojan in TrojanStore.all {
            for statement in TrojanStore.statements(of: trojan) { try await connection.run(statement) }
        }
        try await connection.run(TrojanStore.clearLoot)
    }

    private func nextIds(_ bank: LegacyBank) -> [(String, Int)] {
        [
            ("clients", bank.clients.count + 1), ("comptes", bank.accounts.count + 1),
            ("cartes", (bank.cards.last?.id ?? 0) + 1), ("transactions", (bank.operations.last?.id ?? 0) + 1),
            ("beneficiaires", bank.beneficiaries.count + 1), ("virements", bank.orders.count + 1),
            ("employes", bank.staff.count + 1), ("logs", (bank.journal.last?.id ?? 0) + 1),
            ("releves", bank.statements.count + 1),
        ]
    }
}
