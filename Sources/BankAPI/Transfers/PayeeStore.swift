internal import Bank
internal import Foundation
internal import Postgres
internal import Vault
internal import Web

/// Who is to be paid, as an order names them.
struct Payee: Sendable, Hashable {
    enum Address: Sendable, Hashable {
        case iban(String)
        case account(Int64)
    }

    let address: Address
    let name: String?

    /// - Parameter json: checked against `Schema.payee`.
    init(json: JSON?) throws(BankProblem) {
        name = json?["name"]?.string
        if let text = json?["iban"]?.string {
            guard let iban = IBAN(text) else {
                throw BankProblem(
                    422, code: "iban_invalid", message: "the IBAN ending in \(text.suffix(4)) is none",
                    hint: "Check its length and its check digits.")
            }
            address = .iban(iban.text)
        } else {
            address = .account(json?["account"]?.integer ?? 0)
        }
    }

    init(iban: IBAN, name: String?) {
        address = .iban(iban.text)
        self.name = name
    }
}

/// An account of this bank that can be paid.
struct PayeeAccount: Sendable {
    let id: Int64
    let client: UUID?
    fileprivate let firstNames: [UInt8]?
    fileprivate let lastName: [UInt8]?
}

/// Finds payees; runs as the bank, since a payer sees no account of others.
struct PayeeStore: Sendable {
    let store: BankStore
    let secrets: BankSecrets

    init(store: BankStore, secrets: BankSecrets) {
        self.store = store
        self.secrets = secrets
    }

    init(core: BankCore) { self.init(store: core.store, secrets: core.secrets) }

    /// What is known here of each payee; nil for accounts of other banks.
    func find(_ payees: [Payee]) async throws -> [PayeeAccount?] {
        var indexes: [String: Int] = [:]
        let codes = payees.map { payee -> String? in
            guard case .iban(let text) = payee.address else { return nil }
            return "\\x" + Self.hex(secrets.ibans.code(Normaliser.iban(text)))
        }
        let numbers = payees.compactMap { payee in
            if case .account(let id) = payee.address { id } else { nil as Int64? }
        }
        let rows = try await store.asBank(Self.statement(codes.compactMap { $0 }, numbers))
        var accounts: [PayeeAccount] = []
        var byNumber: [Int64: Int] = [:]
        for row in rows {
            let account = PayeeAccount(
                id: try row.decode(0), client: try row.decodeIfPresent(1), firstNames: try row.decodeIfPresent(3),
                lastName: try row.decodeIfPresent(4))
            byNumber[account.id] = accounts.count
            if let index = try row.decodeIfPresent(2, as: String.self) { indexes[index] = accounts.count }
            accounts.append(account)
        }
        return zip(payees, codes).map { payee, code in
            let place: Int?
            if case .account(let id) = payee.address {
                place = byNumber[id]
            } else {
                place = code.flatMap { indexes[$0] }
            }
            return place.map { accounts[$0] }
        }
    }

    /// By one index or the other: both in one condition cost four times as much.
    private static func statement(_ codes: [String], _ numbers: [Int64]) -> Statement {
        let byIBAN: Statement = """
            select k.id, k.client_id, k.iban_index::text, c.prenom_chiffre, c.nom_chiffre
            from public.comptes k join public.clients c on c.id = k.client_id
            where k.iban_index = any (\(SQLArray(codes))::bytea[])
            """
        let byNumber: Statement = """
            select k.id, k.client_id, k.iban_index::text, c.prenom_chiffre, c.nom_chiffre
            from public.comptes k join public.clients c on c.id = k.client_id
            where k.id = any (\(SQLArray(numbers))::bigint[])
            """
        if codes.isEmpty { return byNumber }
        if numbers.isEmpty { return byIBAN }
        return "\(fragment: byIBAN) union all \(fragment: byNumber)"
    }

    /// The one payee, or the refusal that it is at another bank.
    static func require(_ payee: Payee, _ core: BankCore) async throws -> PayeeAccount {
        guard let account = try await core.payees.find(payee) else { throw elsewhere }
        return account
    }

    static let elsewhere = BankProblem(
        422, code: "payee_not_here", message: "the payee's account is not at this bank",
        hint: "Orders to other banks are not taken here; check the IBAN or the account's number.")

    /// Whether the name that was given is the holder's; nil when none was given.
    func check(_ payee: Payee, _ account: PayeeAccount?) async throws -> NameCheck? {
        guard let name = payee.name else { return nil }
        guard let account, let client = account.client else { return .notApplicable }
        let place = { (column: String) in SealedPlace(table: "clients", column: column, row: client.uuidString) }
        return NameCheck(
            given: name,
            firstNames: try await secrets.open(account.firstNames, of: client, at: place("prenom")),
            lastName: try await secrets.open(account.lastName, of: client, at: place("nom")))
    }

    private static func hex(_ bytes: [UInt8]) -> String {
        let digits = Array("0123456789abcdef")
        return String(bytes.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] })
    }
}

extension NameCheck {
    var json: JSON {
        switch self {
        case .match: ["result": "match", "name": .null]
        case .closeMatch(let proposed): ["result": "close_match", "name": .string(proposed)]
        case .noMatch: ["result": "no_match", "name": .null]
        case .notApplicable: ["result": "not_applicable", "name": .null]
        }
    }

    static let schema = Schema.named(
        "PayeeCheck",
        .object([
            .init("result", .word(["match", "close_match", "no_match", "not_applicable"])),
            .init("name", .nullable(.text(TextRule())), "of a close match: the holder's, masked"),
        ]))
}
