import Foundation
import Postgres
import Synchronization
import TestSupport
import Testing

@testable import PostgresServer

/// Servers that die in the middle of money moving.
@Suite(.serialized) struct ServeFaultTests {
    /// Rounds of kills; 200 in the long rounds.
    private static let rounds = ProcessInfo.processInfo.environment["DIGITALBANK_LONG"] == "1" ? 200 : 6

    @Test func `nothing is lost or doubled when the server or PostgreSQL is killed under transfers`() async throws {
        try await ServedBank.run { bank in
            let accounts = try await Self.accounts(bank)
            let ordered = Notes<String>()
            let seed = UInt64.random(in: .min ... .max)
            for round in 0..<Self.rounds {
                async let orders: Void = withThrowingTaskGroup(of: Void.self) { group in
                    for worker in 0..<8 {
                        group.addTask {
                            for number in 0..<5 {
                                let key = "fault-\(seed)-\(round)-\(worker)-\(number)"
                                ordered.add(key)
                                try await Self.transfer(bank, accounts, key)
                            }
                        }
                    }
                    try await group.waitForAll()
                }
                try await Task.sleep(for: .milliseconds(Int.random(in: 5...150)))
                if round % 2 == 0 {
                    bank.kill(SIGKILL)
                    try await bank.start()
                } else {
                    try await bank.killPostgres()
                    try await bank.cluster.start()
                }
                try await orders
            }
            try await Self.prove(bank, ordered.all, "fault-\(seed)-")
        }
    }

    /// Until there is an answer: one that was lost is asked for again with the order's own key.
    private static func transfer(_ bank: ServedBank, _ accounts: [Int64], _ key: String) async throws {
        let debit = Int.random(in: 0..<accounts.count)
        let credit = (debit + 1) % accounts.count
        let body =
            #"{"p_debit":\#(accounts[debit]),"p_credit":\#(accounts[credit]),"p_montant":1,"p_cle":"\#(key)"}"#
        for _ in 0..<2000 {
            guard let answer = try? await bank.request("POST", "/rest/v1/rpc/virer", body: body) else {
                try await Task.sleep(for: .milliseconds(20))
                continue
            }
            switch answer.status {
            case 200..<300: return
            // Away, or the connection went in the middle: the outcome is open.
            case 0, 503:
                if answer.status == 503 { #expect(answer.head.lowercased().contains("retry-after:"), "\(answer)") }
                try await Task.sleep(for: .milliseconds(20))
            default: throw ServedBank.Failure(words: "\(key): \(answer)")
            }
        }
        throw ServedBank.Failure(words: "\(key) was never answered")
    }

    private static func accounts(_ bank: ServedBank) async throws -> [Int64] {
        let database = Database(bank.cluster.configuration(database: "digitalbank_restored"))
        let accounts = try await database.all(
            """
            select id from comptes where statut = 'actif' and devise = 'EUR' and type = 'courant' and solde_minor > 100000
            order by id limit 10
            """, as: Int64.self)
        await database.close()
        try #require(accounts.count >= 2)
        return accounts
    }

    private static func prove(_ bank: ServedBank, _ keys: [String], _ prefix: String) async throws {
        let database = Database(bank.cluster.configuration(database: "digitalbank_restored"))
        let booked = try await database.all(
            """
            select v.cle_idempotence from transactions t join virements v on v.id = t.virement_id
            where starts_with(v.cle_idempotence, \(prefix))
            """, as: String.self)
        #expect(booked.sorted() == keys.sorted())
        let balance = try await database.one(
            "select coalesce(sum(montant_minor), 0)::bigint from ecritures", as: Int64.self)
        #expect(balance == 0)
        let findings = try await database.one("select count(*) from verifier_le_grand_livre()", as: Int64.self)
        #expect(findings == 0)
        await database.close()
    }

    @Test func `a restart of PostgreSQL is told as 503 with Retry-After, and ends by itself`() async throws {
        try await ServedBank.run { bank in
            let answers = Notes<Answer>()
            try await withThrowingTaskGroup(of: Void.self) { group in
                for _ in 0..<8 {
                    group.addTask {
                        while !answers.isOver {
                            let answer = try await bank.request("GET", "/rest/v1/comptes?select=id&limit=1")
                            answers.add(Answer(time: .now, status: answer.status, head: answer.head))
                        }
                    }
                }
                try await Task.sleep(for: .milliseconds(500))
                try await bank.cluster.stop(.fast)
                for _ in 0..<3000 where !answers.all.contains(where: { $0.status == 503 }) {
                    try await Task.sleep(for: .milliseconds(20))
                }
                try await bank.cluster.start()
                let back = ContinuousClock.now
                for _ in 0..<1000 where !answers.all.contains(where: { $0.time > back && $0.status == 200 }) {
                    try await Task.sleep(for: .milliseconds(20))
                }
                let first = answers.all.first { $0.time > back && $0.status == 200 }
                let away = try #require(first, "the server did not come back").time - back
                print("back after \(away)")
                answers.end()
                try await group.waitForAll()
            }
            let all = answers.all
            #expect(all.contains { $0.status == 200 } && all.contains { $0.status == 503 })
            for answer in all where answer.status != 200 {
                #expect(answer.status == 503 && answer.head.lowercased().contains("retry-after:"), "\(answer)")
            }
            let many = try await bank.request("GET", "/rest/v1/comptes?select=id")
            #expect(many.body.components(separatedBy: "\"id\"").count > 4)
            bank.kill(SIGTERM)
            try await bank.start("--ceiling", "service_role=3")
            let few = try await bank.request("GET", "/rest/v1/comptes?select=id")
            #expect(few.body.components(separatedBy: "\"id\"").count == 4, "\(few.body)")
        }
    }
}

private struct Answer: Sendable {
    let time: ContinuousClock.Instant
    let status: Int
    let head: String
}

/// What several tasks write down, and whether they shall go on.
private final class Notes<Note: Sendable>: Sendable {
    private let state = Mutex<(notes: [Note], isOver: Bool)>(([], false))

    var all: [Note] { state.withLock { $0.notes } }
    var isOver: Bool { state.withLock { $0.isOver } }

    func add(_ note: Note) { state.withLock { $0.notes.append(note) } }
    func end() { state.withLock { $0.isOver = true } }
}
