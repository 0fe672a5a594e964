internal import Foundation
internal import Fraud
internal import Web

/// Runs a public protocol over public data and says how good the model is.
public enum FraudEvaluation {
    public struct Report: Sendable {
        public let lines: [String]
        public let json: String
    }

    public struct Request: Sendable {
        public var folder: String
        public var trainDays: Int
        public var labelDelay: String
        public var tests: [String]
        public var columns: String
        public var seed: Int
        /// Share of frauds that clients tell of within a day.
        public var answers = 0.0

        public init(folder: String, trainDays: Int, labelDelay: String, tests: [String], columns: String, seed: Int) {
            self.folder = folder
            self.trainDays = trainDays
            self.labelDelay = labelDelay
            self.tests = tests
            self.columns = columns
            self.seed = seed
        }
    }

    public static func handbook(_ request: Request) throws -> Report {
        var work = try HandbookProtocol.reading(
            trainDays: request.trainDays, labelDelay: request.labelDelay, tests: request.tests,
            columns: request.columns, seed: request.seed)
        work.answerShare = request.answers
        let table = try HandbookReader.read(folder: request.folder)
        let result = try work.run(table, features: work.features(table, definition: .shipped()))
        return Report(lines: lines(request, result), json: json(request, result))
    }

    private static func lines(_ request: Request, _ result: HandbookResult) -> [String] {
        func row(_ name: String, _ values: [Double]) -> String {
            name.padding(toLength: 12, withPad: " ", startingAt: 0)
                + values.map { String(format: "%9.4f", $0) }.joined()
        }
        var lines = [
            "columns \(request.columns), \(request.trainDays) training days, labels after \(request.labelDelay)",
            "week              AUC       AP   CP@100   rows  frauds  training rows",
        ]
        for week in result.weeks {
            lines.append(
                row(week.name, [week.auc, week.averagePrecision, week.cardPrecision])
                    + String(format: "%7d%8d%15d", week.rows, week.frauds, week.trainRows))
        }
        let figures: [(WeekResult) -> Double] = [{ $0.auc }, { $0.averagePrecision }, { $0.cardPrecision }]
        lines.append(row("mean", figures.map(result.mean)))
        lines.append(row("deviation", figures.map(result.deviation)))
        lines.append(
            String(
                format: "recall at precision 0.99: %.4f   Brier score: %.5f", result.recallAtPrecision99, result.brier))
        if result.mean({ $0.averagePrecision }) > HandbookProtocol.ceiling, request.labelDelay == "7d",
            request.answers == 0
        {
            lines.append("the average precision is above what this information allows: look for a leak")
        }
        return lines
    }

    private static func json(_ request: Request, _ result: HandbookResult) -> String {
        func number(_ value: Double) -> JSON { .number(String(format: "%.6f", value)) }
        func figures(_ value: ((WeekResult) -> Double) -> Double) -> JSON {
            [
                "auc": number(value { $0.auc }), "average_precision": number(value { $0.averagePrecision }),
                "card_precision_100": number(value { $0.cardPrecision }),
            ]
        }
        let weeks: [JSON] = result.weeks.map { week in
            [
                "test": .string(week.name), "auc": number(week.auc),
                "average_precision": number(week.averagePrecision), "card_precision_100": number(week.cardPrecision),
                "rows": .integer(week.rows), "frauds": .integer(week.frauds), "training_rows": .integer(week.trainRows),
            ]
        }
        let report: JSON = [
            "protocol": "handbook", "columns": .string(request.columns), "train_days": .integer(request.trainDays),
            "label_delay": .string(request.labelDelay), "seed": .integer(request.seed), "weeks": .array(weeks),
            "mean": figures(result.mean), "deviation": figures(result.deviation),
            "recall_at_precision_99": number(result.recallAtPrecision99), "brier": number(result.brier),
        ]
        return report.text
    }
}
