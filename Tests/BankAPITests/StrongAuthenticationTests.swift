import Bank
import BankAPI
import Foundation
import HTTPTypes
import Postgres
import TestSupport
import Testing
import Web

/// The second factor, and the authorisation that is linked to an amount and a payee.
@Suite struct StrongAuthenticationTests {
    @Test func `an order above the limit needs the second factor unless the payee is one's own or trusted`()
        async throws
    {
        try await BankStage.run { stage in
            #expect(await stage.pay("500.00").status == 201)
            let refused = await stage.pay("500.01", as: 3)
            #expect(refused.status == 403 && refused.code == "insufficient_aal")
            #expect(refused.json["hint"]?.string?.contains("second factor") == true)
            #expect(await stage.pay("500.01", as: 3, level: "aal2").status == 201)
            #expect(await stage.pay("600.00", to: 101).status == 201, "one's own account")
            try await stage.database.run(
                "update seuils_authentification set montant_minor = 100 where devise = 'EUR'")
            #expect(await stage.pay("1.01", as: 4).status == 403)
            #expect(await stage.pay("1.00", as: 4).status == 201)
            try await stage.expectSound()
        }
    }

    /// What a client may call through REST's `/rpc`.
    @Test(arguments: [
        "select virer(1, 2, 50001, 'k')", "select virer(1, 2, 50001, 'k', 'EUR', null, 'banque')",
        "select virer_lot(array['k'], array[1]::bigint[], array[2]::bigint[], array[50001]::bigint[])",
        "select virer_lot('[{\"cle\": \"k\", \"debit\": 1, \"credit\": 2, \"montant\": 50001}]'::jsonb)",
        "select code from executer_fichier('m', sha256('x'), array[null]::text[], array['e'], array[1]::bigint[], array[2]::bigint[], array[50001]::bigint[], array[null]::text[], array['EUR'], array[null]::date[])",
        "select code from executer_fichier('m', sha256('x'), array[null]::text[], array['e'], array[1]::bigint[], array[2]::bigint[], array[50001]::bigint[], array[null]::text[], array['EUR'], array[current_date + 1])",
        "select virer_pour(array['00000000-0000-0000-0000-000000000001']::uuid[], array['aal2'], array[null]::uuid[], array['k'], array[1]::bigint[], array[2]::bigint[], array[50001]::bigint[], array[null]::text[], 'EUR', 'api')",
        "select executer_ordres(null, null, null, array['k'], array[1]::bigint[], array[2]::bigint[], array[50001]::bigint[], 'continuer', null, 'EUR', 'api', null)",
        "select oublier_petits_paiements(array['00000000-0000-0000-0000-000000000001']::uuid[], 'EUR')",
        "update petits_paiements set cumul_minor = 0",
        "insert into autorisations_virement (utilisateur_id, compte_debit_id, compte_credit_id, montant_minor, devise) values (gen_random_uuid(), 1, 2, 50001, 'EUR')",
        "update seuils_authentification set montant_minor = 999999999", "select autoriser_virement(1, 2, 50001, 'EUR')",
        "select ajouter_beneficiaire('00000000-0000-0000-0000-000000000001', 'aal2', 1, null, 'x', 'x', '1', null)",
        "select executer_ordre_permanent(current_date)",
        "select creer_ordre_permanent(1, 2, 50001, 'EUR', null, 'mensuelle', current_date + 1)",
    ])
    func `no function lets a client around the second factor`(statement: String) async throws {
        try await BankStage.run { stage in
            let claims = BankStage.actor(1).claims
            var refusal: String?
            do {
                let rows = try await stage.database.transaction { tx in
                    try await tx.run(
                        "select set_config('role', 'authenticated', true), set_config('request.jwt.claims', \(claims), true)"
                    )
                    return try await tx.run(Statement(unchecked: statement))
                }
                // A lot that goes on names the refusal in its row.
                refusal = try rows.first?.decodeIfPresent(0, as: String.self)
            } catch let error as PostgresError {
                refusal = error.sqlState
                if error.sqlState == "LV019" { refusal = error.detail }
            }
            let text = try #require(refusal, "\(statement) was done")
            #expect(text.contains("LV024") || text.contains("42501"), "\(text)")
            #expect(try await stage.balance(2) == startMinor)
            let forged = try await stage.database.transaction { tx in
                try await tx.run(
                    "select set_config('role', 'authenticated', true), set_config('request.jwt.claims', \(claims), true)"
                )
                return try await tx.one("select count(*) from virements", as: Int64.self)
            }
            #expect(forged == 0)
        }
    }

    @Test func `orders without the second factor add up until one has it, whichever way they come in`() async throws {
        try await BankStage.run { stage in
            try await stage.database.run(
                "update seuils_authentification set cumul_minor = 10000, nombre_max = 5 where devise = 'EUR'")
            #expect(await stage.pay("60.00", key: "first").status == 201)
            let refused = await stage.pay("40.01")
            #expect(refused.status == 403 && refused.code == "insufficient_aal", "\(refused.text)")
            #expect(await stage.pay("60.00", key: "first").json["replayed"]?.bool == true, "a replay counts nothing")
            #expect(await stage.pay("90.00", to: 101).status == 201, "one's own account")
            #expect(await stage.pay("40.00").status == 201)
            #expect(await stage.pay("0.01").status == 403)
            #expect(await ownCall(stage, 1, key: "rpc") == "LV024")
            #expect(await stage.pay("0.01", level: "aal2").status == 201)
            #expect(await ownCall(stage, 1000, key: "rpc") == nil, "counting has begun again")
            for _ in 0..<4 { #expect(await stage.pay("0.01").status == 201) }
            #expect(await stage.pay("0.01").status == 403, "the sixth of five")
            let counted = try await stage.database.run("select cumul_minor, nombre from petits_paiements")
            #expect(
                try counted.map { try [$0.decode(0, as: Int64.self), Int64($0.decode(1, as: Int32.self))] } == [
                    [1004, 5]
                ])
            try await stage.expectSound()
        }
    }

    @Test func `of many orders at once, those without the second factor that pass the sum are refused`() async throws {
        try await BankStage.run { stage in
            try await stage.database.run("update seuils_authentification set cumul_minor = 500 where devise = 'EUR'")
            let statuses = await withTaskGroup(of: Int.self) { group in
                for index in 0..<20 {
                    group.addTask { await stage.pay("1.00", key: "a\(index)").status }
                }
                return await group.reduce(into: []) { $0.append($1) }
            }
            #expect(statuses.count { $0 == 201 } == 5 && statuses.count { $0 == 403 } == 15, "\(statuses)")
            #expect(try await stage.balance(1) == startMinor - 500)
            try await stage.expectSound()
        }
    }

    /// The SQLSTATE with which a client's own call of `virer` is refused.
    private func ownCall(_ stage: BankStage, _ minor: Int64, key: String) async -> String? {
        let claims = BankStage.actor(1).claims
        do {
            try await stage.database.transaction { tx in
                try await tx.run(
                    "select set_config('role', 'authenticated', true), set_config('request.jwt.claims', \(claims), true)"
                )
                try await tx.run("select virer(1, 2, \(minor), \(key))")
            }
            return nil
        } catch { return (error as? PostgresError)?.sqlState ?? "\(error)" }
    }

    private func authorize(
        _ stage: BankStage, _ amount: String, to account: Int = 2, as number: Int = 1, level: String = "aal2"
    ) async -> Answer {
        await stage.ask(
            .post, "/transfers/authorizations", as: number, level: level,
            body: [
                "debit_account": .integer(number), "payee": ["iban": .string(iban(account))],
                "amount": ["amount": .string(amount), "currency": "EUR"],
            ])
    }

    @Test func `an authorisation is good for its amount and payee, once, for five minutes`() async throws {
        try await BankStage.run { stage in
            let weak = await authorize(stage, "600.00", level: "aal1")
            #expect(weak.status == 403 && weak.code == "insufficient_aal")
            let given = await authorize(stage, "600.00")
            #expect(given.status == 201, "\(given.text)")
            let id = try #require(given.json["id"])
            let link = [JSON.Member("authorization", id)]
            for (amount, payee, number) in [("600.01", 2, 1), ("599.99", 2, 1), ("600.00", 3, 1), ("600.00", 1, 2)] {
                let other = await stage.pay(amount, to: payee, as: number, level: "aal2", extra: link)
                #expect(other.status == 403 && other.code == "authorization_invalid", "\(other.text)")
            }
            let paid = await stage.pay("600.00", key: "linked", extra: link)
            #expect(paid.status == 201, "\(paid.text)")
            #expect(await stage.pay("600.00", key: "linked", extra: link).json["replayed"]?.bool == true)
            #expect(await stage.pay("600.00", key: "again", extra: link).code == "authorization_invalid")
            #expect(
                await stage.pay("1.00", extra: [.init("authorization", .string(UUID().uuidString))]).code
                    == "authorization_invalid")
            let late = await authorize(stage, "550.00", as: 3)
            let expiry = try #require(late.json["id"]?.string)
            try await stage.database.run(
                "update autorisations_virement set expire_le = now() - interval '1 second' where id = \(expiry)::uuid")
            #expect(
                await stage.pay("550.00", as: 3, extra: [.init("authorization", .string(expiry))]).code
                    == "authorization_invalid")
            try await stage.expectSound()
        }
    }

    @Test func `of many orders at once that hold one authorisation, one is executed`() async throws {
        try await BankStage.run { stage in
            let id = try #require(await authorize(stage, "510.00").json["id"])
            let statuses = await withTaskGroup(of: Int.self) { group in
                for index in 0..<12 {
                    group.addTask {
                        await stage.pay("510.00", key: "a\(index)", extra: [.init("authorization", id)]).status
                    }
                }
                return await group.reduce(into: []) { $0.append($1) }
            }
            #expect(statuses.count { $0 == 201 } == 1 && statuses.count { $0 == 403 } == 11)
            #expect(try await stage.balance(1) == startMinor - 51_000)
            // A refused order does not spend it.
            let other = try #require(await authorize(stage, "700.00", as: 5).json["id"])
            try await stage.database.run("update comptes set statut = 'bloque' where id = 5")
            #expect(await stage.pay("700.00", as: 5, extra: [.init("authorization", other)]).status == 409)
            try await stage.database.run("update comptes set statut = 'actif' where id = 5")
            #expect(await stage.pay("700.00", as: 5, extra: [.init("authorization", other)]).status == 201)
            try await stage.expectSound()
        }
    }
}
