internal import Cryptography
internal import Diagnostics
internal import Evidence
internal import Foundation
internal import Postgres
internal import PostgresServer
internal import Vault

/// One question put to a restored bank.
public struct DrillCheck: Sendable, Codable, Hashable {
    /// What a wrong answer speaks against.
    public enum Concern: String, Sendable, Codable {
        /// The set, or the way back from it.
        case restore
        /// What the bank holds: the set's fault where the living bank answers rightly.
        case content
        /// How the bank is made: a copy of files has it from the bank.
        case structure
        /// The log behind the set, the machine, the place of the drill.
        case surroundings
    }

    public let name: String
    public let nameFrench: String
    public var passed: Bool
    public var detail: String
    public let seconds: Double
    public var concern: Concern
}

/// Asks a restored bank whether it is one.
struct DrillChecker: Sendable {
    let folder: ContinuityFolder
    let cluster: Cluster
    let database: Database

    private static let samples = 20

    private struct Question {
        let name: String
        let french: String
        let concern: DrillCheck.Concern
        let answer: () async throws -> (Bool, String)
    }

    private func none(_ name: String, _ french: String, _ concern: DrillCheck.Concern, _ statement: Statement)
        -> Question
    {
        Question(name: name, french: french, concern: concern) {
            let count = try await database.one(statement, as: Int64.self)
            return (count == 0, count == 0 ? "none against it" : "\(count) against it")
        }
    }

    private var questions: [Question] {
        [
            Question(name: "the trial balance is zero", french: "la balance générale est nulle", concern: .content) {
                let sum = try await database.one(DrillCheckStore.trialBalance, as: Int64.self)
                return (sum == 0, "\(sum) minor units")
            },
            none(
                "the ledger proves itself", "le grand livre se prouve lui-même", .content, DrillCheckStore.ledgerFaults),
            none(
                "every table has row level security", "chaque table filtre ses lignes (RLS)", .structure,
                DrillCheckStore.tablesWithoutRowSecurity),
            none(
                "every constraint is validated", "chaque contrainte est validée", .structure,
                DrillCheckStore.invalidConstraints),
            none("every index is valid", "chaque index est valide", .structure, DrillCheckStore.invalidIndexes),
            none(
                "no event trigger but the API's own", "aucun déclencheur d’événement hors ceux de l’API", .structure,
                DrillCheckStore.eventTriggers),
            Question(
                name: "the journal's chain is whole", french: "la chaîne du journal est entière", concern: .content,
                answer: journal),
            Question(
                name: "sealed names open", french: "les noms scellés s’ouvrent", concern: .content, answer: sealed),
            Question(
                name: "a client sees their own accounts only", french: "un client ne voit que ses comptes",
                concern: .content, answer: people),
            Question(
                name: "amcheck of tables and indexes", french: "amcheck des tables et des index", concern: .restore,
                answer: amcheck),
        ]
    }

    /// - Parameter names: only these; nil asks everything.
    func run(only names: Set<String>? = nil) async -> [DrillCheck] {
        var checks: [DrillCheck] = []
        for question in questions where names?.contains(question.name) ?? true {
            checks.append(await Self.timed(question.name, question.french, question.concern, question.answer))
        }
        return checks
    }

    /// Exports the restored journal and verifies it off line; its newest block must be one that was published outside.
    private func journal() async throws -> (Bool, String) {
        guard try await database.one(DrillCheckStore.exists("evidence.blocks"), as: Bool.self) else {
            return (true, "this bank keeps no journal")
        }
        try ContinuityFolder.make(folder.scratch, mode: 0o711)
        let file = folder.scratch + "/journal-" + String(UInt64.random(in: .min ... .max), radix: 36) + ".jsonl"
        defer { unlink(file) }
        let report = try await JournalExporter(database: database).export(to: file)
        guard report.blockCount > 0 else { return (true, "nothing is sealed yet; \(report.unsealedCount) entries") }
        let verdict = try OfflineVerifier.verify(path: file)
        guard verdict.isValid else { return (false, verdict.lines.joined(separator: "; ")) }
        return (
            true, "\(report.sealedCount) entries in \(report.blockCount) blocks, \(report.unsealedCount) not sealed"
        )
    }

    private func sealed() async throws -> (Bool, String) {
        guard try await database.one(DrillCheckStore.exists("vault.data_keys"), as: Bool.self) else {
            return (true, "this bank seals nothing")
        }
        let keys = KeyFolder(folder.keys)
        let vault = Vault(database: database, keyring: try await keys.keyring())
        let names = try await database.all(
            DrillCheckStore.sealedNames(Self.samples), as: DrillCheckStore.SealedName.self)
        for name in names {
            guard let id = UUID(uuidString: name.client), let value = [UInt8](hex: name.value) else {
                return (false, "the client \(name.client) can not be read")
            }
            _ = try await vault.open(
                value, of: id, at: SealedPlace(table: "clients", column: "nom", row: id.uuidString))
        }
        return (true, "\(names.count) opened")
    }

    private func people() async throws -> (Bool, String) {
        let people = try await database.all(DrillCheckStore.people(Self.samples), as: DrillCheckStore.Person.self)
        for person in people {
            let seen = try await database.transaction { tx in
                for statement in DrillCheckStore.sessionOf(person.user) { try await tx.run(statement) }
                return try await tx.one(DrillCheckStore.visibleAccounts, as: Int64.self)
            }
            guard seen == person.accounts else {
                return (false, "one client sees \(seen) accounts and has \(person.accounts)")
            }
        }
        return (true, "\(people.count) clients")
    }

    private func amcheck() async throws -> (Bool, String) {
        let configuration = database.configuration
        let run = try await ToolRun.run(
            cluster.binaries.path(of: "pg_amcheck"),
            ["--install-missing", "--jobs=2", "--heapallindexed", "--no-password", configuration.connectionString],
            environment: ["PGPASSWORD": configuration.password ?? ""])
        let words = (run.outputText + run.errorText).trimmingCharacters(in: .whitespacesAndNewlines)
        return (run.status == 0, run.status == 0 ? "no corruption" : String(words.prefix(500)))
    }

    static func timed(
        _ name: String, _ french: String, _ concern: DrillCheck.Concern, _ work: () async throws -> (Bool, String)
    ) async -> DrillCheck {
        let start = ContinuousClock.now
        let (passed, detail): (Bool, String)
        do {
            (passed, detail) = try await work()
        } catch {
            // A question that can not be answered counts against the bank.
            (passed, detail) = (false, (error as? any Fault)?.message ?? "\(error)")
        }
        return DrillCheck(
            name: name, nameFrench: french, passed: passed, detail: detail,
            seconds: (ContinuousClock.now - start) / .seconds(1), concern: concern)
    }
}
