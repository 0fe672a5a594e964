import Bank
import BankAPI
import Foundation
import HTTPTypes
import Migrations
import Postgres
import Synchronization
import TestSupport
import Testing
import Vault
import Web

/// A bank with an open day and ten clients of 1,000.00 € each, their names and IBANs sealed.
let bankTemplate = TestTemplate("bank_api") { database in
    try await Migrator(database).apply([try VaultMigrations.set(), try BankMigrations.set()])
    let kek = try stageKey()
    let vault = Vault(database: database, keyring: Keyring(current: kek))
    let ibans = BlindIndex(root: kek, purpose: "iban")
    for number in 1...clientCount {
        let client = UUID()
        let names = people[number] ?? ("M.", "Client", "Numéro \(number)")
        let seal = { @Sendable (text: String, table: String, column: String, row: String) in
            try await vault.seal(
                Array(text.utf8), for: client, at: SealedPlace(table: table, column: column, row: row))
        }
        let row = client.uuidString
        try await database.run(
            """
            insert into clients (id, numero, utilisateur_id, civilite, prenom_chiffre, nom_chiffre)
            values (\(client), \(number), \(user(number)), \(names.0), \(try await seal(names.1, "clients", "prenom", row)),
                \(try await seal(names.2, "clients", "nom", row)))
            """)
        for account in number == 1 ? [1, 101] : [number] {
            let text = iban(account)
            try await database.run(
                """
                insert into comptes (id, client_id, type, solde_minor, decouvert_minor, iban_chiffre, iban_index, iban_fin,
                    bic, ouvert_le)
                values (\(account), \(client), \(account > 100 ? "epargne" : "courant"), \(startMinor),
                    \(number == 1 ? 20_000 : 0), \(try await seal(text, "comptes", "iban", String(account))),
                    \(ibans.code(Normaliser.iban(text))), \(String(text.suffix(4))), 'DGBKFRPP', '2020-01-02')
                """)
        }
    }
    try await database.run("select setval('comptes_id_seq', 1000)")
    try await database.run("select reprendre_les_soldes()")
    try await LedgerStore(database).openDay()
}

let clientCount = 10
let startMinor: Int64 = 100_000
let people = [1: ("Mme", "Léa", "Martin"), 2: ("M.", "Jean-Pierre", "Dupont")]

func stageKey() throws -> KeyEncryptionKey { try KeyEncryptionKey(bytes: [UInt8](repeating: 7, count: 32)) }

func user(_ number: Int) -> UUID {
    UUID(uuidString: "00000000-0000-0000-0000-" + String(repeating: "0", count: 12 - "\(number)".count) + "\(number)")
        ?? UUID()
}

/// A French IBAN with right key and check digits.
func iban(_ account: Int) -> String {
    let digits = String(repeating: "0", count: 11 - "\(account)".count) + "\(account)"
    let key = 97 - (89 * (30_006 % 97) + 15 * (1 % 97) + 3 * (account % 97)) % 97
    let bban = "3000600001" + digits + (key < 10 ? "0\(key)" : "\(key)")
    var remainder = 0
    for character in bban + "152700" { remainder = (remainder * 10 + (character.wholeNumberValue ?? 0)) % 97 }
    let check = 98 - remainder
    return "FR" + (check < 10 ? "0\(check)" : "\(check)") + bban
}

/// What came back.
struct Answer: Sendable {
    let status: Int
    let fields: HTTPFields
    let bytes: [UInt8]

    var text: String { String(decoding: bytes, as: UTF8.self) }
    var json: JSON { (try? JSONReader.read(bytes)) ?? .null }
    var code: String? { json["code"]?.string }
}

/// The service over a fresh copy of the bank.
struct BankStage: Sendable {
    let database: Database
    let service: BankService

    static func run(
        _ change: @Sendable (inout BankSettings) -> Void = { _ in },
        _ body: @Sendable (BankStage) async throws -> Void
    ) async throws {
        var settings = BankSettings()
        settings.requestsPerMinuteMax = 1_000_000
        change(&settings)
        let fixed = settings
        try await withTestDatabase(bankTemplate) { database in
            let kek = try stageKey()
            let vault = Vault(database: database, keyring: Keyring(current: kek))
            let service = BankService(
                database: database, secrets: BankSecrets(vault: vault, indexing: kek), settings: fixed,
                clock: { Int64(Date().timeIntervalSince1970) })
            try await body(BankStage(database: database, service: service))
        }
    }

    static func actor(_ number: Int, level: String = "aal1", role: String = "client") -> Actor {
        let subject = user(number).uuidString.lowercased()
        let claims: JSON = [
            "sub": .string(subject), "role": "authenticated", "aal": .string(level),
            "app_metadata": ["role": .string(role)],
        ]
        return Actor(role: "authenticated", claims: claims.text, subject: subject)
    }

    func ask(
        _ method: HTTPRequest.Method, _ target: String, as number: Int = 1, level: String = "aal1",
        role: String = "client",
        body: JSON? = nil, headers: [String: String] = [:], bytes: [UInt8]? = nil, type: String = "application/json"
    ) async -> Answer {
        let parts = target.split(separator: "?", maxSplits: 1).map(String.init)
        var fields: HTTPFields = [:]
        if body != nil || bytes != nil { fields[.contentType] = type }
        for (name, value) in headers { if let name = HTTPField.Name(name) { fields[name] = value } }
        let request = ApiRequest(
            method: method, path: parts[0], query: parts.count > 1 ? parts[1] : "", fields: fields,
            body: bytes ?? body.map { Array($0.text.utf8) } ?? [])
        let response = await service.handle(request, actor: Self.actor(number, level: level, role: role))
        return Answer(status: response.status.code, fields: response.fields, bytes: response.body)
    }

    func get(_ target: String, as number: Int = 1, headers: [String: String] = [:]) async -> Answer {
        await ask(.get, target, as: number, headers: headers)
    }

    /// An order from the client's account to an IBAN of this bank.
    func pay(
        _ amount: String, to account: Int = 2, from debit: Int? = nil, as number: Int = 1, level: String = "aal1",
        key: String = UUID().uuidString, extra: [JSON.Member] = []
    ) async -> Answer {
        let body = JSON.object(
            [
                .init("debit_account", .integer(debit ?? number)), .init("payee", ["iban": .string(iban(account))]),
                .init("amount", ["amount": .string(amount), "currency": "EUR"]),
            ] + extra)
        return await ask(
            .post, "/transfers", as: number, level: level, body: body, headers: ["Idempotency-Key": key])
    }

    func balance(_ account: Int) async throws -> Int64? {
        try await LedgerStore(database).balance(of: AccountID(Int64(account)))
    }

    /// The ledger keeps its rules and the balances add up to zero.
    func expectSound(sourceLocation: SourceLocation = #_sourceLocation) async throws {
        let findings = try await LedgerStore(database).verify()
        #expect(findings.isEmpty, "\(findings)", sourceLocation: sourceLocation)
        let sum = try await database.one(
            "select coalesce(sum(montant_minor), 0)::bigint from ecritures", as: Int64.self)
        #expect(sum == 0, sourceLocation: sourceLocation)
    }
}

/// Collects what concurrent tasks have to say.
final class Tally<Element: Sendable>: Sendable {
    private let elements = Mutex<[Element]>([])
    func add(_ element: Element) { elements.withLock { $0.append(element) } }
    var all: [Element] { elements.withLock { $0 } }
}

/// A repeatable random source (SplitMix64); its seed is printed by the test that uses it.
struct SeededGenerator: RandomNumberGenerator {
    private var state: UInt64
    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var word = state
        word = (word ^ (word >> 30)) &* 0xBF58_476D_1CE4_E5B9
        word = (word ^ (word >> 27)) &* 0x94D0_49BB_1331_11EB
        return word ^ (word >> 31)
    }
}
