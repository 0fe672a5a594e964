import Bank
import Foundation
import Postgres
import TestSupport
import Testing

@testable import Fraud

/// Payments that are judged together get what they would get one after the other.
@Suite struct LotTests {
    private func desk(_ database: Database, decisionMax: Duration = .seconds(30)) throws -> FraudDesk {
        var settings = FraudSettings()
        settings.decisionMax = decisionMax
        settings.answerMax = .seconds(120)
        settings.controlKey = Array("lots".utf8)
        let rules = try Rulebook.shippedPath()
        let desk = FraudDesk(
            database: database, plan: try FeaturePlan(.shipped(), set: "bank"), trusted: [], settings: settings)
        try desk.reloadRules(path: rules, testsPath: String(rules.dropLast(".yml".count)) + ".tests.yml")
        return desk
    }

    /// Few clients and payees, so that most payments of a lot share something; from one address and two devices.
    private func request(_ number: Int64, _ random: inout Shuffle) -> PaymentRequest {
        let client = Int64.random(in: 1...6, using: &random)
        let payee = client % 6 + .random(in: 1...3, using: &random)
        var request = PaymentRequest(
            payment: number, key: "p\(number)",
            time: Span.day * 19_000 + number % 2_000 * 7 * Span.hour, minor: .random(in: 100...900_000, using: &random),
            entities: ["customer": client, "terminal": payee])
        request.context = ["address": 11, "device": .random(in: 1...2, using: &random)]
        request.isProved = Bool.random(using: &random)
        return request
    }

    private func kept(_ database: Database) async throws -> [String] {
        let decisions = try await database.all(
            """
            select concat_ws(' ', 'decision', paiement, cle, encode(empreinte, 'hex'), horodatage, montant_minor, cles,
                modele_id, probabilite, verdict, regles, fantomes, raisons, encode(colonnes, 'hex'), secours, temoin,
                regles_version, colonnes_version, passe)
            from fraud.decisions order by ordre
            """, as: String.self)
        let states = try await database.all(
            "select concat_ws(' ', 'state', entite, cle, encode(etat, 'hex')) from fraud.etats order by entite, cle",
            as: String.self)
        let cases = try await database.all(
            """
            select concat_ws(' ', 'case', d.client, d.priorite, d.montant_max_minor, d.alertes,
                array_agg(p.paiement order by p.paiement))
            from fraud.dossiers d join fraud.dossiers_paiements p on p.dossier_id = d.id group by d.id order by d.client
            """, as: String.self)
        return decisions + states + cases
    }

    @Test("the same payments in lots and one by one leave the same decisions, states and cases, to the last bit")
    func equal() async throws {
        var random = Shuffle(state: 20)
        let requests = (1...240 as ClosedRange<Int64>).map { request($0, &random) }
        var lots: [[PaymentRequest]] = []
        var rest = requests[...]
        while !rest.isEmpty {
            let count = min(Int.random(in: 1...40, using: &random), rest.count)
            lots.append(Array(rest.prefix(count)))
            rest = rest.dropFirst(count)
        }
        let planned = lots
        let singles = try await withTestDatabase(fraudTemplate) { database in
            let desk = try self.desk(database)
            try await desk.list(
                "watch", entity: "customer", key: 3, reason: "?", author: "ana", expiresInSeconds: nil)
            for request in requests { _ = try await desk.decide(request) }
            let audit = try await desk.audit()
            #expect(audit.isEmpty)
            return try await self.kept(database)
        }
        let together = try await withTestDatabase(fraudTemplate) { database in
            let desk = try self.desk(database)
            try await desk.list(
                "watch", entity: "customer", key: 3, reason: "?", author: "ana", expiresInSeconds: nil)
            for lot in planned {
                let answers = try await database.transaction { tx in try await desk.decide(lot: lot, in: tx) }
                for (request, answer) in zip(lot, answers) {
                    guard case .decided(let decision) = answer else {
                        Issue.record("\(request.key): \(answer)")
                        continue
                    }
                    #expect(decision.payment == request.payment && !decision.isReplay)
                    #expect((decision.caseNumber != nil) == (decision.verdict >= .review))
                    #expect(decision.lists == (request.entities["customer"] == 3 ? ["watch"] : []))
                }
            }
            let audit = try await desk.audit()
            #expect(audit.isEmpty)
            return try await self.kept(database)
        }
        #expect(singles.count > 250 && singles.contains { $0.hasPrefix("case 3 ") })
        #expect(Set(singles.compactMap { $0.split(separator: " ").first }) == ["decision", "state", "case"])
        #expect(singles == together)
    }

    @Test(
        "a key that is known, a key that comes twice and a payment that cannot be judged do not touch their neighbours")
    func neighbours() async throws {
        try await withTestDatabase(fraudTemplate) { database in
            let desk = try self.desk(database)
            var random = Shuffle(state: 3)
            var requests = (1...5 as ClosedRange<Int64>).map { request($0, &random) }
            _ = try await desk.decide(requests[1])
            requests[3].key = requests[0].key
            requests[4].entities["nobody"] = 1
            let lot = requests
            let answers = try await database.transaction { tx in try await desk.decide(lot: lot, in: tx) }
            let told = answers.map { answer in
                switch answer {
                case .decided: "decided"
                case .refused(let error): error.code
                case .alone: "alone"
                }
            }
            #expect(told == ["decided", "alone", "decided", "alone", "fraud_request_invalid"])
            let count = try await database.one("select count(*) from fraud.decisions", as: Int.self)
            #expect(count == 3)
            let limit = try await database.transaction { tx in
                _ = try await desk.decide(lot: [lot[1]], in: tx)
                return try await tx.one("select current_setting('statement_timeout')", as: String.self)
            }
            let before = try await database.one("select current_setting('statement_timeout')", as: String.self)
            #expect(limit == before, "the statements behind a lot have the time that they had")
            let audit = try await desk.audit()
            #expect(audit.isEmpty)
        }
    }

    @Test("a lot that does not come to its states in time is judged one by one; nothing of it is kept")
    func late() async throws {
        try await withTestDatabase(fraudTemplate) { database in
            let desk = try self.desk(database, decisionMax: .milliseconds(100))
            var random = Shuffle(state: 4)
            let lot = (1...3 as ClosedRange<Int64>).map { request($0, &random) }
            try await database.run(
                "insert into fraud.etats (entite, cle) values ('customer', \(lot[2].entities["customer"] ?? 0))")
            try await database.transaction { blocker in
                let held = try await blocker.all("select cle from fraud.etats for update", as: Int64.self)
                #expect(held.count == 1)
                let (answers, one) = try await database.transaction { tx in
                    let answers = try await desk.decide(lot: lot, in: tx)
                    // The transaction goes on.
                    return (answers, try await tx.one("select 1", as: Int.self))
                }
                #expect(one == 1)
                for answer in answers {
                    guard case .alone = answer else {
                        Issue.record("\(answer)")
                        continue
                    }
                }
            }
            let count = try await database.one("select count(*) from fraud.decisions", as: Int.self)
            #expect(count == 0)
        }
    }

    @Test("lots that share states from two servers at once end, and the states are those of a recomputation")
    func together() async throws {
        try await withTestDatabase(fraudTemplate) { database in
            let desks = [try self.desk(database), try self.desk(database)]
            try await withThrowingTaskGroup(of: Int.self) { group in
                for worker in 0..<4 as Range<Int64> {
                    group.addTask {
                        var random = Shuffle(state: UInt64(worker) + 50)
                        var count = 0
                        for step in 0..<10 as Range<Int64> {
                            let first = worker * 10_000 + step * 20
                            let lot = (first + 1...first + 20).map { self.request($0, &random) }
                            let desk = desks[Int(worker) % 2]
                            let answers = try await database.transaction { tx in
                                try await desk.decide(lot: lot, in: tx)
                            }
                            count += answers.count { if case .decided = $0 { true } else { false } }
                        }
                        return count
                    }
                }
                let decided = try await group.reduce(0, +)
                #expect(decided == 800)
            }
            let audit = try await desks[0].audit()
            #expect(audit.isEmpty)
        }
    }
}

private struct Shuffle: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var mixed = (state ^ (state >> 30)) &* 0xbf58_476d_1ce4_e5b9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
        return mixed ^ (mixed >> 31)
    }
}
