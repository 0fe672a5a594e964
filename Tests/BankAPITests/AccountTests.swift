import Bank
import Foundation
import HTTPTypes
import Postgres
import Testing
import Vault
import Web

@testable import BankAPI

@Suite struct AccountTests {
    @Test func `a client lists their own accounts with IBAN, balance and what is available`() async throws {
        try await BankStage.run { stage in
            try await LedgerStore(stage.database).hold(
                Money(minor: 2_500, currency: .eur), on: AccountID(1), key: .random(), merchant: "Épicerie")
            let answer = await stage.get("/accounts")
            #expect(answer.status == 200 && answer.fields[.cacheControl] == "no-store")
            let accounts = try #require(answer.json["accounts"]?.array)
            #expect(accounts.compactMap { $0["id"]?.integer } == [1, 101])
            let first = try #require(accounts.first)
            #expect(first["iban"]?.string == iban(1) && first["iban_last4"]?.string == String(iban(1).suffix(4)))
            #expect(first["balance"] == ["amount": "1000.00", "currency": "EUR"])
            #expect(first["held"] == ["amount": "25.00", "currency": "EUR"])
            #expect(first["available"] == ["amount": "1175.00", "currency": "EUR"])
            let holds = await stage.get("/accounts/1/holds").json["holds"]?.array
            #expect(holds?.count == 1 && holds?.first?["merchant"]?.string == "Épicerie")
            #expect(holds?.first?["status"]?.string == "open")
        }
    }

    @Test func `another client's account is not there, for analysts and admins neither`() async throws {
        try await BankStage.run { stage in
            for target in ["/accounts/2", "/accounts/2/statement", "/accounts/2/holds", "/accounts/999999"] {
                let answer = await stage.get(target)
                #expect(answer.status == 404 && answer.code == "account_not_found", "\(target) \(answer.text)")
            }
            for role in ["analyst", "admin"] {
                let request = ApiRequest(method: .get, path: "/accounts")
                let response = await stage.service.handle(request, actor: BankStage.actor(77, role: role))
                #expect(String(decoding: response.body, as: UTF8.self) == #"{"accounts":[]}"#)
                let other = await stage.service.handle(
                    ApiRequest(method: .get, path: "/accounts/2/statement"), actor: BankStage.actor(77, role: role))
                #expect(other.status.code == 404)
            }
        }
    }

    @Test func `who is no client is refused`() async throws {
        try await BankStage.run { stage in
            for actor in [
                Actor(role: "anon", claims: #"{"role":"anon"}"#, isAnonymous: true),
                Actor(role: "service_role", claims: #"{"role":"service_role"}"#),
                Actor(role: "authenticated", claims: #"{"role":"authenticated"}"#),
                Actor(role: "authenticated", claims: #"{"sub":"x","role":"authenticated"}"#, subject: "x"),
            ] {
                let response = await stage.service.handle(ApiRequest(method: .get, path: "/accounts"), actor: actor)
                #expect(response.status.code == 403)
            }
        }
    }

    @Test(arguments: [
        ("/accounts?x=1", 400, "parameter_unknown"), ("/accounts/1/statement?limit=0", 400, "parameter_invalid"),
        ("/accounts/1/statement?limit=501", 400, "parameter_invalid"),
        ("/accounts/1/statement?limit=1&limit=2", 400, "parameter_unknown"),
        ("/accounts/1/statement?from=2026-02-30", 400, "parameter_invalid"),
        ("/accounts/1/statement?from=2026-02-02&to=2026-02-01", 400, "period_invalid"),
        ("/accounts/1/statement?format=doc", 400, "parameter_invalid"), ("/accounts/%ff", 404, "not_found"),
        ("/accounts/1?x=%zz", 400, "query_unreadable"), ("/accounts/x", 404, "not_found"),
        ("/accounts/01", 404, "not_found"), ("/accounts/", 404, "not_found"), ("/nowhere", 404, "not_found"),
        ("/accounts/1/statement/2", 404, "not_found"),
    ])
    func `an address or parameter that is not known is refused`(
        target: String, status: Int, code: String
    ) async throws {
        try await BankStage.run { stage in
            let answer = await stage.get(target)
            #expect(answer.status == status && answer.code == code, "\(answer.text)")
        }
    }

    @Test func `a method that an address does not take is refused with those it takes`() async throws {
        try await BankStage.run { stage in
            let answer = await stage.ask(.delete, "/accounts")
            #expect(answer.status == 405 && answer.fields[.allow] == "GET")
            #expect(await stage.ask(.get, "/transfers").fields[.allow] == "POST")
        }
    }

    @Test func `a client who asks too often is told to wait, others are not`() async throws {
        try await BankStage.run({ $0.requestsPerMinuteMax = 3 }) { stage in
            var statuses: [Int] = []
            for _ in 0..<8 { statuses.append(await stage.get("/accounts").status) }
            #expect(statuses.contains(429) && statuses.first == 200)
            #expect(await stage.get("/accounts", as: 2).status == 200)
        }
    }

    @Test func `what a client asks of two servers counts together`() async throws {
        try await BankStage.run { stage in
            var settings = BankSettings()
            settings.requestsPerMinuteMax = 10
            let kek = try stageKey()
            let fixed = settings
            let servers = (0..<2).map { _ in
                BankService(
                    database: stage.database,
                    secrets: BankSecrets(
                        vault: Vault(database: stage.database, keyring: Keyring(current: kek)), indexing: kek),
                    settings: fixed, clock: { 1_800_000_000 })
            }
            func ask(_ server: Int, as number: Int = 1, times: Int) async -> [Int] {
                var statuses: [Int] = []
                for _ in 0..<times {
                    let request = ApiRequest(method: .get, path: "/accounts")
                    statuses.append(await servers[server].handle(request, actor: BankStage.actor(number)).status.code)
                }
                return statuses
            }
            #expect(await ask(0, times: 7) == Array(repeating: 200, count: 7))
            #expect(await ask(1, times: 1) == [200])
            for server in servers { try await server.shareCounts() }
            #expect(await ask(1, times: 3) == [200, 200, 429])
            #expect(await ask(1, as: 2, times: 1) == [200])
            for server in [1, 0, 1] { try await servers[server].shareCounts() }
            // The other server learns it when it next has something to tell.
            #expect(await ask(0, times: 1) == [200])
            try await servers[0].shareCounts()
            #expect(await ask(0, times: 1) == [429])
        }
    }
}
