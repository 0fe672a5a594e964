import Bank
import Foundation
import Postgres
import TestSupport
import Testing

/// What a client's own call may do: the database looks at the role and the claims of the request, not at the caller's word.
@Suite struct VisibilityTests {
    /// Runs `body` as the API would for the customer of account `number`.
    private func asClient<Value: Sendable>(
        _ number: Int, _ database: Database, role: String = "client",
        _ body: @Sendable (Transaction) async throws -> Value
    ) async throws -> Value {
        let subject = "00000000-0000-0000-0000-" + String(repeating: "0", count: 12 - "\(number)".count) + "\(number)"
        let claims =
            #"{"sub": "\#(subject)", "role": "authenticated", "app_metadata": {"role": "\#(role)", "canal": "web"}}"#
        return try await database.transaction { tx in
            try await tx.run(
                "select set_config('role', 'authenticated', true), set_config('request.jwt.claims', \(claims), true)")
            return try await body(tx)
        }
    }

    @Test func `a client moves their own money and nobody else's`() async throws {
        try await withTestDatabase(ledgerBankOfSuperuser) { database in
            let own = try await asClient(1, database) { try await LedgerStore($0).transfer(order(1, 2, 100)) }
            #expect(own.balanceAfterMinor == startMinor - 100)
            let before = try await fingerprint(database)
            for role in ["client", "analyst", "admin"] {
                let error = await #expect(throws: LedgerError.self) {
                    try await asClient(1, database, role: role) { try await LedgerStore($0).transfer(order(2, 1, 100)) }
                }
                #expect(error?.code == "ledger_not_your_account")
            }
            let items = try await asClient(1, database) {
                try await LedgerStore($0).transfer(batch: [order(2, 1, 5), order(3, 1, 5)], mode: .continue)
            }
            for item in items {
                guard case .refused(let error) = item.outcome else {
                    Issue.record("another's money was moved")
                    continue
                }
                #expect(error.code == "ledger_not_your_account")
            }
            // Another's key, replayed, tells nothing either.
            try await LedgerStore(database).transfer(order(2, 3, 7, "secret"))
            await #expect(throws: LedgerError.self) {
                try await asClient(1, database) { try await LedgerStore($0).transfer(order(2, 3, 7, "secret")) }
            }
            // Without an identity there are no accounts.
            await #expect(throws: LedgerError.self) {
                try await database.transaction { tx in
                    try await tx.run("select set_config('role', 'authenticated', true)")
                    return try await LedgerStore(tx).transfer(order(1, 2, 100))
                }
            }
            let backdated = order(1, 2, 1).with { $0.valueDay = LedgerDay("2026-01-01") }
            await #expect(throws: LedgerError.self) {
                try await asClient(1, database) { try await LedgerStore($0).transfer(backdated) }
            }
            try await database.run("select virer(2, 3, 1, 'only to differ')")
            #expect(try await fingerprint(database) != before)
            #expect(try await LedgerStore(database).verify().isEmpty)
        }
    }

    @Test func `a client cannot walk around a channel's limit`() async throws {
        try await withTestDatabase(ledgerBankOfSuperuser) { database in
            try await LedgerStore(database).setLimit(of: AccountID(1), channel: "web", minor: 50)
            let wanted = order(1, 2, 51).with { $0.channel = "elsewhere" }
            let error = await #expect(throws: LedgerError.self) {
                try await asClient(1, database) { try await LedgerStore($0).transfer(wanted) }
            }
            #expect(error?.code == "ledger_limit_exceeded")
        }
    }

    @Test func `a client sees their own statement, holds, limits and balance only`() async throws {
        try await withTestDatabase(ledgerBankOfSuperuser) { database in
            let ledger = LedgerStore(database)
            try await ledger.transfer(order(1, 2, 100))
            for account in [1, 2] as [Int64] {
                try await ledger.hold(euros(5), on: AccountID(account), key: .random())
                try await ledger.setLimit(of: AccountID(account), channel: "web", minor: 1_000)
            }
            try await asClient(1, database) { tx in
                let seen = LedgerStore(tx)
                #expect(try await seen.statement(of: AccountID(1)).count == 2)
                #expect(try await seen.statement(of: AccountID(2)).isEmpty)
                #expect(try await seen.balance(of: AccountID(1)) == startMinor - 100)
                let counts = try await tx.run(
                    """
                    select (select count(*) from comptes), (select count(*) from plafonds),
                        (select count(*) from reservations), (select count(*) from virements),
                        (select count(*) from reprises), (select count(*) from contrepassations)
                    """)[0]
                let seenCounts = try (0..<6).map { try counts.decode($0, as: Int.self) }
                #expect(seenCounts == [1, 1, 1, 1, 0, 0])
            }
        }
    }

    @Test(arguments: [
        "insert into ecritures (compte_id, numero, transaction_id, montant_minor) values (1, 99, 1, 1)",
        "update comptes set solde_minor = 1000000 where id = 1", "delete from virements", "truncate captures",
        "update plafonds set plafond_minor = 1000000", "insert into journees (jour) values ('2030-01-01')",
        "select reserver(1, 5, 'x')", "select liberer(gen_random_uuid())", "select contrepasser(1, 'x')",
        "select clore_journee()", "select fixer_plafond(1, 'web', 5)", "select ouvrir_compte_chaud('x')",
        "select comptabiliser(2, 1, 5, 'EUR', 'x', null, null, null, null, null, null, null, null, 0, null, null, null)",
        "select tenir_petits_paiements(null, null, 'EUR')", "select imputer_plafonds(1, 'web', -5, current_date)",
        "select * from verifier_le_grand_livre()", "select reprendre_les_soldes()", "select compte_interne('x', 'EUR')",
        "select creer_partitions('2030-01-01', '2030-01-01')", "select nextval('ecritures_chaudes_numero')",
        "select tenir_comptes(1)", "select rejouer(gen_random_uuid(), 'x', 'x')",
    ])
    func `a client writes through no other way`(statement: String) async throws {
        try await withTestDatabase(ledgerBankOfSuperuser) { database in
            for role in ["authenticated", "anon"] {
                let error = await #expect(throws: PostgresError.self) {
                    try await database.transaction { tx in
                        try await tx.run("select set_config('role', \(role), true)")
                        try await tx.run(Statement(unchecked: statement))
                    }
                }
                #expect(error?.sqlState == "42501", "\(role): \(error?.message ?? "")")
            }
        }
    }

    @Test func `the service role orders for the bank, and claims of a user take that away`() async throws {
        try await withTestDatabase(ledgerBankOfSuperuser) { database in
            try await database.transaction { tx in
                try await tx.run("select set_config('role', 'service_role', true)")
                try await LedgerStore(tx).transfer(order(2, 1, 100))
            }
            await #expect(throws: LedgerError.self) {
                try await database.transaction { tx in
                    try await tx.run(
                        """
                        select set_config('role', 'service_role', true),
                            set_config('request.jwt.claims', '{"role": "authenticated"}', true)
                        """)
                    return try await LedgerStore(tx).transfer(order(2, 1, 100))
                }
            }
        }
    }

    @Test(arguments: [
        "update transactions set libelle = 'x'", "delete from transactions", "truncate transactions",
        "truncate transactions_hors_periode", "update ecritures set montant_minor = 1", "delete from ecritures",
        "truncate ecritures", "update virements set montant_minor = 1", "delete from virements", "truncate virements",
        "delete from comptes", "truncate comptes cascade", "update comptes set id = id + 5000",
        "update captures set montant_minor = 1", "truncate captures", "delete from contrepassations",
        "delete from reservations", "truncate reservations cascade", "delete from journees", "delete from reprises",
    ])
    func `history is refused any change, to its owner too`(statement: String) async throws {
        try await withTestDatabase(ledgerBank) { database in
            let ledger = LedgerStore(database)
            let paid = try await ledger.transfer(order(1, 2, 100))
            try await ledger.reverse(paid.operation, key: .random())
            let hold = try await ledger.hold(euros(5), on: AccountID(1), key: .random())
            try await ledger.capture(hold.id, to: AccountID(2), key: .random())
            let error = await #expect(throws: PostgresError.self) {
                try await database.run(Statement(unchecked: statement))
            }
            #expect(error?.sqlState == "42501")
            let month = try await database.one(
                "select min(tableoid::regclass::text) from transactions", as: String.self)
            await #expect(throws: PostgresError.self) {
                try await database.run("truncate \(identifier: month)")
            }
        }
    }

    @Test(arguments: [
        ("update comptes set solde_minor = solde_minor + 1 where id = 3", "solde = somme des ecritures"),
        ("update comptes set reserve_minor = 5 where id = 3", "reserve = reservations ouvertes"),
        ("update comptes set dernier_numero = 7 where id = 3", "numeros sans trou"),
        (
            "alter table ecritures disable trigger user; update ecritures set montant_minor = montant_minor + 1 where compte_id = 1 and numero = 2",
            "deux ecritures par operation"
        ),
        (
            "alter table ecritures disable trigger user; update ecritures set solde_apres_minor = 1 where compte_id = 1 and numero = 2",
            "solde apres chaque ecriture"
        ),
        (
            "alter table ecritures disable trigger user; delete from ecritures where compte_id = 2 and numero = 2",
            "aucune ecriture sans operation"
        ),
        ("alter table virements disable trigger user; update virements set montant_minor = 5", "virement = operation"),
        ("alter table journees disable trigger user; delete from journees", "journee connue"),
        (
            "alter table contrepassations disable trigger user; delete from contrepassations",
            "contrepassation dans le montant"
        ),
    ])
    func `the proof of the ledger finds what was changed behind its back`(tampering: String, rule: String) async throws
    {
        try await withTestDatabase(ledgerBank) { database in
            let ledger = LedgerStore(database)
            let paid = try await ledger.transfer(order(1, 2, 100))
            try await ledger.reverse(paid.operation, key: .random(), amount: euros(10))
            #expect(try await ledger.verify().isEmpty)
            for statement in tampering.split(separator: ";") {
                try await database.run(Statement(unchecked: String(statement)))
            }
            let rules = try await ledger.verify().map(\.rule)
            #expect(rules.contains(rule))
        }
    }
}
