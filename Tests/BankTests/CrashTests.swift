import Bank
import Foundation
import Glibc
import Postgres
import PostgresServer
import TestSupport
import Testing

/// The server is killed while money moves. Callers send every order whose answer they did not get again, with its key.
@Suite(.serialized) struct CrashTests {
    @Test func `kill -9 of the server loses no acknowledged transfer and doubles none`() async throws {
        let seed = UInt64.random(in: .min ... .max)
        print("seed \(seed)")
        try await withTemporaryDirectory { folder in
            var options = Cluster.Options(directory: folder + "/pg")
            options.isRemovedWithOwner = true
            options.settings = ["shared_buffers": "64MB", "max_connections": "60"]
            let cluster = try await Cluster.create(options)
            try await cluster.start()
            try await cluster.createDatabase("bank")
            let database = Database(cluster.configuration(database: "bank"))
            do {
                try await prepareLedger(database)
                let acknowledged = Tally<(String, OperationID)>()
                for round in 0..<(isLongRun ? 12 : 2) {
                    try await storm(round, seed, database, cluster, acknowledged)
                }
                try await check(database, acknowledged.all)
                await database.close()
                try await cluster.destroy()
            } catch {
                await database.close()
                try? await cluster.destroy()
                throw error
            }
        }
    }

    private func storm(
        _ round: Int, _ seed: UInt64, _ database: Database, _ cluster: Cluster,
        _ acknowledged: Tally<(String, OperationID)>
    ) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                try await inParallel(isLongRun ? 2_000 : 300, width: 16) { index in
                    var random = SeededGenerator(seed: seed &+ UInt64(round * 100_000 + index))
                    let debit = Int64.random(in: 1...20, using: &random)
                    let credit = (debit + .random(in: 0...18, using: &random)) % 20 + 1
                    let wanted = order(debit, credit, .random(in: 1...50, using: &random), "crash \(round) \(index)")
                    if let entry = try await persist(wanted, database) {
                        acknowledged.add((wanted.key.rawValue, entry))
                    }
                }
            }
            group.addTask {
                while acknowledged.count < (isLongRun ? 700 : 100) * (round + 1) {
                    try await Task.sleep(for: .milliseconds(5))
                }
                if case .running(let server) = cluster.status { kill(server, SIGKILL) }
                try await Task.sleep(for: .milliseconds(50))
                try await cluster.start()
            }
            try await group.waitForAll()
        }
    }

    /// Sends an order until it is answered.
    private func persist(_ wanted: TransferOrder, _ database: Database) async throws -> OperationID? {
        for _ in 0..<600 {
            do { return try await LedgerStore(database).transfer(wanted).operation } catch is LedgerError {
                return nil
            } catch is PostgresError { try await Task.sleep(for: .milliseconds(50)) }
        }
        Issue.record("the server did not come back")
        return nil
    }

    private func check(_ database: Database, _ acknowledged: [(String, OperationID)]) async throws {
        let rows = try await database.run("select cle_idempotence, transaction_id from virements")
        var booked: [String: OperationID] = [:]
        for row in rows { booked[try row.decode(0)] = OperationID(try row.decode(1)) }
        #expect(booked.count == acknowledged.count)
        for (key, operation) in acknowledged { #expect(booked[key] == operation, "\(key)") }
        let operations = try await database.one("select count(*) from transactions", as: Int.self)
        #expect(operations == acknowledged.count)
        #expect(try await LedgerStore(database).verify().isEmpty)
        let total = try await database.one(
            "select sum(solde_minor)::bigint from comptes where client_id is not null", as: Int64.self)
        #expect(total == Int64(accountCount) * startMinor)
    }
}
