import Bank
import Cryptography
import Evidence
import Foundation
import Migrations
import Postgres
import PostgresServer
import TestSupport
import Testing

@testable import Fraud

let fraudTemplate = TestTemplate("fraud", owner: .plain) { database in
    try await Migrator(database).apply([EvidenceMigrations.set(), FraudMigrations.set()])
}

/// With the roles of the API, as in a bank that is served.
let servedTemplate = TestTemplate("fraud_served") { database in
    try await Migrator(database).apply([BankMigrations.set(), EvidenceMigrations.set(), FraudMigrations.set()])
}

@Suite struct DeskTests {
    private func plan() throws -> FeaturePlan { try FeaturePlan(Handbook.definition(), set: "own") }

    private func with(
        settings: FraudSettings = FraudSettings(), bench: Bench = Bench(),
        _ body: @Sendable (FraudDesk) async throws -> Void
    ) async throws {
        let plan = try plan()
        var patient = settings
        // Machines that build and test at once are slow; the tests of lateness set their own limit.
        if patient.decisionMax == .milliseconds(20) { patient.decisionMax = .seconds(30) }
        patient.answerMax = .seconds(120)
        try await withTestDatabase(fraudTemplate) { [patient] database in
            try await body(FraudDesk(database: database, plan: plan, trusted: [], settings: patient, bench: bench))
        }
    }

    private func request(_ number: Int64, minor: Int64 = 5_000, client: Int64 = 7, terminal: Int64 = 3)
        -> PaymentRequest
    {
        PaymentRequest(
            payment: number, key: "p\(number)", time: Span.day * 20_000 + number * Span.hour, minor: minor,
            entities: ["customer": client, "terminal": terminal])
    }

    @Test("the same payment twice gets one answer; another payment under its key is refused")
    func idempotent() async throws {
        try await with { desk in
            let first = try await desk.decide(self.request(1))
            let again = try await desk.decide(self.request(1))
            #expect(first.verdict == .allow && !first.isReplay && first.fallback == .noModel)
            #expect(again.isReplay && again.verdict == first.verdict)
            var other = self.request(1)
            other.minor += 1
            let changed = other
            let error = await #expect(throws: FraudError.self) { _ = try await desk.decide(changed) }
            #expect(error?.code == "fraud_key_reused")
            #expect(try await desk.audit().isEmpty)
        }
    }

    @Test("lists stand above rules and model, until they expire")
    func lists() async throws {
        try await with { desk in
            try await desk.list(
                "block", entity: "terminal", key: 3, reason: "cloned", author: "ana", expiresInSeconds: 3_600)
            #expect(try await desk.decide(self.request(1)).verdict == .block)
            #expect(try await desk.decide(self.request(2, terminal: 4)).verdict == .allow)
            #expect(try await desk.unlist("block", entity: "terminal", key: 3, author: "ana"))
            #expect(try await desk.decide(self.request(3)).verdict == .allow)
            try await desk.list("watch", entity: "customer", key: 7, reason: "?", author: "ana", expiresInSeconds: -1)
            #expect(try await desk.decide(self.request(4)).verdict == .allow)
            try await desk.list("watch", entity: "customer", key: 7, reason: "?", author: "ana", expiresInSeconds: nil)
            let watched = try await desk.decide(self.request(5))
            #expect(watched.verdict == .review && watched.caseNumber != nil && watched.lists == ["watch"])
        }
    }

    @Test("a label is seen by the next payment, and an analyst's word stands above a client's")
    func fastLabels() async throws {
        try await with { desk in
            for number in 1...4 as ClosedRange<Int64> { _ = try await desk.decide(self.request(number)) }
            #expect(try await desk.label(4, isFraud: true, source: .client, author: "client 7"))
            _ = try await desk.decide(self.request(5, client: 8))
            let after = try #require(
                try await CaseStore(database: desk.database).decision(5).flatMap { FraudDesk.row($0.columns) })
            let place = try #require(desk.plan.names.firstIndex(of: "terminal_frauds_7d"))
            #expect(after[place] == 1)
            #expect(try await desk.label(4, isFraud: false, source: .analyst, author: "ana"))
            #expect(try await !desk.label(4, isFraud: true, source: .client, author: "client 7"))
            #expect(try await desk.audit().isEmpty)
            let error = await #expect(throws: FraudError.self) {
                try await desk.label(99, isFraud: true, source: .client, author: "x")
            }
            #expect(error?.code == "fraud_payment_unknown")
        }
    }

    @Test("when the features are locked for too long the fallback decides, is counted, and is made up for later")
    func late() async throws {
        var settings = FraudSettings()
        settings.decisionMax = .milliseconds(150)
        try await with(settings: settings) { desk in
            _ = try await desk.decide(self.request(1))
            // On a busy machine the first may have been late by itself.
            _ = try await desk.catchUp()
            let before = desk.fallbackCounts[.late] ?? 0
            try await desk.database.transaction { blocker in
                let locked = try await blocker.all(
                    "select cle from fraud.etats where entite = 'customer' and cle = 7 for update", as: Int.self)
                #expect(locked == [7])
                let small = try await desk.decide(self.request(2))
                let big = try await desk.decide(self.request(3, minor: 50_000))
                #expect(small.fallback == .late && small.verdict == .allow)
                #expect(big.fallback == .late && big.verdict == .stepUp)
            }
            #expect(desk.fallbackCounts[.late] == before + 2)
            #expect(try await desk.catchUp() == 2)
            #expect(try await desk.catchUp() == 0)
            #expect(try await desk.audit().isEmpty)
            let count = try await desk.database.one(
                "select count(*) from fraud.decisions where ordre is null", as: Int.self)
            #expect(count == 0)
        }
    }

    @Test("many servers share the features: what they keep is what the batch engine computes")
    func concurrent() async throws {
        try await with { desk in
            await withTaskGroup(of: Void.self) { group in
                for worker in 0..<6 as Range<Int64> {
                    group.addTask {
                        for step in 0..<40 as Range<Int64> {
                            let number = worker * 1_000 + step
                            do {
                                _ = try await desk.decide(self.request(number, client: step % 5, terminal: worker % 3))
                                if step % 7 == 3 {
                                    try await desk.label(number, isFraud: true, source: .client, author: "client")
                                }
                            } catch {
                                Issue.record(error)
                            }
                        }
                    }
                }
            }
            let count = try await desk.database.one(
                "select count(*) from fraud.decisions where ordre is not null", as: Int.self)
            #expect(count == 240)
            #expect(try await desk.audit().isEmpty)
        }
    }

    @Test("a payment that is undone leaves no trace in the features")
    func sameTransaction() async throws {
        try await with { desk in
            _ = try await desk.decide(self.request(1))
            struct Undone: Error {}
            await #expect(throws: Undone.self) {
                try await desk.database.transaction { tx in
                    _ = try await desk.decide(self.request(2), in: tx)
                    throw Undone()
                }
            }
            #expect(try await desk.audit().isEmpty)
            #expect(try await desk.database.one("select count(*) from fraud.decisions", as: Int.self) == 1)
        }
    }

    @Test("the bank's own role may judge a payment in its transaction, and nobody else may")
    func roles() async throws {
        let plan = try plan()
        var patient = FraudSettings()
        patient.decisionMax = .seconds(30)
        patient.answerMax = .seconds(120)
        try await withTestDatabase(servedTemplate) { [patient] database in
            let desk = FraudDesk(database: database, plan: plan, trusted: [], settings: patient)
            try await desk.list("watch", entity: "customer", key: 7, reason: "?", author: "a", expiresInSeconds: nil)
            let decision = try await database.transaction { tx in
                try await tx.run("select set_config('role', 'service_role', true)")
                return try await desk.decide(self.request(1), in: tx)
            }
            #expect(decision.verdict == .review && decision.fallback == .noModel && decision.caseNumber != nil)
            try await database.transaction { blocker in
                try await blocker.run("lock table fraud.listes")
                var hasty = patient
                hasty.decisionMax = .milliseconds(150)
                let second = FraudDesk(database: database, plan: plan, trusted: [], settings: hasty)
                let late = try await database.transaction { tx in
                    try await tx.run("select set_config('role', 'service_role', true)")
                    return try await second.decide(self.request(2), in: tx)
                }
                #expect(late.fallback == .late)
            }
            #expect(try await desk.catchUp() == 1)
            #expect(try await desk.audit().isEmpty)
            for role in ["anon", "authenticated"] {
                await #expect(throws: PostgresError.self) {
                    try await database.transaction { tx in
                        try await tx.run("select set_config('role', \(role), true)")
                        return try await desk.decide(self.request(3), in: tx)
                    }
                }
            }
        }
    }

    @Test("alerts of one client are one case; above an amount two analysts close it, and it labels the payments")
    func cases() async throws {
        var settings = FraudSettings()
        settings.fourEyesMinor = 100_000
        try await with(settings: settings) { desk in
            try await desk.list("watch", entity: "customer", key: 7, reason: "?", author: "ana", expiresInSeconds: nil)
            let one = try await desk.decide(self.request(1))
            let two = try await desk.decide(self.request(2, minor: 200_000))
            let number = try #require(one.caseNumber)
            #expect(two.caseNumber == number)
            #expect(try await desk.cases(limit: 10).contains("\"alerts\":2"))
            try await desk.assign(number, to: "ana")
            try await desk.note(number, author: "ana", text: "called the client")
            #expect(try await desk.decide(case: number, isFraud: true, reason: "denied", analyst: "ana") == .proposed)
            let same = await #expect(throws: FraudError.self) {
                _ = try await desk.decide(case: number, isFraud: true, reason: "denied", analyst: "ana")
            }
            #expect(same?.code == "fraud_four_eyes")
            #expect(try await desk.decide(case: number, isFraud: true, reason: "agreed", analyst: "bob") == .closed)
            #expect(try await FraudStore(database: desk.database).labels().count == 2)
            let text = try #require(try await desk.caseText(number))
            #expect(text.contains("called the client") && text.contains("\"fraud\" : true"))
            #expect(try await desk.audit().isEmpty)
            let kinds = try await desk.database.all("select kind from evidence.entries", as: String.self)
            #expect(kinds.contains("fraude.dossier_clos") && kinds.contains("fraude.étiquette"))
        }
    }

    @Test(
        "models are added, tried, promoted and taken back, each with an entry in the journal",
        .enabled(if: Handbook.isThere))
    func registry() async throws {
        let trained = try Handbook.trained.get()
        let key = try Ed25519.PrivateKey()
        let first = try ModelFile.sign(trained.model, with: key)
        var changed = trained.model
        changed.policy.blockCost += 1
        let second = try ModelFile.sign(changed, with: key)
        try await withTestDatabase(fraudTemplate) { database in
            let desk = FraudDesk(database: database, plan: trained.plan, trusted: [key.publicKey])
            let one = try await desk.registry.add(first, actor: "ana")
            #expect(try await desk.registry.add(first, actor: "ana") == one)
            let two = try await desk.registry.add(second, actor: "ana")
            try await desk.reloadModels()
            #expect(desk.current.champion == nil)
            try await desk.registry.promote(one, actor: "ana")
            try await desk.registry.challenge(two, actor: "ana")
            try await desk.reloadModels()
            #expect(desk.current.champion?.id == one && desk.current.challenger?.id == two)
            try await desk.registry.promote(two, actor: "ana")
            #expect(try await desk.registry.rollback(actor: "ana") == one)
            try await desk.reloadModels()
            #expect(desk.current.champion?.id == one && desk.current.challenger == nil)
            await #expect(throws: FraudError.self) { try await desk.registry.add(Array(second.dropLast()), actor: "x") }
            await #expect(throws: FraudError.self) { try await desk.registry.promote(99, actor: "x") }
            // Somebody writes a damaged file past the registry: the model in service stays.
            let superuser = Database(
                try await TestCluster.configuration(
                    database: database.one("select current_database()::text", as: String.self)))
            try await superuser.run("update fraud.modeles set fichier = \(Array(first.dropLast())) where id = \(two)")
            try await superuser.run("select fraud.promouvoir(\(two))")
            await superuser.close()
            await #expect(throws: FraudError.self) { try await desk.reloadModels() }
            #expect(desk.current.champion?.id == one)
            let kinds = try await database.all("select kind from evidence.entries order by id", as: String.self)
            #expect(kinds.filter { $0.hasPrefix("fraude.modèle") }.count == 7)
        }
    }
}
