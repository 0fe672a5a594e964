extension PersonalScanner {
    private struct Word {
        let range: Range<Int>
        let folded: String
        let isCapital: Bool
    }

    private static let titles: Set<String> = [
        "m", "mr", "mme", "mlle", "monsieur", "madame", "mademoiselle", "me", "dr",
    ]

    /// A first name beside a last name, or a title before a last name; two words of a list that are also common words
    /// count only when both begin with a capital.
    func addNames(_ text: TextBytes, _ hits: inout [PersonalHit]) {
        let taken = hits
        let words = words(of: text).filter { word in !taken.contains { $0.range.overlaps(word.range) } }
        var found: [PersonalHit] = []
        var index = 0
        while index + 1 < words.count {
            let (one, two) = (words[index], words[index + 1])
            guard isBeside(text, one, two), one.isCapital, two.isCapital else {
                index += 1
                continue
            }
            if list.isFirst(one.folded),
                list.isLast(two.folded) || list.isFirst(two.folded) && isLastNext(text, words, index + 2)
            {
                let end = list.isLast(two.folded) ? index + 1 : index + 2
                found.append(PersonalHit(.name, one.range.lowerBound..<words[end].range.upperBound))
                index = end + 1
            } else if list.isLast(one.folded), list.isFirst(two.folded) {
                found.append(PersonalHit(.name, one.range.lowerBound..<two.range.upperBound))
                index += 2
            } else if Self.titles.contains(one.folded), list.isLast(two.folded),
                !isFollowedByName(text, words, index + 2)
            {
                found.append(PersonalHit(.name, two.range))
                index += 2
            } else {
                index += 1
            }
        }
        hits = (hits + found).sorted { $0.range.lowerBound < $1.range.lowerBound }
    }

    private func isLastNext(_ text: TextBytes, _ words: [Word], _ index: Int) -> Bool {
        index < words.count && words[index].isCapital && isBeside(text, words[index - 1], words[index])
            && list.isLast(words[index].folded)
    }

    /// `Mme Martin Sophie`: the pair behind the title is taken as a whole.
    private func isFollowedByName(_ text: TextBytes, _ words: [Word], _ index: Int) -> Bool {
        index < words.count && words[index].isCapital && isBeside(text, words[index - 1], words[index])
            && list.isFirst(words[index].folded)
    }

    /// One space, or the point of an abbreviated title and a space, or a separator of data between them.
    private func isBeside(_ text: TextBytes, _ one: Word, _ two: Word) -> Bool {
        let gap = text.bytes[one.range.upperBound..<two.range.lowerBound]
        switch gap.count {
        case 1: return [0x20, 0x2E, 0x5F, 0x2B, 0x3B, 0x2C].contains(gap[gap.startIndex])
        case 2:
            return gap.elementsEqual([0x2E, 0x20]) || gap.elementsEqual([0x2C, 0x20])
                || gap.elementsEqual([0xC2, 0xA0])
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
            let isCapital = raw.unicodeScalars.first?.properties.isUppercase ?? false
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
