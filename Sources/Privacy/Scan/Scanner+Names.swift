extension PersonalScanner {
    private struct Word {
        let range: Range<Int>
        let folded: String
        let isCapital: Bool
    }

    private static let titles: Set<String> = [
        "m", "mr", "mme", "mlle", "monsieur", "madame", "mademoiselle", "me", "dr",
    ]

    /// A first name beside a last name, or a title before a last name; words of a list that are also common words count only
    /// when they begin with a capital, particles of a last name apart.
    func addNames(_ text: TextBytes, _ hits: inout [PersonalHit]) {
        let taken = hits
        let words = words(of: text).filter { word in !taken.contains { $0.range.overlaps(word.range) } }
        var found: [PersonalHit] = []
        var index = 0
        while index < words.count {
            guard let (range, next) = name(text, words, at: index) else {
                index += 1
                continue
            }
            found.append(PersonalHit(.name, range))
            index = next
        }
        hits = (hits + found).sorted { $0.range.lowerBound < $1.range.lowerBound }
    }

    /// The name that begins at a word, and the word behind it.
    private func name(_ text: TextBytes, _ words: [Word], at index: Int) -> (Range<Int>, Int)? {
        let start = words[index].range.lowerBound
        func range(from: Int, to end: Int) -> (Range<Int>, Int) { (from..<words[end - 1].range.upperBound, end) }
        let one = words[index]
        if one.isCapital, list.isFirst(one.folded), isBeside(text, words, index + 1) {
            if let end = lastName(text, words, from: index + 1) { return range(from: start, to: end) }
            // Two first names.
            if words[index + 1].isCapital, list.isFirst(words[index + 1].folded), isBeside(text, words, index + 2),
                let end = lastName(text, words, from: index + 2)
            {
                return range(from: start, to: end)
            }
        }
        if let end = lastName(text, words, from: index), isBeside(text, words, end), words[end].isCapital,
            list.isFirst(words[end].folded)
        {
            return range(from: start, to: end + 1)
        }
        if one.isCapital, Self.titles.contains(one.folded), isBeside(text, words, index + 1),
            let end = lastName(text, words, from: index + 1)
        {
            // `Mme Martin Sophie`: the pair behind the title is taken as a whole.
            let isFollowed = isBeside(text, words, end) && words[end].isCapital && list.isFirst(words[end].folded)
            return isFollowed ? nil : range(from: words[index + 1].range.lowerBound, to: end)
        }
        return nil
    }

    /// Behind the last word of the longest last name that begins at a word; nil where none does.
    private func lastName(_ text: TextBytes, _ words: [Word], from index: Int) -> Int? {
        var phrase = ""
        var found: Int?
        var hasCapital = false
        for count in 1...max(1, list.lastWordsMax) {
            let place = index + count - 1
            guard place < words.count, count == 1 || isBeside(text, words, place) else { break }
            phrase += (count == 1 ? "" : " ") + words[place].folded
            hasCapital = hasCapital || words[place].isCapital
            if hasCapital, list.isLast(phrase) { found = place + 1 }
        }
        return found
    }

    /// Whether there is a word, and it stands beside the one before.
    private func isBeside(_ text: TextBytes, _ words: [Word], _ index: Int) -> Bool {
        index < words.count && isBeside(text, words[index - 1], words[index])
    }

    /// One space, or the point of an abbreviated title and a space, or a separator of data between them.
    private func isBeside(_ text: TextBytes, _ one: Word, _ two: Word) -> Bool {
        let gap = text.bytes[one.range.upperBound..<two.range.lowerBound]
        switch gap.count {
        case 1: return [0x20, 0x2E, 0x5F, 0x2B, 0x3B, 0x2C].contains(gap[gap.startIndex])
        case 2:
            return gap.elementsEqual([0x2E, 0x20]) || gap.elementsEqual([0x2C, 0x20])
                || gap.elementsEqual([0x20, 0x20]) || gap.elementsEqual([0xC2, 0xA0])
        case 3: return gap.elementsEqual([0x25, 0x32, 0x30])
        default: return false
        }
    }

    private func words(of text: TextBytes) -> [Word] {
        var words: [Word] = []
        var index = 0
        while index < text.count {
            guard isNameByte(text, index) else {
                index += 1
                continue
            }
            let start = index
            while isNameByte(text, index) || (isJoint(text[index]) && isNameByte(text, index + 1)) { index += 1 }
            let slice = text.bytes[start..<index]
            let raw = String(decoding: slice, as: UTF8.self)
            // `d'Ormesson` has its capital behind the joint.
            let parts = raw.unicodeScalars.split { $0 == "-" || $0 == "'" }
            let isCapital = parts.contains { $0.first?.properties.isUppercase ?? false }
            words.append(Word(range: start..<index, folded: NameList.folded(raw), isCapital: isCapital))
        }
        return words
    }

    private func isJoint(_ byte: UInt8) -> Bool { byte == 0x2D || byte == 0x27 }

    /// Letters, accented ones too; not the spaces that take two or three bytes.
    private func isNameByte(_ text: TextBytes, _ index: Int) -> Bool {
        let byte = text[index]
        if TextBytes.isLetter(byte) { return true }
        guard byte >= 0x80 else { return false }
        if byte == 0xC2 || byte == 0xE2 { return false }
        if text[index - 1] == 0xC2, byte < 0xC0 { return false }
        if text[index - 1] == 0xE2 || (text[index - 2] == 0xE2 && byte < 0xC0) { return false }
        return true
    }
}
