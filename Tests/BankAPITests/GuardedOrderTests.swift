import Bank
import BankAPI
import Foundation
import HTTPTypes
import Postgres
import TestSupport
import Testing
import Web

/// While something judges orders, only the bank's server moves its clients' money.
@Suite struct GuardedOrderTests {
    private func asClient(_ stage: BankStage, _ statement: Statement) async -> PostgresError? {
        let claims = BankStage.actor(1, level: "aal2").claims
        do {
            try await stage.database.transaction { tx in
                try await tx.run(
                    "select set_config('role', 'authenticated', true), set_config('request.jwt.claims', \(claims), true)"
                )
                try await tx.run(statement)
            }
            return nil
        } catch let error as PostgresError {
            return error
        } catch {
            Issue.record(error)
            return nil
        }
    }

    private static let ways: [String] = [
        "select virer(1, 2, 100, 'k')",
        "select virer_lot(array['k'], array[1]::bigint[], array[2]::bigint[], array[100]::bigint[])",
        "select virer_lot('[{\"cle\": \"k\", \"debit\": 1, \"credit\": 2, \"montant\": 100}]'::jsonb)",
        """
        select code from executer_fichier('m', sha256('x'), array[null]::text[], array['e'], array[1]::bigint[],
            array[2]::bigint[], array[100]::bigint[], array[null]::text[], array['EUR'], array[null]::date[])
        """,
    ]

    @Test("a client's own call of the ledger is refused once orders are screened, and names the bank's operations")
    func guarded() async throws {
        try await BankStage.run { stage in
            try await stage.database.run("select filtrer_les_ordres(true)")
            for way in Self.ways {
                let error = await asClient(stage, Statement(unchecked: way))
                #expect(error?.sqlState == "42501", "\(way)")
                #expect(error?.serverHint?.contains("/bank/v1/transfers") == true, "\(way)")
            }
            // Nor may a client switch it off, or speak for the bank.
            for way in [
                "select filtrer_les_ordres(false)", "delete from filtrage_des_ordres",
                """
                select code from executer_fichier_pour('{}', 'm', sha256('x'), array[null]::text[], array['e'],
                    array[1]::bigint[], array[2]::bigint[], array[100]::bigint[], array[null]::text[], array['EUR'],
                    array[null]::date[])
                """,
            ] {
                let error = await asClient(stage, Statement(unchecked: way))
                #expect(error?.sqlState == "42501", "\(way)")
            }
            let balance = try await stage.balance(1)
            #expect(balance == startMinor)
            try await stage.database.run("select filtrer_les_ordres(false)")
            for way in Self.ways.prefix(1) { #expect(await asClient(stage, Statement(unchecked: way)) == nil) }
            try await stage.expectSound()
        }
    }

    @Test("orders, lots and files through the bank's operations go on as before, and so does the bank itself")
    func operations() async throws {
        try await BankStage.run { stage in
            try await stage.database.run("select filtrer_les_ordres(true)")
            #expect(await stage.pay("10.00", key: "a").status == 201)
            let order: JSON = [
                "debit_account": 1, "payee": ["iban": .string(iban(2))],
                "amount": ["amount": "20.00", "currency": "EUR"], "idempotency_key": "b",
            ]
            let stranger: JSON = [
                "debit_account": 3, "payee": ["iban": .string(iban(1))],
                "amount": ["amount": "20.00", "currency": "EUR"], "idempotency_key": "c",
            ]
            let atomic = await stage.ask(
                .post, "/transfers/batch", body: ["mode": "atomic", "orders": [order, stranger]])
            #expect(atomic.status == 422 && atomic.code == "ledger_batch_refused", "\(atomic.text)")
            #expect(atomic.json["details"]?.array?.first?["code"]?.string == "LV011", "\(atomic.text)")
            let lot = await stage.ask(
                .post, "/transfers/batch", body: ["mode": "continue", "orders": [order, stranger]])
            let statuses = lot.json["results"]?.array?.compactMap { $0["status"]?.string }
            #expect(statuses == ["executed", "refused"], "\(lot.text)")
            let again = await stage.ask(.post, "/transfers/batch", body: ["mode": "atomic", "orders": [order]])
            #expect(again.json["results"]?.array?.first?["replayed"]?.bool == true, "\(again.text)")
            let day = try await stage.database.one(
                "select jour::text from journees where close_le is null", as: String.self)
            let file = PaymentFile(date: day, payments: [(iban(2), "30.00", "EUR", "A")])
            for _ in 0..<2 {
                let answer = await stage.ask(
                    .post, "/payments/pain.001", headers: ["Accept": "application/json"], bytes: Array(file.text.utf8),
                    type: "application/xml")
                #expect(answer.json["executed"]?.integer == 1, "\(answer.text)")
            }
            try await stage.database.run("select virer(1, 2, 500, 'the bank')")
            let balance = try await stage.balance(1)
            #expect(balance == startMinor - 6_500)
            try await stage.expectSound()
        }
    }
}
