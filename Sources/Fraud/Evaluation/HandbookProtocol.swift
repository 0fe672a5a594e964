/// The handbook's protocol: train on days, leave the days whose labels are not yet known, test on a week.
public struct HandbookProtocol: Sendable {
    public var trainDays: Int
    public var labelDelaySeconds: Int64
    /// First day of each test week, in days since 1970.
    public var tests: [Int]
    public var columns: String
    public var parameters: TrainingParameters
    /// Share of frauds that clients tell of within a day; the model is trained as late as before.
    public var answerShare = 0.0

    public init(
        trainDays: Int, labelDelaySeconds: Int64, tests: [Int], columns: String, parameters: TrainingParameters
    ) {
        self.trainDays = trainDays
        self.labelDelaySeconds = labelDelaySeconds
        self.tests = tests
        self.columns = columns
        self.parameters = parameters
    }

    /// With labels after seven days nothing scores above this: a scorer that knows the rules the data were made by reaches
    /// 0.766 (docs/guides/fraud.md).
    public static let ceiling = 0.775

    /// Days since 1970 of a date such as 2018-08-08.
    public static func day(_ text: String) throws(FraudError) -> Int {
        guard let day = CivilTime.day(text) else { throw FraudError.request("\(text) is no date") }
        return day
    }

    /// Reads a command's words.
    public static func reading(
        trainDays: Int, labelDelay: String, tests: [String], columns: String, seed: Int
    ) throws(FraudError) -> HandbookProtocol {
        guard (1...120).contains(trainDays) else { throw FraudError.request("training takes 1 to 120 days") }
        guard let delay = Span.read(labelDelay), delay <= 30 * Span.day else {
            throw FraudError.request("\(labelDelay) is no delay of labels up to 30d, such as 7d or 1h")
        }
        var days: [Int] = []
        for test in tests { days.append(try day(test)) }
        let isHandbook = columns == "15" || columns == "handbook"
        guard isHandbook || columns == "own" else { throw FraudError.request("columns are 15 or own, not \(columns)") }
        var parameters: TrainingParameters = isHandbook ? .handbook : TrainingParameters()
        parameters.seed = seed
        return HandbookProtocol(
            trainDays: trainDays, labelDelaySeconds: delay / Span.second, tests: days,
            columns: isHandbook ? "handbook" : "own", parameters: parameters)
    }

    static let testDays = 7
    /// Test weeks leave out the clients known as defrauded by the handbook's own 7 training days and 7 days of delay,
    /// whatever the training: figures of different settings are then figures on the same rows.
    private static let knownDays = 7
    private static let knownDelay = 7

    /// Whole days between the last training day and the test: labels of the training days are all known.
    var gapDays: Int { Int((labelDelaySeconds + 86_399) / 86_400) }

    func trainRows(_ table: TransactionTable, test: Int) -> Range<Int> {
        table.rows(from: test - gapDays - trainDays, to: test - gapDays)
    }

    static func testRows(_ table: TransactionTable, test: Int) -> [Int] {
        let start = test - knownDelay - knownDays
        var defrauded: Set<Int64> = []
        func add(_ rows: Range<Int>) {
            for row in rows where table.isFraud[row] { defrauded.insert(table.customer[row]) }
        }
        add(table.rows(from: start, to: start + knownDays))
        var rows: [Int] = []
        for day in 0..<testDays {
            let known = start + knownDays + day - 1
            add(table.rows(from: known, to: known + 1))
            rows += table.rows(from: test + day, to: test + day + 1).filter { !defrauded.contains(table.customer[$0]) }
        }
        return rows
    }
}

/// What one test week gave.
public struct WeekResult: Sendable {
    public let test: Int
    public let trainRows: Int
    public let rows: Int
    public let frauds: Int
    public let auc: Double
    public let averagePrecision: Double
    public let cardPrecision: Double
    public let scores: [Float]
    public let labels: [Bool]

    /// The first day.
    public var name: String { CivilTime.text(day: test) }
}

public struct HandbookResult: Sendable {
    public let weeks: [WeekResult]
    /// Over the weeks' rows together.
    public let recallAtPrecision99: Double
    public let brier: Double

    public func mean(_ value: (WeekResult) -> Double) -> Double {
        weeks.isEmpty ? .nan : weeks.map(value).reduce(0, +) / Double(weeks.count)
    }

    /// With the number of weeks as divisor, as the handbook's tables have it.
    public func deviation(_ value: (WeekResult) -> Double) -> Double {
        let mean = mean(value)
        return self.mean { (value($0) - mean) * (value($0) - mean) }.squareRoot()
    }
}

extension HandbookProtocol {
    /// The columns that the test weeks and their training need.
    public func features(
        _ table: TransactionTable, definition: FeatureDefinition
    ) throws(FraudError) -> FeatureTable {
        let plan = try FeaturePlan(definition, set: columns, labelDelaySeconds: labelDelaySeconds)
        guard let first = tests.min(), let last = tests.max() else {
            throw FraudError.request("no test week is named")
        }
        let held = table.rows(from: first - gapDays - trainDays, to: last + Self.testDays)
        guard !held.isEmpty else { throw FraudError.data("the transactions", "they do not reach the test weeks") }
        let answers = answerShare > 0 ? (share: answerShare, after: Span.day) : nil
        return try FeatureTable(plan, over: table, held: held, answers: answers)
    }

    /// - Parameter trainLabel: what training is told of a row; the truth unless a test says otherwise.
    public func run(
        _ table: TransactionTable, features: FeatureTable, trainLabel: ((Int) -> Bool)? = nil
    ) throws(FraudError) -> HandbookResult {
        var weeks: [WeekResult] = []
        for test in tests.sorted() {
            weeks.append(try week(test, table, features, trainLabel))
        }
        let scores = weeks.flatMap(\.scores)
        let labels = weeks.flatMap(\.labels)
        return HandbookResult(
            weeks: weeks, recallAtPrecision99: Metrics.recall(atPrecision: 0.99, scores, labels),
            brier: Metrics.brier(scores, labels))
    }

    private func week(
        _ test: Int, _ table: TransactionTable, _ features: FeatureTable, _ trainLabel: ((Int) -> Bool)?
    ) throws(FraudError) -> WeekResult {
        let train = trainRows(table, test: test)
        let rows = Self.testRows(table, test: test)
        guard !train.isEmpty, !rows.isEmpty else {
            throw FraudError.data("the transactions", "no rows for the test of \(CivilTime.text(day: test))")
        }
        let told = train.map { Float((trainLabel?($0) ?? table.isFraud[$0]) ? 1 : 0) }
        let matrix = try TrainingMatrix(features.picking(train), labels: told, threads: Int32(parameters.threads))
        let booster = try Booster.train(matrix, parameters).booster
        let tested = features.picking(rows)
        let scores = UnseenTime(columns: features.plan.names, labelDelaySeconds: labelDelaySeconds)
            .adjusted(try booster.predict(TrainingMatrix(tested)), tested)
        let labels = rows.map { table.isFraud[$0] }
        return WeekResult(
            test: test, trainRows: train.count, rows: rows.count, frauds: labels.count { $0 },
            auc: Metrics.auc(scores, labels), averagePrecision: Metrics.averagePrecision(scores, labels),
            cardPrecision: Metrics.cardPrecision(
                top: 100, scores: scores, labels: labels, cards: rows.map { table.customer[$0] },
                days: rows.map { table.day($0) }),
            scores: scores, labels: labels)
    }
}
