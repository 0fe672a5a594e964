import Cryptography
import Foundation
import Postgres
import TestSupport
import Testing

@testable import Fraud

/// The control group, and what silence tells of payments; decisions without a model.
@Suite struct ControlGroupTests {
    private func with(
        settings: FraudSettings = FraudSettings(), bench: Bench = Bench(),
        _ body: @Sendable (FraudDesk) async throws -> Void
    ) async throws {
        let plan = try FeaturePlan(Handbook.definition(), set: "own")
        var patient = settings
        patient.decisionMax = .seconds(30)
        if patient.answerMax == .seconds(2) { patient.answerMax = .seconds(120) }
        try await withTestDatabase(fraudTemplate) { [patient] database in
            try await body(FraudDesk(database: database, plan: plan, trusted: [], settings: patient, bench: bench))
        }
    }

    private func request(_ number: Int64, minor: Int64 = 5_000, client: Int64 = 7, terminal: Int64 = 3, day: Int64 = 0)
        -> PaymentRequest
    {
        PaymentRequest(
            payment: number, key: "p\(number)", time: Span.day * (20_000 + day) + number * Span.hour, minor: minor,
            entities: ["customer": client, "terminal": terminal])
    }

    @Test("nobody chooses to be in the control group: a new key draws nothing again, and the draw is keyed")
    func draw() {
        var settings = FraudSettings()
        settings.controlPerMille = 100
        var other = settings
        other.controlKey = FraudSettings.newKey()
        let named = (0..<20_000 as Range<Int64>).map { ["customer": $0, "terminal": 3] }
        let drawn = named.filter { settings.isControl($0, day: 20_000, minor: 5_000) }
        #expect((1_600...2_400).contains(drawn.count), "\(drawn.count)")
        let again = drawn.count { other.isControl($0, day: 20_000, minor: 5_000) }
        let tomorrow = drawn.count { settings.isControl($0, day: 20_001, minor: 5_000) }
        #expect((50...400).contains(again) && (50...400).contains(tomorrow), "\(again) \(tomorrow)")
        #expect(!drawn.contains { settings.isControl($0, day: 20_000, minor: settings.controlMinorMax + 1) })
    }

    @Test("servers of one bank share the draw's secret")
    func secret() async throws {
        try await with { desk in
            let first = try await FraudDesk.controlKey(desk.database)
            let second = try await FraudDesk.controlKey(desk.database)
            #expect(first.count == 32 && first == second)
        }
    }

    @Test(
        "a payment is of the control group only where the model alone would hold it up",
        .enabled(if: Handbook.isThere))
    func modelAlone() throws {
        let trained = try Handbook.trained.get()
        var settings = FraudSettings()
        settings.controlMinorMax = .max
        let key = try Ed25519.PrivateKey()
        let scorer = try ModelFile.open(
            ModelFile.sign(trained.model, with: key), trusted: [key.publicKey], plan: trained.plan)
        let judge = Judge(bench: Bench(champion: (1, scorer)), settings: settings)
        let rows = trained.table.rows(from: trained.first + 33, to: trained.first + 54)
        let columns = rows.lazy.map { Array(trained.features.picking([$0]).values) }
        let held = try #require(
            columns.first { row in
                let verdict = scorer.model.policy.verdict(scorer.probability(row), minor: 5_000)
                return verdict != .allow && verdict < .block
            })
        let drawn = judge.opinion(held, minor: 5_000, lists: [], isDrawn: { true })
        #expect(drawn.isControl && drawn.verdict == .allow)
        let watched = judge.opinion(held, minor: 5_000, lists: ["watch"], isDrawn: { true })
        #expect(!watched.isControl && watched.verdict == .review)
        let allowed = judge.opinion(held, minor: 5_000, lists: ["allow"], isDrawn: { true })
        #expect(!allowed.isControl && allowed.verdict == .allow)
        let blocked = judge.opinion(held, minor: 5_000, lists: ["block"], isDrawn: { true })
        #expect(!blocked.isControl && blocked.verdict == .block)
    }

    @Test("silence tells of payments on which money moved, and of nothing else; the control group counts it too")
    func silence() async throws {
        try await with { desk in
            for (number, verdict, passed, isControl) in [
                (1, "allow", true, false), (2, "review", false, false), (3, "step-up", true, false),
                (4, "block", false, false), (5, "allow", true, true), (6, "review", false, false),
            ] as [(Int64, String, Bool, Bool)] {
                try await desk.database.run(
                    """
                    insert into fraud.decisions (paiement, cle, empreinte, horodatage, montant_minor, cles, probabilite,
                        verdict, colonnes, colonnes_version, passe, temoin, decide_le)
                    values (\(number), \(String(number)), '', \(20_000 * Span.day), 100, array[7], 0.5, \(verdict), '\\x00',
                        \(desk.version), \(passed), \(isControl), now() - interval '30 days')
                    """)
            }
            try await desk.label(6, isFraud: true, source: .client, author: "client 7")
            let store = ExampleStore(database: desk.database)
            let page = try await store.page(
                after: 0, version: desk.version, fromDay: 0, labelDelaySeconds: desk.plan.labelDelaySeconds, size: 10)
            #expect(page.rows.map(\.isFraud) == [false, false, false, true])
            try await desk.database.run(
                "insert into fraud.modeles (colonnes, fichier, empreinte, figures) values ('', '', 'm', '{}')")
            try await desk.database.run("update fraud.decisions set modele_id = (select id from fraud.modeles)")
            let model = try await desk.database.one("select id from fraud.modeles", as: Int64.self)
            let outcome = try await DriftStore(database: desk.database).outcome(
                model: model, labelDelaySeconds: desk.plan.labelDelaySeconds)
            #expect(outcome.promised == 2 && outcome.frauds == 1)
            let group = try await desk.controlGroup()
            #expect(group.judged == 1 && group.genuine == 1)
            // Of more decisions than are taken the newest stay.
            let rank = try await store.rank(before: 2, version: desk.version, fromDay: 0)
            let newest = try await store.page(
                after: rank, version: desk.version, fromDay: 0, labelDelaySeconds: 0, size: 10)
            #expect(newest.rows.count == 2)
            #expect(try await store.rank(before: 6, version: desk.version, fromDay: 0) == 0)
        }
    }

    @Test("a stopped payment never counts as known to be genuine by its age, in history and in service alike")
    func stoppedFeature() throws {
        let plan = try FeaturePlan(Handbook.definition(), columns: ["terminal_known_30d"])
        func run(stopping: Bool) throws -> [Float] {
            let engine = FeatureEngine(plan)
            let first = try request(1).event(plan)
            _ = engine.observe(first)
            if stopping { engine.stop(1, of: first.keys) }
            return engine.observe(try request(2, day: 20).event(plan))
        }
        let (moved, stopped) = (try run(stopping: false), try run(stopping: true))
        #expect(moved == [1] && stopped == [0], "\(moved) \(stopped)")
    }

    @Test("without a model that may be loaded rules and lists decide, each such decision is counted, and it is seen")
    func refusedChampion() async throws {
        try await with { desk in
            try await desk.database.run(
                """
                insert into fraud.modeles (colonnes, fichier, empreinte, figures, statut, promu_le)
                values ('', 'damaged', 'm', '{}', 'champion', now() - interval '1 hour')
                """)
            await #expect(throws: FraudError.self) { try await desk.reloadModels() }
            try await desk.list("block", entity: "terminal", key: 3, reason: "!", author: "ana", expiresInSeconds: nil)
            #expect(try await desk.decide(request(1)).verdict == .block)
            let second = try await desk.decide(request(2, terminal: 4))
            #expect(second.verdict == .allow && second.fallback == .noModel)
            #expect(desk.fallbackCounts[.noModel] == 2)
            let unused = try await desk.database.one(
                "select value from fraud.indicators where name = 'digitalbank_fraud_champion_unused'", as: Double.self)
            #expect(unused == 2)
        }
    }
}
