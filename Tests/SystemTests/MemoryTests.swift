import Foundation
import Postgres
import TestSupport
import Testing

@testable import PostgresServer

/// What a dump of the serving process would give away.
@Suite(
    .serialized,
    .enabled(
        if: ProcessInfo.processInfo.environment["DIGITALBANK_LONG"] == "1",
        "long rounds only: reading all memory of a debug build takes minutes")
) struct MemoryTests {
    @Test("after payments by card and reads of cards no full card number is in the server's memory")
    func cards() async throws {
        try await ServedBank.run { bank in
            let database = Database(bank.cluster.configuration(database: "digitalbank_restored"))
            let found = try await database.all(
                """
                select r.id || ' ' || r.pan_fin from cartes r join comptes k on k.id = r.compte_id
                where k.statut = 'actif' and k.solde_minor > 100000 and r.pan_chiffre is not null order by r.id limit 10
                """, as: String.self)
            let all = try await database.all(
                "select distinct pan_fin from cartes where pan_fin is not null", as: String.self)
            await database.close()
            let cards = found.compactMap { $0.split(separator: " ").first }
            let ends = found.compactMap { $0.split(separator: " ").last }
            try #require(!cards.isEmpty && ends.count == cards.count)
            var answered = 0
            for (number, card) in cards.enumerated() {
                let answer = try await bank.request(
                    "POST", "/cards/v1/authorizations",
                    body: """
                        {"card": \(card), "amount": {"amount": "1.00", "currency": "EUR"},
                        "idempotency_key": "memoire-\(number)", "terminal": "T1", "proved": true}
                        """)
                if answer.status == 201 { answered += 1 }
                _ = try await bank.request("GET", "/rest/v1/cartes?id=eq.\(card)")
            }
            #expect(answered > 0)
            let process = try #require(bank.processIdentifier)
            let run = try await Program.run("privacy", "cards", "--data-dir", bank.data, "--process", "\(process)")
            #expect(run.output.contains(" 1 processes, "), "\(run.output)\(run.error)")
            // So much memory may hold sixteen digits of other things that pass Luhn's check by chance; none is a card of the bank,
            // whether it was used here or not.
            let lines = run.output.split(separator: "\n").filter { $0.hasPrefix("IN CLEAR") }
            #expect(all.count >= ends.count)
            #expect(!lines.contains { line in all.contains { line.hasSuffix($0) } }, "\(run.output)")
            #expect(lines.count < 3, "\(run.output)")
        }
    }
}
