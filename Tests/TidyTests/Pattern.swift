import Foundation

/// A regular expression, compiled once.
struct Pattern: @unchecked Sendable {
    // SAFETY: NSRegularExpression is immutable and documented as thread safe.
    private let expression: NSRegularExpression?

    /// A pattern of ours that does not compile matches everything, so that its rule fails and somebody looks.
    init(_ text: String) { expression = try? NSRegularExpression(pattern: text) }

    func matches(_ text: String) -> Bool {
        guard let expression else { return true }
        return expression.firstMatch(in: text, range: NSRange(location: 0, length: text.utf16.count)) != nil
    }

    /// The first group of each match and where the match begins, in bytes.
    func captures(in text: String) -> [(group: String, offset: Int)] {
        let all = expression?.matches(in: text, range: NSRange(location: 0, length: text.utf16.count)) ?? []
        return all.compactMap { match in
            guard let group = Range(match.range(at: 1), in: text), let whole = Range(match.range, in: text) else {
                return nil
            }
            return (String(text[group]), text.utf8.distance(from: text.startIndex, to: whole.lowerBound))
        }
    }

    /// The line of each match, counted from 1.
    func lines(in text: String) -> [Int] {
        guard let expression else { return [1] }
        let places = expression.matches(in: text, range: NSRange(location: 0, length: text.utf16.count)).map(
            \.range.location)
        guard !places.isEmpty else { return [] }
        let newlines = text.utf16.enumerated().filter { $0.element == 10 }.map(\.offset)
        return places.map { place in 1 + newlines.count { $0 < place } }
    }
}
