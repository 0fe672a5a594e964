import Bank
import BankAPI
import Foundation
import HTTPTypes
import Postgres
import TestSupport
import Testing
import Web

@Suite struct TransferTests {
    @Test func `an order to an IBAN of this bank is executed once, and the same key answers again`() async throws {
        try await BankStage.run { stage in
            let first = await stage.pay("12.34", key: "rent", extra: [.init("reason", "Loyer")])
            #expect(first.status == 201, "\(first.text)")
            #expect(first.json["balance_after"] == ["amount": "987.66", "currency": "EUR"])
            let again = await stage.pay("12.34", key: "rent", extra: [.init("reason", "Loyer")])
            #expect(again.status == 200 && again.json["replayed"]?.bool == true)
            #expect(again.json["id"] == first.json["id"])
            let other = await stage.pay("12.35", key: "rent", extra: [.init("reason", "Loyer")])
            #expect(other.status == 409 && other.code == "ledger_key_reused")
            #expect(try await stage.balance(1) == 98_766)
            let id = try #require(first.json["id"]?.string)
            let shown = await stage.get("/transfers/\(id)")
            #expect(shown.status == 200 && shown.json["reason"]?.string == "Loyer", "\(shown.text)")
            #expect(shown.json["amount"] == ["amount": "12.34", "currency": "EUR"])
            #expect(await stage.get("/transfers/\(id)", as: 2).status == 404)
            #expect(await stage.get("/transfers/\(UUID().uuidString)").code == "transfer_not_found")
            try await stage.expectSound()
        }
    }

    @Test func `what the ledger refuses has its status, code and hint`() async throws {
        try await BankStage.run { stage in
            func refused(_ answer: Answer, _ status: Int, _ code: String) {
                #expect(answer.status == status && answer.code == code, "\(answer.text)")
                #expect(answer.json["hint"]?.string?.isEmpty == false)
            }
            refused(await stage.pay("300.00", from: 2), 403, "ledger_not_your_account")
            refused(await stage.pay("300.00", from: 424_242), 403, "ledger_not_your_account")
            refused(await stage.pay("10.00", to: 1), 422, "ledger_same_account")
            refused(await stage.pay("0.00"), 422, "amount_invalid")
            refused(await stage.pay("1.001"), 422, "amount_invalid")
            refused(await stage.pay("1e3"), 422, "body_invalid")
            refused(await stage.pay("-1.00"), 422, "body_invalid")
            refused(await stage.pay("10.00", key: String(repeating: "k", count: 201)), 400, "idempotency_key_invalid")
            refused(await stage.pay("1100.00", to: 3, as: 2, level: "aal2"), 422, "ledger_insufficient_funds")
            refused(await stage.pay("1.00", extra: [.init("colour", "red")]), 422, "body_invalid")
            try await stage.database.run("update comptes set statut = 'bloque' where id = 3")
            refused(await stage.pay("1.00", as: 3), 409, "ledger_account_frozen")
            try await stage.database.run("update comptes set statut = 'clos' where id = 4")
            refused(await stage.pay("1.00", to: 4), 409, "ledger_account_closed")
            try await LedgerStore(stage.database).setLimit(of: AccountID(5), channel: "api", minor: 500)
            refused(await stage.pay("5.01", as: 5), 422, "ledger_limit_exceeded")
            let order: JSON = [
                "debit_account": 1, "payee": ["iban": "DE89370400440532013000"],
                "amount": ["amount": "1.00", "currency": "EUR"],
            ]
            refused(
                await stage.ask(.post, "/transfers", body: order, headers: ["Idempotency-Key": "a"]), 422,
                "payee_not_here")
            refused(await stage.ask(.post, "/transfers", body: order), 400, "idempotency_key_missing")
            let dollars: JSON = [
                "debit_account": 1, "payee": ["account": 2], "amount": ["amount": "1.00", "currency": "USD"],
                "idempotency_key": "b",
            ]
            refused(await stage.ask(.post, "/transfers", level: "aal2", body: dollars), 422, "ledger_currency_differs")
            refused(
                await stage.ask(.post, "/transfers", body: dollars, headers: ["Idempotency-Key": "c"]), 400,
                "idempotency_key_invalid")
            refused(await stage.ask(.post, "/transfers", body: order, type: "text/plain"), 415, "type_unsupported")
            refused(await stage.ask(.post, "/transfers", bytes: Array("{".utf8)), 400, "body_unreadable")
            try await LedgerStore(stage.database).closeDay()
            refused(await stage.pay("1.00", as: 6), 503, "ledger_day_closed")
            try await stage.expectSound()
        }
    }

    @Test func `200 orders at once are each answered, none is lost or doubled`() async throws {
        try await BankStage.run { stage in
            let answers = Tally<(key: String, answer: Answer)>()
            // Each order is sent twice, at the same time.
            try await withThrowingTaskGroup(of: Void.self) { group in
                for index in 0..<200 {
                    for _ in 0..<2 {
                        group.addTask {
                            let number = index % clientCount + 1
                            let answer = await stage.pay(
                                "1.\(index % 90 + 10)", to: (index + 3) % clientCount + 1, as: number, key: "k\(index)")
                            answers.add(("k\(index)", answer))
                        }
                    }
                }
                try await group.waitForAll()
            }
            let all = Dictionary(grouping: answers.all, by: \.key).mapValues { $0.map(\.answer) }
            #expect(all.count == 200)
            for (key, pair) in all {
                #expect(pair.allSatisfy { [200, 201].contains($0.status) }, "\(key) \(pair.map(\.text))")
                #expect(Set(pair.compactMap { $0.json["id"]?.string }).count == 1)
                #expect(pair.count { $0.json["replayed"]?.bool == false } == 1, "\(pair.map(\.text))")
            }
            let orders = try await stage.database.one("select count(*) from virements", as: Int64.self)
            #expect(orders == 200)
            let batches = try await stage.database.one(
                "select count(distinct booked_at) from transactions where type = 'virement'", as: Int64.self)
            #expect(batches < 200, "orders travel together")
            try await stage.expectSound()
        }
    }

    @Test func `orders of one lot do not lend each other rights`() async throws {
        try await BankStage.run { stage in
            let statuses = await withTaskGroup(of: (Int, Int, String?).self) { group in
                for index in 0..<60 {
                    group.addTask {
                        // Every third order debits another's account, every third is too large for its token.
                        let kind = index % 3
                        let answer = await stage.pay(
                            kind == 2 ? "600.00" : "1.00", to: 9, from: kind == 1 ? 8 : nil, as: index % 4 + 1)
                        return (kind, answer.status, answer.code)
                    }
                }
                return await group.reduce(into: []) { $0.append($1) }
            }
            for (kind, status, code) in statuses {
                switch kind {
                case 0: #expect(status == 201)
                case 1: #expect(status == 403 && code == "ledger_not_your_account")
                default: #expect(status == 403 && code == "insufficient_aal")
                }
            }
            #expect(try await stage.balance(8) == startMinor)
            #expect(try await stage.balance(9) == startMinor + 20 * 100)
            try await stage.expectSound()
        }
    }

    @Test func `a batch goes on behind a refused order, or is refused whole`() async throws {
        try await BankStage.run { stage in
            func order(_ amount: String, _ payee: JSON) -> JSON {
                ["debit_account": 1, "payee": payee, "amount": ["amount": .string(amount), "currency": "EUR"]]
            }
            let orders: JSON = [
                order("10.00", ["iban": .string(iban(2))]), order("2000.00", ["account": 101]),
                order("1.00", ["iban": "DE89370400440532013000"]), order("5.00", ["account": 3]),
                order("499.00", ["account": 4]), order("501.00", ["account": 4]),
            ]
            let body: JSON = ["mode": "continue", "orders": orders]
            let answer = await stage.ask(
                .post, "/transfers/batch", body: body, headers: ["Idempotency-Key": "lot"])
            #expect(answer.status == 200, "\(answer.text)")
            #expect(answer.json["executed"]?.integer == 3 && answer.json["refused"]?.integer == 3)
            let codes = answer.json["results"]?.array?.map { $0["problem"]?["code"]?.string }
            #expect(
                codes == [nil, "ledger_insufficient_funds", "payee_not_here", nil, nil, "insufficient_aal"],
                "\(answer.text)")
            let again = await stage.ask(
                .post, "/transfers/batch", body: body, headers: ["Idempotency-Key": "lot"])
            #expect(again.json["results"]?.array?.count { $0["replayed"]?.bool == true } == 3)
            let atomic = await stage.ask(
                .post, "/transfers/batch", body: ["mode": "atomic", "orders": orders],
                headers: ["Idempotency-Key": "whole"])
            #expect(atomic.status == 422 && atomic.code == "payee_not_here")
            let short: JSON = [
                "mode": "atomic", "orders": [order("1.00", ["account": 2]), order("9000.00", ["account": 101])],
            ]
            let refused = await stage.ask(.post, "/transfers/batch", body: short, headers: ["Idempotency-Key": "w2"])
            #expect(refused.status == 422 && refused.code == "ledger_batch_refused", "\(refused.text)")
            #expect(refused.json["details"]?.array?.first?["code"]?.string == "LV001")
            let empty = await stage.ask(.post, "/transfers/batch", body: ["mode": "continue", "orders": []])
            #expect(empty.status == 422)
            #expect(try await stage.balance(1) == startMinor - 51_400)
            try await stage.expectSound()
        }
    }

    @Test func `a preview says what would happen and does nothing`() async throws {
        try await BankStage.run { stage in
            func draft(_ amount: String, _ payee: JSON, debit: Int64 = 1) -> JSON {
                [
                    "debit_account": .integer(debit), "payee": payee,
                    "amount": ["amount": .string(amount), "currency": "EUR"],
                ]
            }
            let good = await stage.ask(
                .post, "/transfers/preview",
                body: draft("600.00", ["iban": .string(iban(2)), "name": "DUPONT Jean Pierre"]))
            #expect(good.status == 200, "\(good.text)")
            #expect(good.json["payee_check"]?["result"]?.string == "match")
            #expect(good.json["needs_second_factor"]?.bool == true && good.json["executable"]?.bool == false)
            #expect(good.json["refusal"] == JSON.null && good.json["fees"]?["amount"]?.string == "0.00")
            let near = await stage.ask(
                .post, "/transfers/preview", body: draft("1.00", ["iban": .string(iban(2)), "name": "J. Dupond"]))
            #expect(
                near.json["payee_check"] == ["result": "close_match", "name": "J***-P***** D*****"], "\(near.text)")
            #expect(near.json["executable"]?.bool == true)
            let poor = await stage.ask(.post, "/transfers/preview", body: draft("5000.00", ["account": 101]))
            #expect(poor.json["refusal"]?["code"]?.string == "ledger_insufficient_funds")
            let foreign = await stage.ask(.post, "/transfers/preview", body: draft("1.00", ["account": 3], debit: 2))
            #expect(foreign.json["refusal"]?["code"]?.string == "ledger_not_your_account")
            let elsewhere = await stage.ask(
                .post, "/transfers/preview", body: draft("1.00", ["iban": "DE89370400440532013000", "name": "X"]))
            #expect(elsewhere.json["payee_check"]?["result"]?.string == "not_applicable")
            #expect(elsewhere.json["refusal"]?["code"]?.string == "payee_not_here")
            #expect(try await stage.database.one("select count(*) from virements", as: Int64.self) == 0)
            #expect(try await stage.balance(1) == startMinor)
            try await stage.expectSound()
        }
    }

    @Test func `long keys of batches that begin alike are two keys`() async throws {
        try await BankStage.run { stage in
            let start = String(repeating: "k", count: 195)
            for (number, end) in ["aaaa", "bbbb"].enumerated() {
                let answer = await stage.ask(
                    .post, "/transfers/batch", as: 1, level: "aal2",
                    body: [
                        "mode": "continue",
                        "orders": [
                            [
                                "debit_account": 1, "payee": ["iban": .string(iban(2))],
                                "amount": ["amount": .string("\(number + 1).00"), "currency": "EUR"],
                            ]
                        ],
                    ], headers: ["Idempotency-Key": start + end])
                #expect(answer.status == 200, "\(answer.text)")
                #expect(!answer.text.contains("ledger_key_reused"), "\(answer.text)")
            }
            let balance = try await stage.balance(2)
            #expect(balance == startMinor + 300)
        }
    }
}
