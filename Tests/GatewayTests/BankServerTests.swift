import Bank
import Foundation
import TestSupport
import Testing
import Web

@Suite struct BankServerTests {
    @Test func `the bank's operations are served to a client with a token, their description to everybody`()
        async throws
    {
        try await BankServed.run { bank in
            let port = bank.served.port
            let bearer = ["Authorization": "Bearer \(try bank.token())"]
            let accounts = try await ask(port, "GET", "/bank/v1/accounts", bearer)
            #expect(accounts.status == 200 && accounts.body.contains(BankServed.firstIBAN), "\(accounts)")
            let order = """
                {"debit_account":1,"payee":{"iban":"\(BankServed.secondIBAN)"},"amount":{"amount":"12.00","currency":"EUR"}}
                """
            let headers = bearer.merging(["Content-Type": "application/json", "Idempotency-Key": "k"]) { $1 }
            #expect(try await ask(port, "POST", "/bank/v1/transfers", headers, body: order).status == 201)
            #expect(try await ask(port, "POST", "/bank/v1/transfers", headers, body: order).status == 200)
            let pdf = try await ask(port, "GET", "/bank/v1/accounts/1/statement?format=pdf", bearer)
            #expect(pdf.status == 200 && pdf.head.contains("application/pdf"))
            for target in ["/bank/v1/accounts", "/bank/v1/nowhere", "/bank/v1/openapi.jsonx"] {
                #expect(try await ask(port, "GET", target).status == 401)
                let old = ["Authorization": "Bearer \(try bank.token(lifetime: -3600))"]
                #expect(try await ask(port, "GET", target, old).status == 401)
            }
            let document = try await ask(port, "GET", "/bank/v1/openapi.json")
            #expect(document.status == 200 && document.body.contains("\"3.1.0\""))
            let anonymous = try await ask(port, "GET", "/bank/v1/accounts", ["apikey": try bank.served.key("anon")])
            #expect(anonymous.status == 403)
            let metrics = try await ask(bank.served.adminPort, "GET", "/metrics").body
            #expect(metrics.contains("method=\"POST\",status=\"201\"} 1"))
            #expect(try await LedgerStore(bank.database).balance(of: AccountID(2)) == 101_200)
        }
    }
}
