internal import Cryptography
internal import Diagnostics
internal import Evidence
internal import Foundation
internal import Postgres
internal import PostgresServer
internal import Vault

/// One question put to a restored bank.
public struct DrillCheck: Sendable, Codable, Hashable {
    public let name: String
    public let nameFrench: String
    public let passed: Bool
    public let detail: String
    public let seconds: Double
}

/// Asks a restored bank whether it is one.
struct DrillChecker: Sendable {
    let folder: ContinuityFolder
    let cluster: Cluster
    let database: Database

    private static let samples = 20

    /// - Parameter reference: digests of the live bank at a moment, to be found again; nil when it is not there.
    func run(_ reference: DrillReference?) async throws -> [DrillCheck] {
        var checks: [DrillCheck] = []
        checks.append(
            await timed("the trial balance is zero", "la balance générale est nulle") {
                let sum = try await database.one(DrillCheckStore.trialBalance, as: Int64.self)
                return (sum == 0, "\(sum) minor units")
            })
        for (name, french, statement) in [
            ("the ledger proves itself", "le grand livre se prouve lui-même", DrillCheckStore.ledgerFaults),
            (
                "every table has row level security", "chaque table filtre ses lignes (RLS)",
                DrillCheckStore.tablesWithoutRowSecurity
            ),
            ("every constraint is validated", "chaque contrainte est validée", DrillCheckStore.invalidConstraints),
            ("every index is valid", "chaque index est valide", DrillCheckStore.invalidIndexes),
            (
                "no event trigger but the API's own", "aucun déclencheur d’événement hors ceux de l’API",
                DrillCheckStore.eventTriggers
            ),
        ] {
            checks.append(
                await timed(name, french) {
                    let count = try await database.one(statement, as: Int64.self)
                    return (count == 0, count == 0 ? "none against it" : "\(count) against it")
                })
        }
        checks.append(await timed("the journal's chain is whole", "la chaîne du journal est entière", journal))
        checks.append(await timed("sealed names open", "les noms scellés s’ouvrent", sealed))
        checks.append(await timed("a client sees their own accounts only", "un client ne voit que ses comptes", people))
        if let reference {
            checks.append(
                await timed(
                    "what was booked is what the living bank booked", "ce qui fut passé est ce que la banque a passé"
                ) {
                    let found = try await reference.read(database)
                    return (
                        found == reference.digests,
                        found == reference.digests
                            ? "equal up to \(reference.moment): \(found.first ?? "")"
                            : "\(found) where the living bank has \(reference.digests)"
                    )
                })
        }
        checks.append(await timed("amcheck of tables and indexes", "amcheck des tables et des index", amcheck))
        return checks
    }

    /// Exports the restored journal and verifies it off line; its newest block must be one that was published outside.
    private func journal() async throws -> (Bool, String) {
        guard try await database.one(DrillCheckStore.exists("evidence.blocks"), as: Bool.self) else {
            return (true, "this bank keeps no journal")
        }
        let file = cluster.options.directory + "/journal-export.jsonl"
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

    private func timed(
        _ name: String, _ french: String, _ work: () async throws -> (Bool, String)
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
            seconds: (ContinuousClock.now - start) / .seconds(1))
    }
}

/// The living bank at a moment: what was booked before it, which no later transaction can change.
struct DrillReference: Sendable {
    let moment: String
    let digests: [String]

    /// - Parameter last: how far the restored bank came. Five seconds earlier, no transaction of a payment is still under way.
    static func take(_ live: Database, upTo last: String) async throws -> DrillReference {
        let moment = try await live.one(DrillCheckStore.shortlyBefore(last), as: String.self)
        return DrillReference(moment: moment, digests: try await read(live, moment))
    }

    func read(_ database: Database) async throws -> [String] { try await Self.read(database, moment) }

    private static func read(_ database: Database, _ moment: String) async throws -> [String] {
        var digests = [try await database.one(DrillCheckStore.digest(before: moment), as: String.self)]
        if try await database.one(DrillCheckStore.exists("evidence.entries"), as: Bool.self) {
            digests.append(try await database.one(DrillCheckStore.journalDigest(before: moment), as: String.self))
        }
        return digests
    }
}
