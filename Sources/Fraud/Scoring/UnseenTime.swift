/// Orders the payments that nothing speaks against. Trees can not: what is left there is the chance that the terminal was
/// compromised since its last payment that is known to be honest, and that grows with the time since then, as any chance of
/// so much a day does. Their odds are multiplied by that time, in units of the label delay.
///
/// On the weeks that settings were chosen on (2018-06-27, 07-04, 07-11) it raised the area under the curve and left average
/// precision as it was: docs/guides/fraud.md has the figures.
struct UnseenTime: Sendable {
    static let column = "terminal_since_genuine"
    /// Log odds of -4.5: above it something speaks against the payment.
    static let limit: Float = 0.010_986_943
    /// A compromise that lasts longer shows.
    private static let daysMax: Float = 28

    private let place: Int?
    private let delayDays: Float

    /// - Parameter columns: without the terminal's column nothing is changed.
    init(columns: [String], labelDelaySeconds: Int64) {
        place = columns.firstIndex(of: Self.column)
        delayDays = min(max(Float(labelDelaySeconds) / 86_400, 1), Self.daysMax)
    }

    /// - Parameter row: its columns, by place.
    func adjusted(_ probability: Float, _ row: (Int) -> Float) -> Float {
        guard let place, probability < Self.limit else { return probability }
        let days = row(place)
        // Never known to be honest is as long as can be.
        let time = days.isNaN ? Self.daysMax : min(max(days, delayDays), Self.daysMax)
        let odds = probability / (1 - probability) * (time / delayDays)
        return odds / (1 + odds)
    }

    func adjusted(_ probabilities: [Float], _ matrix: FeatureMatrix) -> [Float] {
        guard place != nil else { return probabilities }
        return matrix.values.withUnsafeBufferPointer { values in
            probabilities.enumerated().map { index, probability in
                adjusted(probability) { values[index * matrix.columns + $0] }
            }
        }
    }
}
