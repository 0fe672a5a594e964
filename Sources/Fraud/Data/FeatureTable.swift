/// The columns of a history as they stood at each payment: the batch engine walked over all of it.
public struct FeatureTable: Sendable {
    public let plan: FeaturePlan
    /// Rows of the transaction table that are held.
    public let held: Range<Int>
    public let matrix: FeatureMatrix

    /// - Parameters:
    ///   - held: the rows whose columns are kept; all rows before them are walked over.
    ///   - answers: what clients say at once: the share of frauds that is known so early, and when, in microseconds.
    ///   - known: the label that is given out for a row when the delay has passed; the table's own unless a test says otherwise.
    public init(
        _ plan: FeaturePlan, over table: TransactionTable, held: Range<Int>,
        answers: (share: Double, after: Int64)? = nil, known: ((Int) -> Bool)? = nil
    ) throws(FraudError) {
        let places = try KeyPlaces(plan)
        self.plan = plan
        self.held = held
        let engine = FeatureEngine(plan)
        var matrix = FeatureMatrix(rows: held.count, columns: plan.columns.count)
        var scratch = [Float](repeating: .nan, count: plan.columns.count)
        var labelled = 0
        var answered = 0
        for row in 0..<held.upperBound {
            let now = table.time[row]
            while let answers, answered < row, table.time[answered] + answers.after <= now {
                if table.isFraud[answered], Self.answers(table.id[answered], answers.share) {
                    let past = table.event(answered, places)
                    engine.learn(PaymentLabel(payment: past.id, isFraud: true), of: past.keys)
                }
                answered += 1
            }
            while labelled < row, table.time[labelled] + plan.labelDelay <= now {
                if known?(labelled) ?? table.isFraud[labelled] {
                    let past = table.event(labelled, places)
                    engine.learn(PaymentLabel(payment: past.id, isFraud: true), of: past.keys)
                }
                labelled += 1
            }
            let event = table.event(row, places)
            if held.contains(row) {
                matrix.withRow(row - held.lowerBound) { engine.observe(event, into: $0) }
            } else {
                scratch.withUnsafeMutableBufferPointer { engine.observe(event, into: $0) }
            }
        }
        self.matrix = matrix
    }

    /// By the payment's number alone.
    private static func answers(_ payment: Int64, _ share: Double) -> Bool {
        var generator = SplitMix(state: UInt64(bitPattern: payment) ^ 0xA5)
        return generator.unit() < share
    }

    /// Columns of a row of the transaction table.
    public func picking(_ rows: some Collection<Int>) -> FeatureMatrix {
        matrix.picking(rows.map { $0 - held.lowerBound })
    }
}
