import Cryptography
import Foundation
import Testing

@testable import Fraud

@Suite(.enabled(if: Handbook.isThere)) struct ModelTests {
    /// The unseen week's rows again and again with holes, until there are enough.
    private func rows(_ count: Int) throws -> FeatureMatrix {
        let trained = try Handbook.trained.get()
        let unseen = trained.unseen
        var matrix = trained.features.picking((0..<count).map { unseen.lowerBound + $0 % unseen.count })
        var generator = SplitMix(state: 3)
        for row in 0..<matrix.rows where row % 10 == 0 {
            matrix.withRow(row) { values in
                for column in values.indices where generator.next() % 4 == 0 {
                    values[column] = generator.next() % 8 == 0 ? Float(generator.unit() * 1e9) : .nan
                }
            }
        }
        return matrix
    }

    @Test("our walker says of 100,000 rows what XGBoost says, to the last bit")
    func walkerIsExact() throws {
        let trained = try Handbook.trained.get()
        let matrix = try rows(100_000)
        let booster = try Booster.load(trained.model.trees)
        let forest = FlatForest(try TreeModel(json: trained.model.trees))
        let theirs = try booster.predict(TrainingMatrix(matrix), .margin)
        #expect(theirs.count == 100_000)
        let ours = (0..<matrix.rows).map { forest.margin(Array(matrix.row($0))) }
        #expect(zip(ours, theirs).allSatisfy { $0.bitPattern == $1.bitPattern })
        let probabilities = try booster.predict(TrainingMatrix(matrix))
        #expect(zip(forest.probabilities(matrix), probabilities).allSatisfy { $0.bitPattern == $1.bitPattern })
    }

    @Test("our reasons are XGBoost's SHAP values, and sum up to the score")
    func reasonsAreExact() throws {
        let trained = try Handbook.trained.get()
        let matrix = try rows(3_000)
        let booster = try Booster.load(trained.model.trees)
        let tables = try LeafTables(TreeModel(json: trained.model.trees))
        let theirs = try booster.predict(TrainingMatrix(matrix), .contributions)
        let margins = try booster.predict(TrainingMatrix(matrix), .margin)
        let width = matrix.columns + 1
        var worst: Float = 0
        for row in 0..<matrix.rows {
            let ours = tables.contributions(Array(matrix.row(row)))
            for column in ours.indices { worst = max(worst, abs(ours[column] - theirs[row * width + column])) }
            worst = max(worst, abs(Float(tables.expected) - theirs[row * width + width - 1]))
            let sum = ours.reduce(Float(tables.expected), +)
            worst = max(worst, abs(sum - margins[row]))
        }
        #expect(worst < 1e-4)
    }

    @Test("many threads score at once and all get the same")
    func threads() async throws {
        let trained = try Handbook.trained.get()
        let scorer = try Scorer(trained.model, plan: trained.plan)
        let matrix = try rows(5_000)
        let expected = scorer.probabilities(matrix)
        let wrong = await withTaskGroup(of: Int.self, returning: Int.self) { group in
            for _ in 0..<8 {
                group.addTask {
                    (0..<matrix.rows).count {
                        scorer.probability(Array(matrix.row($0))).bitPattern != expected[$0].bitPattern
                    }
                }
            }
            return await group.reduce(0, +)
        }
        #expect(wrong == 0)
    }

    @Test("the same data and seed give the same model; its figures are far above chance")
    func reproducible() throws {
        let trained = try Handbook.trained.get()
        let days = (trained.first + 33)..<(trained.first + 47)
        let again = try trained.trainer.train(trained.table, features: trained.features, days: days)
        #expect(again.trees == trained.model.trees)
        #expect(again.origin == trained.model.origin)
        #expect(
            again.references == trained.model.references || again.references.count == trained.model.references.count)
        #expect(trained.model.figures.averagePrecision > 0.5)
        let scorer = try Scorer(trained.model, plan: trained.plan)
        let labels = trained.unseen.map { trained.table.isFraud[$0] }
        let scores = scorer.probabilities(trained.features.picking(trained.unseen))
        #expect(Metrics.averagePrecision(scores, labels) > 0.5)
        let predicted = scores.reduce(0.0) { $0 + Double($1) }
        #expect((0.6...1.6).contains(predicted / Double(labels.count { $0 })), "\(predicted)")
    }

    @Test("models trained on shuffled labels score at chance")
    func chance() throws {
        let trained = try Handbook.trained.get()
        var generator = SplitMix(state: 11)
        let days = (trained.first + 33)..<(trained.first + 47)
        let labels = trained.unseen.map { trained.table.isFraud[$0] }
        let unseen = trained.features.picking(trained.unseen)
        var trainer = trained.trainer
        trainer.parameters.rounds = 25
        let areas = try (0..<6).map { _ in
            var shuffled = trained.table
            shuffled.isFraud.shuffle(using: &generator)
            let model = try trainer.train(shuffled, features: trained.features, days: days)
            return Metrics.auc(try Scorer(model, plan: trained.plan).rawProbabilities(unseen), labels)
        }
        let mean = areas.reduce(0, +) / 6
        #expect((0.35...0.65).contains(mean), "\(areas)")
    }

    @Test(
        "a model file is opened when it is whole, and refused when it is unsigned, damaged, foreign or of other features"
    )
    func files() throws {
        let trained = try Handbook.trained.get()
        let key = try Ed25519.PrivateKey()
        let bytes = try ModelFile.sign(trained.model, with: key)
        let scorer = try ModelFile.open(bytes, trusted: [key.publicKey], plan: trained.plan)
        let row = Array(trained.features.picking([trained.unseen.lowerBound]).values)
        let direct = try Scorer(trained.model, plan: trained.plan)
        #expect(scorer.probability(row).bitPattern == direct.probability(row).bitPattern)
        #expect(scorer.oddity(row).bitPattern == direct.oddity(row).bitPattern)
        func refused(_ bytes: [UInt8], _ words: String, plan: FeaturePlan? = nil, trusted: [Ed25519.PublicKey]? = nil) {
            let error = #expect(throws: FraudError.self) {
                _ = try ModelFile.open(bytes, trusted: trusted ?? [key.publicKey], plan: plan ?? trained.plan)
            }
            #expect(
                error?.code == "fraud_model_refused" && error?.message.contains(words) == true,
                "\(error?.message ?? "")")
        }
        refused([], "signature")
        refused(Array(bytes.dropFirst(40)), "sign")
        refused(Array(bytes.dropLast()), "signature is wrong")
        var flipped = bytes
        flipped[bytes.count / 2] ^= 1
        refused(flipped, "signature is wrong")
        refused(bytes, "not trusted", trusted: [try Ed25519.PrivateKey().publicKey])
        refused(bytes, "other features", plan: try FeaturePlan(Handbook.definition(), set: "handbook"))
        refused(
            bytes, "other features", plan: try FeaturePlan(Handbook.definition(), set: "own", labelDelaySeconds: 60))
        // As XGBoost 3.1 writes it: 1.7 loads that without an error.
        var foreign = trained.model
        let text = String(decoding: foreign.trees, as: UTF8.self)
        foreign.trees = Array(
            text.replacingOccurrences(of: "\"base_score\":\"5E-1\"", with: "\"base_score\":\"[5E-1]\"").utf8)
        #expect(foreign.trees != trained.model.trees)
        refused(try ModelFile.sign(foreign, with: key), "another version")
        var other = trained.model
        other.references[0].margin += 0.001
        refused(try ModelFile.sign(other, with: key), "reproduce")
    }

    @Test("the calibration rises, and a probability is what happens")
    func calibration() throws {
        let scores: [Float] = (0..<1_000).map { Float($0) / 1_000 }
        var generator = SplitMix(state: 5)
        let labels = scores.map { generator.unit() < Double($0 * $0) }
        let fitted = Isotonic(fitting: scores, labels)
        #expect(fitted.shares == fitted.shares.sorted() && fitted.scores == fitted.scores.sorted())
        for score in [0.2, 0.5, 0.8] as [Float] { #expect(abs(fitted.probability(score) - score * score) < 0.12) }
        #expect(fitted.probability(-1) == fitted.shares.first)
        #expect(fitted.probability(2) == fitted.shares.last)
        #expect(Isotonic(fitting: [], []).probability(0.3) == 0.3)
    }

    @Test("what nothing speaks against is ordered by the time unseen, one row as many, and nothing else is touched")
    func unseenTime() throws {
        let trained = try Handbook.trained.get()
        let matrix = try rows(2_000)
        let scorer = try Scorer(trained.model, plan: trained.plan)
        let plain = try Booster.load(trained.model.trees).predict(TrainingMatrix(matrix))
        let raw = scorer.rawProbabilities(matrix)
        let whole = scorer.probabilities(matrix)
        let place = try #require(trained.plan.names.firstIndex(of: UnseenTime.column))
        for row in 0..<matrix.rows {
            let values = Array(matrix.row(row))
            #expect(scorer.probability(values).bitPattern == whole[row].bitPattern)
            if plain[row] >= UnseenTime.limit {
                #expect(raw[row].bitPattern == plain[row].bitPattern)
            } else {
                let days = values[place].isNaN ? 28 : min(max(values[place], 7), 28)
                let odds = Double(plain[row]) / (1 - Double(plain[row])) * Double(days) / 7
                #expect(abs(Double(raw[row]) / (odds / (1 + odds)) - 1) < 1e-4, "\(plain[row]) \(raw[row]) \(days)")
            }
        }
        let none = UnseenTime(columns: ["amount"], labelDelaySeconds: 604_800)
        #expect(none.adjusted(0.001) { _ in 20 } == 0.001)
    }

    @Test("the forest without labels puts frauds before chance")
    func isolation() throws {
        let trained = try Handbook.trained.get()
        let scorer = try Scorer(trained.model, plan: trained.plan)
        let labels = trained.unseen.map { trained.table.isFraud[$0] }
        let scores = trained.unseen.map { scorer.oddity(Array(trained.features.picking([$0]).values)) }
        #expect(scores.allSatisfy { (0...1).contains($0) })
        #expect(Metrics.auc(scores, labels) > 0.6, "\(Metrics.auc(scores, labels))")
    }
}
