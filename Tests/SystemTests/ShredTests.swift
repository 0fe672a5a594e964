import Foundation
import Postgres
import TestSupport
import Testing

@testable import PostgresServer

/// A client's key that is destroyed beside a running server.
@Suite(.enabled(if: isLongRun, "long rounds only: a bank of its own is recovered and served"), .serialized)
struct ShredTests {
    @Test(
        "keys shred ends what the running server reads of the client at once; others are read on",
        .timeLimit(.minutes(10)))
    func shred() async throws {
        try await ServedBank.run { bank in
            let clients = try await Self.clients(bank)
            var tokens: [String] = []
            for (index, client) in clients.enumerated() {
                let email = "client\(index)@example.com"
                let added = try await Program.run(
                    "users", "add", "--data-dir", bank.data, "--email", email, "--role", "client", "--client", client,
                    "--password", Self.password)
                try #require(added.status == 0, "\(added.error)")
                let session = try await bank.request(
                    "POST", "/auth/v1/token?grant_type=password",
                    body: #"{"email": "\#(email)", "password": "\#(Self.password)"}"#)
                let token = try #require(session.body.firstMatch(of: /"access_token":"([^"]+)"/)?.1, "\(session.body)")
                tokens.append(String(token))
            }
            #expect(try await Self.showsIBAN(bank, tokens[0]))
            #expect(try await Self.showsIBAN(bank, tokens[1]))
            let done = try await Program.run("keys", "shred", "--client", clients[0], "--yes", "--data-dir", bank.data)
            try #require(done.status == 0, "\(done.error)")
            // Far less than the half minute for which a key is kept.
            var isShown = true
            for _ in 0..<50 where isShown {
                isShown = try await Self.showsIBAN(bank, tokens[0])
                if isShown { try await Task.sleep(for: .milliseconds(100)) }
            }
            #expect(!isShown)
            #expect(try await Self.showsIBAN(bank, tokens[1]))
        }
    }

    private static let password = "Une phrase assez longue 47"

    private static func showsIBAN(_ bank: ServedBank, _ token: String) async throws -> Bool {
        let answer = try await bank.request("GET", "/bank/v1/accounts", headers: ["Authorization": "Bearer \(token)"])
        try #require(answer.status == 200, "\(answer.body)")
        return answer.body.firstMatch(of: /"iban":"[A-Z]{2}/) != nil
    }

    /// Two clients with an account whose number is sealed.
    private static func clients(_ bank: ServedBank) async throws -> [String] {
        let database = Database(bank.cluster.configuration(database: "digitalbank_restored"))
        let found = try await database.all(
            """
            select c.numero::text from clients c
            where exists (select from comptes k where k.client_id = c.id and k.statut = 'actif' and k.iban_chiffre is not null)
            order by c.numero limit 2
            """, as: String.self)
        await database.close()
        guard found.count == 2 else { throw ServedBank.Failure(words: "no two clients with a sealed account number") }
        return found
    }
}
