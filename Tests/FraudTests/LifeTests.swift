import Cryptography
import Evidence
import Foundation
import Migrations
import Postgres
import TestSupport
import Testing

@testable import Fraud

/// From the first day without labels to drift and retraining.
@Suite struct LifeTests {
    private func plan() throws -> FeaturePlan { try FeaturePlan(Handbook.definition(), set: "own") }

    /// Ninety days of 60 clients with habits of their own, as a restored bank keeps them.
    private func remember(_ database: Database) async throws {
        for statement in [
            "create table public.comptes (id bigint primary key, type text not null)",
            """
            create table public.transactions (id bigint primary key, booked_at timestamptz not null,
                montant_minor bigint not null, compte_debit_id bigint not null, compte_credit_id bigint not null,
                contrepartie_index bytea)
            """,
            "insert into public.comptes select n, 'courant' from generate_series(1, 60) n",
            "insert into public.comptes values (1000, 'interne')",
            """
            insert into public.transactions
            select n, timestamptz '2026-01-01' + n * interval '18 minutes', 500 + (n % 60) * 100 + (n * 7919) % 900,
                1 + n % 60, 1000, decode(lpad(to_hex(1 + (n * 31) % 40), 64, '0'), 'hex')
            from generate_series(1, 7200) n
            """,
            "insert into public.transactions values (9000, '2026-03-01', 100, 1000, 1, null)",
        ] as [Statement] {
            try await database.run(statement)
        }
    }

    private func with(_ body: @Sendable (FraudDesk, Ed25519.PrivateKey) async throws -> Void) async throws {
        let plan = try plan()
        var settings = FraudSettings()
        settings.decisionMax = .seconds(30)
        settings.answerMax = .seconds(120)
        settings.controlPerMille = 0
        try await withTestDatabase(fraudTemplate) { [settings] database in
            let key = try Ed25519.PrivateKey()
            let desk = FraudDesk(database: database, plan: plan, trusted: [key.publicKey], settings: settings)
            try await body(desk, key)
        }
    }

    private func request(_ number: Int64, minor: Int64, client: Int64 = 7) -> PaymentRequest {
        PaymentRequest(
            payment: number, key: "p\(number)", time: 1_775_100_000_000_000 + number * Span.hour, minor: minor,
            entities: ["customer": client, "terminal": 5])
    }

    @Test(
        "a bank without labels is scored from its history, asks for proofs of odd payments only, and can be recomputed")
    func dayOne() async throws {
        try await with { desk, key in
            #expect(try await DayOne(desk: desk, key: key).begin() == nil, "no bank, no history")
            try await remember(desk.database)
            // The desk judges before the history is read: that client goes on from both.
            _ = try await desk.decide(request(0, minor: 1_400))
            let id = try #require(try await DayOne(desk: desk, key: key).begin())
            #expect(desk.current.champion?.id == id)
            #expect(desk.current.champion?.scorer.model.isUnsupervised == true)
            #expect(try await DayOne(desk: desk, key: key).begin() == nil, "once only")
            #expect(try await desk.audit().isEmpty)
            let states = try await FraudStore(database: desk.database).states()
            let client = try #require(states.first { $0.name == "customer" && $0.key == 7 })
            let halfLives = desk.plan.entities[desk.plan.habitSlot].halfLives.count
            let known = try #require(EntityState.decode(client.bytes, halfLives: halfLives))
            #expect(known.count > 20 && known.items.last?.id == 0, "\(known.count)")
            let usual = try await desk.decide(request(1, minor: 1_500))
            #expect(usual.verdict == .allow && usual.model == id && usual.fallback == nil)
            let odd = try await desk.decide(request(2, minor: 900_000))
            #expect(odd.verdict == .stepUp && odd.caseNumber != nil && !odd.reasons.isEmpty, "\(odd)")
            #expect(odd.reasons.contains { $0.column.hasPrefix("amount") })
            #expect(odd.rulesVersion == "none")
            #expect(try await desk.audit().isEmpty)
            let figures = try await desk.database.all("select name from fraud.indicators", as: String.self)
            #expect(figures.contains("digitalbank_fraud_model_unsupervised"))
            let kinds = try await desk.database.all("select kind from evidence.entries", as: String.self)
            #expect(kinds.contains("fraude.premier_jour") && kinds.contains("fraude.modèle_promu"))
        }
    }

    @Test("the forest holds and refuses nobody, and asks no more than its share for a proof")
    func oddityPolicy() throws {
        let plan = try plan()
        var generator = SplitMix(state: 9)
        var matrix = FeatureMatrix(rows: 4_000, columns: plan.columns.count)
        for row in 0..<matrix.rows {
            matrix.withRow(row) { for column in $0.indices { $0[column] = Float(generator.unit() + generator.unit()) } }
        }
        let minors = (0..<4_000).map { _ in Int64(generator.next() % 300_000) }
        let model = try OddityTrainer().train(matrix, minors: minors, plan: plan, from: 0, to: 30)
        let key = try Ed25519.PrivateKey()
        let scorer = try ModelFile.open(
            ModelFile.sign(model, with: key), trusted: [key.publicKey], plan: plan)
        let verdicts = (0..<4_000).map { row in
            scorer.model.policy.verdict(scorer.probability(Array(matrix.row(row))), minor: minors[row])
        }
        #expect(verdicts.allSatisfy { $0 <= .stepUp })
        #expect((1...20).contains(verdicts.count { $0 == .stepUp }), "\(verdicts.count { $0 == .stepUp })")
        var far = [Float](repeating: 1, count: plan.columns.count)
        far[0] = 60
        let parts = scorer.contributions(far)
        #expect(parts.indices.max { parts[$0] < parts[$1] } == 0)
        let error = #expect(throws: FraudError.self) {
            _ = try OddityTrainer().train(
                FeatureMatrix(rows: 3, columns: plan.columns.count), minors: [1, 2, 3], plan: plan, from: 0, to: 1)
        }
        #expect(error?.code == "fraud_history_too_short")
    }

    @Test("of many servers one does the work, and again only when its time has come")
    func leases() async throws {
        try await with { desk, _ in
            let monitor = DriftMonitor(desk: desk)
            #expect(try await monitor.turn(.retraining, holder: "a", everySeconds: 3_600))
            #expect(try await !monitor.turn(.retraining, holder: "b", everySeconds: 3_600))
            try await monitor.done(.retraining, holder: "b", result: "stolen")
            #expect(try await !monitor.turn(.retraining, holder: "b", everySeconds: 3_600))
            try await monitor.done(.retraining, holder: "a", result: nil)
            #expect(try await monitor.turn(.retraining, holder: "b", everySeconds: 3_600), "given back undone")
            try await monitor.done(.retraining, holder: "b", result: "done")
            #expect(try await !monitor.turn(.retraining, holder: "a", everySeconds: 3_600), "done within the hour")
            #expect(try await monitor.turn(.retraining, holder: "a", everySeconds: 0))
        }
    }

    /// Decisions of three weeks with their columns, as they would stand after their labels are known.
    private func decide(_ desk: FraudDesk, _ trained: Handbook.Trained, model: Int64?) async throws {
        let rows = trained.table.rows(from: trained.first + 33, to: trained.first + 54)
        let kept = rows.filter { trained.table.isFraud[$0] || $0 % 12 == 0 }
        for start in stride(from: 0, to: kept.count, by: 2_000) {
            let part = Array(kept[start..<min(start + 2_000, kept.count)])
            let columns = part.map { FraudDesk.bytes(Array(trained.features.picking([$0]).values)).hex }
            try await desk.database.run(
                """
                insert into fraud.decisions (paiement, cle, empreinte, horodatage, montant_minor, cles, modele_id,
                    probabilite, verdict, colonnes, colonnes_version, decide_le)
                select p, p::text, '', t, m, array[1], \(model), 0.01, 'allow', decode(c, 'hex'), \(desk.version),
                    now() - interval '30 days'
                from unnest(\(SQLArray(part.map { trained.table.id[$0] }))::bigint[],
                    \(SQLArray(part.map { trained.table.time[$0] }))::bigint[],
                    \(SQLArray(part.map { trained.table.minor[$0] }))::bigint[], \(SQLArray(columns))::text[]) u (p, t, m, c)
                """)
        }
        try await desk.database.run(
            """
            insert into fraud.etiquettes (paiement, fraude, source, auteur)
            select p, true, 'client', 'client'
            from unnest(\(SQLArray(kept.filter { trained.table.isFraud[$0] }.map { trained.table.id[$0] }))::bigint[]) u (p)
            """)
    }

    @Test(
        "the bank's own decisions train a candidate that challenges, drift is measured, and a worse one stays out",
        .enabled(if: Handbook.isThere))
    func retraining() async throws {
        let trained = try Handbook.trained.get()
        try await with { desk, key in
            #expect(try await Retraining(desk: desk, key: key).run() == nil, "nothing was decided yet")
            let champion = try await desk.registry.add(ModelFile.sign(trained.model, with: key), actor: "test")
            try await desk.registry.promote(champion, actor: "test")
            try await desk.reloadModels()
            try await decide(desk, trained, model: champion)
            #expect(try await DriftMonitor(desk: desk).measure() == 10_000)
            let figures = try await desk.database.run("select name, value from fraud.indicators").map {
                (try $0.decode(0, as: String.self), try $0.decode(1, as: Double.self))
            }
            #expect(figures.count { $0.0 == "digitalbank_fraud_column_drift" } == desk.plan.columns.count)
            // Frauds are far more frequent here than the scores of 0.01 promise.
            let ratio = figures.first { $0.0 == "digitalbank_fraud_calibration_ratio" }?.1 ?? 0
            #expect(ratio > 2, "\(ratio)")
            let trainer = ModelTrainer(
                parameters: TrainingParameters(rounds: 60, learningRate: 0.1, bins: 256, patience: 15),
                validationDays: 3)
            let outcome = try #require(try await Retraining(desk: desk, key: key, trainer: trainer).run())
            #expect(outcome.frauds >= ModelGate.fraudsMin && outcome.champion != nil, "\(outcome)")
            #expect((outcome.model != nil) == (outcome.candidate >= outcome.champion ?? 0))
            if let model = outcome.model {
                try await desk.reloadModels()
                #expect(desk.current.challenger?.id == model)
            }
            // One that learned next to nothing is not let in.
            var poor = trainer
            poor.parameters.rounds = 1
            poor.parameters.depth = 1
            let other = try #require(try await Retraining(desk: desk, key: key, trainer: poor).run())
            #expect(other.model == nil && other.candidate < other.champion ?? 0, "\(other)")
        }
    }
}
