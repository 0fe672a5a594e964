/// First and last names that count as a person's when they stand together: the bank's own list. A last name may have several
/// words: `de La Fontaine`, `Le Goff`.
public struct NameList: Sendable {
    private let first: Set<String>
    private let last: Set<String>
    /// Words of the longest last name.
    let lastWordsMax: Int

    private static let wordsMax = 5

    public init(first: some Sequence<String>, last: some Sequence<String>) {
        self.first = Set(first.map(Self.folded))
        let last = Set(last.map(Self.folded))
        self.last = last
        let longest = last.map { name in name.utf8.reduce(1) { $0 + ($1 == 0x20 ? 1 : 0) } }.max() ?? 1
        lastWordsMax = min(longest, Self.wordsMax)
    }

    public static let empty = NameList(first: [], last: [])

    public var isEmpty: Bool { first.isEmpty && last.isEmpty }

    func isFirst(_ word: String) -> Bool {
        first.contains(word)
            || (word.contains("-") && word.split(separator: "-").allSatisfy { first.contains(String($0)) })
    }

    func isLast(_ word: String) -> Bool {
        last.contains(word)
            || (word.contains("-") && word.split(separator: "-").allSatisfy { last.contains(String($0)) })
    }

    /// Lower case without accents.
    static func folded(_ text: String) -> String {
        var out = ""
        for scalar in text.lowercased().decomposedScalars where !(0x300...0x36F).contains(scalar.value) {
            switch scalar {
            case "œ": out += "oe"
            case "æ": out += "ae"
            case "’": out += "'"
            default: out.unicodeScalars.append(scalar)
            }
        }
        return out
    }
}
