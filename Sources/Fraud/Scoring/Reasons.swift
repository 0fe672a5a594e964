/// Why a payment scored high, in the words of `features.yml`.
public struct Reason: Sendable, Hashable {
    public let column: String
    /// As log odds: what the column added to the score.
    public let contribution: Float
    /// Not a number when the payment has no such value.
    public let value: Float
    public let french: String
    public let english: String
}

public enum Reasons {
    /// The columns that raised the score most, the first first.
    public static func top(
        _ count: Int, row: [Float], contributions: [Float], columns: [FeatureDefinition.Column]
    ) -> [Reason] {
        guard row.count == columns.count, contributions.count == columns.count else { return [] }
        return contributions.indices.filter { contributions[$0] > 0.01 && !row[$0].isNaN }
            .sorted { (contributions[$0], $1) > (contributions[$1], $0) }.prefix(count).map { index in
                let column = columns[index]
                return Reason(
                    column: column.name, contribution: contributions[index], value: row[index],
                    french: sentence(column.french, number(row[index], comma: ",")),
                    english: sentence(column.english, number(row[index], comma: ".")))
            }
    }

    private static func sentence(_ pattern: String, _ value: String) -> String {
        guard let place = pattern.firstRange(of: "{}") else { return pattern }
        return pattern.replacingCharacters(in: place, with: value)
    }

    /// Whole numbers as they are, others with two digits.
    static func number(_ value: Float, comma: String) -> String {
        guard value.isFinite, abs(value) < 1e12 else { return "?" }
        let hundredths = Int64((Double(value) * 100).rounded())
        let (whole, rest) = (abs(hundredths) / 100, abs(hundredths) % 100)
        let sign = hundredths < 0 ? "-" : ""
        if rest == 0 { return "\(sign)\(whole)" }
        return "\(sign)\(whole)\(comma)\(rest < 10 ? "0" : "")\(rest)"
    }
}

extension String {
    fileprivate func replacingCharacters(in range: Range<String.Index>, with text: String) -> String {
        String(self[..<range.lowerBound]) + text + String(self[range.upperBound...])
    }
}
