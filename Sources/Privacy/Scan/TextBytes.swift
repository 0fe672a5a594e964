/// A text as bytes, with reads that are total: outside of it stands a zero.
struct TextBytes {
    let bytes: [UInt8]
    var count: Int { bytes.count }

    subscript(index: Int) -> UInt8 { index >= 0 && index < bytes.count ? bytes[index] : 0 }

    static func isDigit(_ byte: UInt8) -> Bool { byte &- 48 < 10 }
    static func isLetter(_ byte: UInt8) -> Bool { (byte | 0x20) &- 97 < 26 }
    static func isWord(_ byte: UInt8) -> Bool { isDigit(byte) || isLetter(byte) || byte == 95 || byte >= 0x80 }

    static func isHex(_ byte: UInt8) -> Bool { isDigit(byte) || (byte | 0x20) &- 97 < 6 }

    /// `%3D` and its like, as addresses of the web write signs.
    func isEscape(at index: Int) -> Bool {
        self[index] == UInt8(ascii: "%") && Self.isHex(self[index + 1]) && Self.isHex(self[index + 2])
    }

    /// Where the sign before an international number begins, written as it is or as `%2B`; nil where there is none.
    func plus(before index: Int) -> Int? {
        if self[index - 1] == UInt8(ascii: "+") { return index - 1 }
        let isEscaped =
            isEscape(at: index - 3) && self[index - 2] == 0x32 && self[index - 1] | 0x20 == UInt8(ascii: "b")
        return isEscaped ? index - 3 : nil
    }

    /// Whether a word goes on here: what stands before is part of one, and not the end of an escape.
    func isInsideWord(_ index: Int) -> Bool { Self.isWord(self[index - 1]) && !isEscape(at: index - 3) }

    /// How many bytes a separator inside a number takes: a space of any kind or two, a dot, a hyphen; 0 for none.
    func separator(at index: Int) -> Int {
        switch self[index] {
        case 0x20 where self[index + 1] == 0x20: 2
        case 0x20, 0x2E, 0x2D: 1
        case 0xC2 where self[index + 1] == 0xA0: 2
        case 0xE2 where self[index + 1] == 0x80 && (self[index + 2] == 0xAF || self[index + 2] == 0x89): 3
        default: 0
        }
    }

    /// Whether one of `words` (lower case) stands within `reach` bytes before `index`.
    func holds(anyOf words: [StaticString], before index: Int, reach: Int) -> Bool {
        holds(anyOf: words, in: max(0, index - reach)..<index)
    }

    func holds(anyOf words: [StaticString], in range: Range<Int>) -> Bool {
        words.contains { word in
            let length = word.utf8CodeUnitCount
            guard range.count >= length else { return false }
            return word.withUTF8Buffer { wanted in
                (range.lowerBound...(range.upperBound - length)).contains { place in
                    (0..<length).allSatisfy { self[place + $0] | 0x20 == wanted[$0] | 0x20 }
                }
            }
        }
    }
}

/// Digits that belong together: groups with one separator between them.
struct DigitRun {
    struct Group {
        let start: Int
        let end: Int
        /// Index of its first digit among the run's.
        let first: Int
        var count: Int { end - start }
    }

    var groups: [Group] = []
    var digits: [UInt8] = []
    /// The separator's length and first byte after each group but the last.
    var separators: [UInt8] = []

    /// Reads the run that begins at `start`, a digit.
    init(_ text: TextBytes, at start: Int) {
        var index = start
        while true {
            let from = index
            let first = digits.count
            while TextBytes.isDigit(text[index]), digits.count < 64 {
                digits.append(text[index] - 48)
                index += 1
            }
            groups.append(Group(start: from, end: index, first: first))
            let gap = text.separator(at: index)
            guard gap > 0, TextBytes.isDigit(text[index + gap]), digits.count < 64 else { return }
            separators.append(text[index] == 0xC2 || text[index] == 0xE2 ? 0x20 : text[index])
            index += gap
        }
    }

    var end: Int { groups.last?.end ?? 0 }

    /// Whether groups of these sizes stand from group `index` on, with one kind of separator between them.
    func matches(_ sizes: [Int], at index: Int) -> Bool {
        guard index + sizes.count <= groups.count else { return false }
        for (offset, size) in sizes.enumerated() where groups[index + offset].count != size { return false }
        let between = separators[index..<(index + sizes.count - 1)]
        return between.allSatisfy { $0 == between.first }
    }

    func digits(_ index: Int, _ count: Int) -> ArraySlice<UInt8> {
        let first = groups[index].first
        let last = index + count - 1
        return digits[first..<(groups[last].first + groups[last].count)]
    }

    func range(_ index: Int, _ count: Int) -> Range<Int> { groups[index].start..<groups[index + count - 1].end }
}
