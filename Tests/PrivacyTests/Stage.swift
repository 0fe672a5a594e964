import Analytics
import Auth
import Automation
import Bank
import Console
import Continuity
import Cryptography
import Detection
import Evidence
import Foundation
import Fraud
import Migrations
import Monitoring
import Postgres
import Realtime
import Rest
import TestSupport
import Testing
import Vault

@testable import Privacy

/// A bank with all schemas, an open day and twelve clients, their personal data sealed; each with an account, a card, a payee
/// and operations between them.
let privacyTemplate = TestTemplate("privacy") { try await fillBank($0, clients: clientCount) }

/// Makes the schemas and the clients, numbered from one, in a ring of payments.
func fillBank(_ database: Database, clients: Int) async throws {
    try await Migrator(database).apply([
        try BankMigrations.set(), try VaultMigrations.set(), try EvidenceMigrations.set(), try AuthMigrations.set(),
        try RestMigrations.set(), try RealtimeMigrations.set(), try FraudMigrations.set(),
        try DetectionMigrations.set(), try MonitoringMigrations.set(), try ConsoleMigrations.set(),
        try AutomationMigrations.set(), try ContinuityMigrations.set(), try AnalyticsMigrations.set(),
    ])
    try await PrivacyMigrations.apply(to: database)
    let kek = try stageKey()
    let vault = Vault(database: database, keyring: Keyring(current: kek))
    let emails = BlindIndex(root: kek, purpose: "clients.email")
    for number in 1...clients {
        let client = clientID(number)
        func seal(_ text: String, _ column: String, table: String = "clients", row: String? = nil) async throws
            -> [UInt8]
        {
            try await vault.seal(
                Array(text.utf8), for: client,
                at: SealedPlace(table: table, column: column, row: row ?? client.uuidString))
        }
        let email = "client\(number)@exemple.fr"
        try await database.run("insert into auth.users (id, email) values (\(user(number)), \(email))")
        try await database.run(
            """
            insert into clients (id, numero, utilisateur_id, civilite, nom_chiffre, prenom_chiffre, email_chiffre, email_index,
                telephone_chiffre, adresse_chiffre, date_naissance_chiffre, nir_chiffre)
            values (\(client), \(number), \(user(number)), 'Mme', \(try await seal(lastName(number), "nom")),
                \(try await seal("Léa", "prenom")), \(try await seal(email, "email")),
                \(emails.code(Normaliser.email(email))), \(try await seal("0612345678", "telephone")),
                \(try await seal("1 rue du Four\n75006 Paris", "adresse")), \(try await seal("1980-05-17", "date_naissance")),
                \(try await seal("280057512345678", "nir")))
            """)
        let iban = "FR7630006000010000000\(1000 + number)00"
        try await database.run(
            """
            insert into comptes (id, client_id, type, solde_minor, iban_chiffre, iban_index, iban_fin, bic, ouvert_le)
            values (\(number), \(client), 'courant', 100000, \(try await seal(iban, "iban", table: "comptes", row: "\(number)")),
                \(SHA256.hash(Array(iban.utf8))), \(String(iban.suffix(4))), 'DGBKFRPP', '2020-01-02')
            """)
        try await database.run(
            """
            insert into cartes (id, compte_id, pan_chiffre, pan_index, pan_fin, reseau)
            values (\(number), \(number), \(try await seal("4970101234567890", "pan", table: "cartes", row: "\(number)")),
                \(SHA256.hash(Array("pan \(number)".utf8))), '7890', 'visa')
            """)
        try await database.run(
            """
            insert into beneficiaires (id, client_id, nom_chiffre, iban_chiffre, iban_index, iban_fin)
            values (\(number), \(client), \(try await seal("Paul Durand", "nom", table: "beneficiaires", row: "\(number)")),
                \(try await seal("FR1420041010050500013M02606", "iban", table: "beneficiaires", row: "\(number)")),
                \(SHA256.hash(Array("beneficiaire".utf8))), '2606')
            """)
    }
    try await database.run("select setval('comptes_id_seq', 1000)")
    try await database.run("select reprendre_les_soldes()")
    try await LedgerStore(database).openDay()
    for number in 1...clients {
        let next = number % clients + 1
        for turn in 1...3 {
            try await database.run(
                """
                select virer(\(number), \(next), \(1000 + turn), \("R\(number)-\(turn)"), 'EUR',
                    'LOYER IBAN FR1420041010050500013M02606')
                """)
        }
    }
}

let clientCount = 12

func stageKey() throws -> KeyEncryptionKey { try KeyEncryptionKey(bytes: [UInt8](repeating: 7, count: 32)) }

func uuid(_ number: Int, _ group: String) -> UUID {
    UUID(uuidString: "00000000-0000-4000-\(group)-" + String(format: "%012d", number)) ?? UUID()
}

func user(_ number: Int) -> UUID { uuid(number, "8000") }
func clientID(_ number: Int) -> UUID { uuid(number, "9000") }
func lastName(_ number: Int) -> String { "Lefèvre" + String(repeating: "x", count: number) }
func proof(_ number: Int) -> IdentityProof {
    IdentityProof(lastName: lastName(number).uppercased(), birthDate: "1980-05-17")
}

let admin = Requester(name: "admin-1", channel: .admin)
let otherAdmin = Requester(name: "admin-2", channel: .admin)

/// The desk over a fresh copy of the bank.
struct PrivacyStage: Sendable {
    let database: Database
    let desk: PrivacyDesk
    let folder: String
    let vault: Vault
    /// The client who takes what others leave.
    var heir = clientCount

    static func run(_ body: @Sendable (PrivacyStage) async throws -> Void) async throws {
        try await withTemporaryDirectory { folder in
            try await withTestDatabase(privacyTemplate) { database in
                let stage = try make(database, folder: folder)
                try await stage.desk.prepare()
                try await body(stage)
            }
        }
    }

    static func make(_ database: Database, folder: String, kek: KeyEncryptionKey? = nil) throws -> PrivacyStage {
        let indexing = try stageKey()
        let vault = Vault(database: database, keyring: Keyring(current: kek ?? indexing))
        let desk = PrivacyDesk(
            database: database, secrets: PrivacySecrets(vault: vault, indexing: indexing),
            ledgerPath: folder + "/erasures.ledger")
        return PrivacyStage(database: database, desk: desk, folder: folder, vault: vault)
    }

    /// Moves what the client has to client 12 and closes the account, as an advisor does before an erasure.
    func close(_ number: Int) async throws {
        let balance = try await database.one("select solde_minor from comptes where id = \(number)", as: Int64.self)
        if balance > 0 {
            try await database.run(
                """
                select virer(\(number), \(heir), \(balance), \("C\(number)"), 'EUR', 'SOLDE')
                """)
        }
        try await database.run("update comptes set statut = 'clos' where id = \(number)")
    }

    func count(_ statement: Statement) async throws -> Int64 { try await database.one(statement, as: Int64.self) }

    func journaled(_ kind: String, outcome: String = "done") async throws -> Int64 {
        try await count("select count(*) from evidence.entries where kind = \(kind) and outcome = \(outcome)")
    }

    /// Personal columns of the client that hold something.
    func leftOf(_ number: Int) async throws -> Int64 {
        let client = clientID(number)
        return try await count(
            """
            select num_nonnulls(civilite, nom_chiffre, prenom_chiffre, email_chiffre, email_index, telephone_chiffre,
                telephone_index, adresse_chiffre, date_naissance_chiffre, nir_chiffre, utilisateur_id)
                + (select count(*) from comptes where client_id = \(client) and iban_chiffre is not null)
                + (select count(*) from cartes r join comptes k on k.id = r.compte_id where k.client_id = \(client)
                    and num_nonnulls(r.pan_chiffre, r.pan_index, r.pan_fin) > 0)
                + (select count(*) from beneficiaires where client_id = \(client) and nom_chiffre is not null)
                + (select count(*) from auth.users where id = \(user(number)))
            from clients where id = \(client)
            """)
    }

    func expectSound(sourceLocation: SourceLocation = #_sourceLocation) async throws {
        let findings = try await LedgerStore(database).verify()
        #expect(findings.isEmpty, "\(findings)", sourceLocation: sourceLocation)
        let sum = try await count("select coalesce(sum(montant_minor), 0)::bigint from ecritures")
        #expect(sum == 0, sourceLocation: sourceLocation)
    }
}

func expectRefused(
    _ code: String, sourceLocation: SourceLocation = #_sourceLocation, _ body: () async throws -> Void
) async {
    do {
        try await body()
        Issue.record("not refused", sourceLocation: sourceLocation)
    } catch let error as PrivacyError {
        #expect(error.code == code, "\(error)", sourceLocation: sourceLocation)
    } catch {
        Issue.record("\(error)", sourceLocation: sourceLocation)
    }
}
