import Bank
import BankAPI
import Foundation
import Gateway
import Migrations
import Postgres
import Synchronization
import TestSupport
import Tokens
import Vault
import Web

/// A small bank behind a server on a free port: two clients, two accounts of 1,000.00 €, a card.
struct BankServed: Sendable {
    let served: Served
    let database: Database

    static let firstUser = "00000000-0000-0000-0000-000000000001"
    static let firstIBAN = "FR7630006000011234567890189"
    static let secondIBAN = "FR7630006000010000000000249"

    /// A token of the first client.
    func token(level: String = "aal1", user: String = firstUser, lifetime: Int = 3600) throws -> String {
        try served.token([
            "sub": .string(user), "role": "authenticated", "aal": .string(level),
            "exp": .integer(Int(Date().timeIntervalSince1970) + lifetime), "app_metadata": ["role": "client"],
        ])
    }

    /// Makes the first client somebody else's account.
    func tie(user: String) async throws {
        try await database.run("update clients set utilisateur_id = \(user)::uuid where numero = 1")
    }

    static func run(_ body: @escaping @Sendable (BankServed) async throws -> Void) async throws {
        try await withTestDatabase(servedBank) { database in
            let key = try bankKey()
            let vault = Vault(database: database, keyring: Keyring(current: key))
            let bank = BankService(
                database: database, secrets: BankSecrets(vault: vault, indexing: key),
                clock: { Int64(Date().timeIntervalSince1970) })
            try await Served.run(gateMounts: { $0.mounts(bank) }) { served in
                try await body(BankServed(served: served, database: database))
            }
        }
    }
}

private func bankKey() throws -> KeyEncryptionKey { try KeyEncryptionKey(bytes: [UInt8](repeating: 9, count: 32)) }

private let servedBank = TestTemplate("served_bank") { database in
    try await Migrator(database).apply([try VaultMigrations.set(), try BankMigrations.set()])
    let key = try bankKey()
    let vault = Vault(database: database, keyring: Keyring(current: key))
    let ibans = BlindIndex(root: key, purpose: "iban")
    for (number, text) in [(1, BankServed.firstIBAN), (2, BankServed.secondIBAN)] {
        let client = UUID()
        let place = SealedPlace(table: "comptes", column: "iban", row: String(number))
        try await database.run(
            """
            insert into clients (id, numero, utilisateur_id)
            values (\(client), \(number), ('00000000-0000-0000-0000-00000000000' || \(String(number)))::uuid)
            """)
        try await database.run(
            """
            insert into comptes (id, client_id, type, solde_minor, iban_chiffre, iban_index, iban_fin)
            values (\(number), \(client), 'courant', 100000,
                \(try await vault.seal(Array(text.utf8), for: client, at: place)),
                \(ibans.code(Normaliser.iban(text))), \(String(text.suffix(4))))
            """)
    }
    try await database.run("insert into cartes (id, compte_id, pan_fin) overriding system value values (1, 1, '1234')")
    try await database.run("select setval('comptes_id_seq', 1000)")
    try await database.run("select reprendre_les_soldes()")
    try await LedgerStore(database).openDay()
}
