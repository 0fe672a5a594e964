import Automation
import Bank
import Evidence
import Foundation
import Migrations
import Postgres
import PostgresServer

/// What automations that watch transfers cost a transfer, in the CPU of the database.
struct AutomationOutbox: Benchmark {
    let name = "automation-outbox"
    let title = "The outbox beside a transfer"
    let explanation = """
        CPU of the database's process for a transfer, as the kernel counts it (hundredths of a second), over one
        connection: without a scenario that watches transfers; with one for transfers of 10 000 € and more, where none is
        that large; and with one for every transfer. The bar is for the second.
        """
    private static let count = 3_000

    func rounds(_ context: Context) -> String { "\(context.rounds) rounds of \(Self.count) transfers" }

    func run(_ context: Context) async throws -> [Row] {
        try await context.prepare("outbox") {
            try await context.cluster().createDatabase("outbox")
            let database = try await context.database("outbox")
            let set = try BankMigrations.set()
            let tables = MigrationSet(
                owner: set.owner, migrations: Array(set.migrations.prefix(BankMigrations.beforeBulkLoad)))
            try await Migrator(database).apply([tables])
            try await database.run("insert into clients (numero) select generate_series(1, 200)")
            try await database.run(
                """
                insert into comptes (id, client_id, type, solde_minor)
                select numero, id, 'courant', 100000000 from clients
                """)
            try await database.run("select setval('comptes_id_seq', 201)")
            try await Migrator(database).apply([
                set, try EvidenceMigrations.set(), try AutomationMigrations.set(),
            ])
            try await database.run("select reprendre_les_soldes()")
            try await LedgerStore(database).openDay()
            await database.close()
        }
        let database = try await context.database("outbox")
        let ways: [(String, String?)] = [
            ("transfers nobody watches", nil),
            ("a scenario for transfers of 10 000 € and more", " and event.montant_minor >= 1000000"),
            ("a scenario for every transfer", ""),
        ]
        var sides: [Side] = []
        for (index, way) in ways.enumerated() {
            let folder = context.folder + "/outbox-\(index)"
            try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
            if let filter = way.1 {
                try Data(Self.scenario(filter).utf8).write(to: URL(filePath: folder + "/transfers.yml"))
            }
            sides.append(
                Side(what: way.0, unit: "µs", bar: index == 1 ? .atMost(1.05) : nil) {
                    // A server with these scenarios alone: it sets and takes away the table's trigger.
                    try await database.run("truncate automation.generations")
                    let engine = try AutomationEngine(
                        database: database, library: ScenarioLibrary(folders: [folder]),
                        settings: AutomationSettings(),
                        secrets: SecretBox(seal: { value, _ in value }, open: { value, _ in value }))
                    try await engine.prepare()
                    return try await Self.microseconds(database)
                })
        }
        let rows = try await context.alternate(sides)
        await database.close()
        return rows
    }

    private static func scenario(_ filter: String) -> String {
        """
        name: transfers
        title: {fr: Virements, en: Transfers}
        trigger:
          table: public.virements
          "on": [insert]
          key: compte_debit_id
          fields: {id: text, montant_minor: money, compte_debit_id: integer, compte_credit_id: integer, statut: text}
        when: event.statut = 'execute'\(filter)
        steps:
          - {name: call, do: call, with: {name: nothing}}
        """
    }

    private static func microseconds(_ database: Database) async throws -> Double {
        try await database.withConnection { connection in
            let process = try await connection.one("select pg_backend_pid()", as: Int.self)
            let begin = try ticks(process)
            for number in 0..<count {
                try await connection.run(
                    """
                    select * from virer(\(Int64(number % 200 + 1)), \(Int64((number + 7) % 200 + 1)), 5,
                        gen_random_uuid()::text)
                    """)
            }
            return Double(try ticks(process) - begin) * 10_000 / Double(count)
        }
    }

    private static func ticks(_ process: Int) throws -> Int {
        let text = try String(contentsOfFile: "/proc/\(process)/stat", encoding: .utf8)
        let fields = (text.split(separator: ")").last ?? "").split(separator: " ")
        guard fields.count > 12, let user = Int(fields[11]), let system = Int(fields[12]) else {
            throw BenchmarkError(description: "/proc/\(process)/stat can not be read")
        }
        return user + system
    }
}
