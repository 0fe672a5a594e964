import Foundation
import TestSupport
import Testing

@testable import Fraud

@Suite(.enabled(if: Handbook.isThere)) struct EvaluationTests {
    private func request(_ delay: String) throws -> HandbookProtocol {
        try HandbookProtocol.reading(
            trainDays: 28, labelDelay: delay, tests: ["2018-08-08", "2018-08-15", "2018-08-22"], columns: "own",
            seed: 42)
    }

    @Test("the test weeks are the handbook's own rows")
    func rows() throws {
        let table = try Handbook.whole.get()
        let rows = HandbookProtocol.testRows(table, test: try HandbookProtocol.day("2018-08-08"))
        #expect(rows.count == 58_264)
        #expect(rows.count { table.isFraud[$0] } == 385)
        let train = try HandbookProtocol.reading(
            trainDays: 7, labelDelay: "7d", tests: ["2018-08-08"], columns: "15", seed: 1
        ).trainRows(table, test: try HandbookProtocol.day("2018-08-08"))
        #expect(train.count == 67_240)
        #expect(train.count { table.isFraud[$0] } == 598)
    }

    @Test("metrics are those of their definitions")
    func metrics() {
        let scores: [Float] = [0.9, 0.8, 0.8, 0.3, 0.1]
        let labels = [true, false, true, false, true]
        #expect(abs(Metrics.auc(scores, labels) - 3.5 / 6) < 1e-12)
        #expect(abs(Metrics.averagePrecision(scores, labels) - (1 + 2.0 / 3 + 3.0 / 5) / 3) < 1e-12)
        #expect(abs(Metrics.recall(atPrecision: 0.99, scores, labels) - 1.0 / 3) < 1e-12)
        let cards = Metrics.cardPrecision(
            top: 1, scores: scores, labels: labels, cards: [1, 2, 1, 2, 3], days: [0, 0, 1, 1, 1])
        // Card 1 is found on day 0 and leaves; on day 1 card 2 is first and genuine.
        #expect(cards == 0.5)
    }

    @Test("words that make no sense are refused", arguments: ["7y", "", "40d", "-1d"])
    func badRequests(delay: String) {
        #expect(throws: FraudError.self) { _ = try request(delay) }
    }

    @Test("the protocol's figures hold, and stay below what the information allows", .enabled(if: isLongRun))
    func figures() throws {
        let table = try Handbook.whole.get()
        let week = try request("7d")
        let result = try week.run(table, features: week.features(table, definition: Handbook.definition()))
        let precision = result.mean(\.averagePrecision)
        #expect(precision >= 0.755 && precision <= HandbookProtocol.ceiling, "\(precision)")
        #expect(result.weeks[0].averagePrecision >= 0.765)
        #expect(result.mean(\.auc) >= 0.885, "\(result.mean(\.auc))")
        #expect(result.mean(\.cardPrecision) >= 0.305)
        #expect(result.recallAtPrecision99 >= 0.62)
        let day = try request("1d")
        let fast = try day.run(table, features: day.features(table, definition: Handbook.definition()))
        #expect(fast.mean(\.averagePrecision) >= 0.92)
    }
}
