internal import Foundation

/// Verification of payee: whether the name on an order is the account holder's (Regulation (EU) 2024/886, article 5c).
///
/// Accents, case, hyphens, order of the words and titles do not count. Initials, missing first names and slips of the pen
/// make a close match: the payer is told the holder's name with all but the first letters masked.
public enum NameCheck: Hashable, Sendable {
    case match
    case closeMatch(proposed: String)
    case noMatch
    /// The account is at another bank, or its holder's name can not be read.
    case notApplicable

    /// - Parameters:
    ///   - given: as the payer wrote it.
    ///   - firstNames: the holder's, as the bank keeps them.
    ///   - lastName: the holder's.
    public init(given: String, firstNames: String?, lastName: String?) {
        let last = Self.words(lastName ?? "")
        let first = Self.words(firstNames ?? "")
        guard !last.isEmpty || !first.isEmpty else {
            self = .notApplicable
            return
        }
        let proposed = Self.masked([firstNames, lastName].compactMap { $0 }.joined(separator: " "))
        var words = Self.words(given)
        // A leading M. is a title or an initial: both readings are tried.
        var readings = [words.filter { !Self.titles.contains($0) }]
        if words.first == "m" {
            words.removeFirst()
            readings.append(words.filter { !Self.titles.contains($0) })
        }
        let results = readings.map { Self.compare($0, first, last) }
        if results.contains(.same) {
            self = .match
        } else if results.contains(.near) {
            self = .closeMatch(proposed: proposed)
        } else {
            self = .noMatch
        }
    }

    private enum Likeness { case same, near, other }

    private static let titles: Set<String> = [
        "mr", "mme", "mlle", "monsieur", "madame", "mademoiselle", "dr", "docteur", "pr", "prof", "professeur", "me",
        "maitre", "mrs", "ms", "miss",
    ]

    private static func compare(_ given: [String], _ first: [String], _ last: [String]) -> Likeness {
        guard !given.isEmpty, given.count <= 20 else { return .other }
        let holder = first + last
        if given.sorted() == holder.sorted() { return .same }
        if given.joined() == holder.joined() || given.joined() == (last + first).joined() { return .same }
        // Near: the last name is there, at most with a slip, and whatever else was given is one of the holder's first
        // names, an initial or a slip of one.
        var rest = given
        for word in last {
            guard let place = rest.firstIndex(of: word) ?? rest.firstIndex(where: { isSlip($0, word) }) else {
                return .other
            }
            rest.remove(at: place)
        }
        var unused = first
        for word in rest {
            guard
                let place = unused.firstIndex(of: word)
                    ?? unused.firstIndex(where: { word.count == 1 && $0.hasPrefix(word) })
                    ?? unused.firstIndex(where: { isSlip(word, $0) })
            else { return .other }
            unused.remove(at: place)
        }
        return .near
    }

    /// One letter too many, missing, other or swapped with its neighbour; two from eight letters on. Short words have none.
    private static func isSlip(_ one: String, _ other: String) -> Bool {
        let most = min(one.count, other.count)
        guard most >= 4, one.count <= 60, other.count <= 60 else { return false }
        return distance(Array(one), Array(other)) <= (most >= 8 ? 2 : 1)
    }

    /// Edits between two words, a swap of neighbours counting as one.
    private static func distance(_ one: [Character], _ other: [Character]) -> Int {
        var before = [Int](repeating: 0, count: other.count + 1)
        var last = Array(0...other.count)
        for i in 1...max(1, one.count) where i <= one.count {
            var row = [i] + [Int](repeating: 0, count: other.count)
            for j in 1...max(1, other.count) where j <= other.count {
                let cost = one[i - 1] == other[j - 1] ? 0 : 1
                row[j] = min(last[j] + 1, row[j - 1] + 1, last[j - 1] + cost)
                if i > 1, j > 1, one[i - 1] == other[j - 2], one[i - 2] == other[j - 1] {
                    row[j] = min(row[j], before[j - 2] + 1)
                }
            }
            (before, last) = (last, row)
        }
        return last[other.count]
    }

    /// Lower case, without accents, split at whatever is no letter.
    static func words(_ text: String) -> [String] {
        var words: [String] = []
        var word = ""
        for scalar in text.lowercased().decomposedStringWithCanonicalMapping.unicodeScalars {
            switch scalar {
            case "œ": word += "oe"
            case "æ": word += "ae"
            case "ß": word += "ss"
            case "ø": word += "o"
            case "ł": word += "l"
            default:
                if scalar.properties.generalCategory == .nonspacingMark { continue }
                if scalar.properties.isAlphabetic || ("0"..."9").contains(scalar) {
                    word.unicodeScalars.append(scalar)
                } else if !word.isEmpty {
                    words.append(word)
                    word = ""
                }
            }
        }
        return word.isEmpty ? words : words + [word]
    }

    /// `Jean-Paul Dupont` is `J***-P*** D*****`.
    static func masked(_ name: String) -> String {
        var isStart = true
        return String(
            name.map { character in
                guard character.isLetter else {
                    isStart = true
                    return character
                }
                defer { isStart = false }
                return isStart ? character : "*"
            })
    }
}
