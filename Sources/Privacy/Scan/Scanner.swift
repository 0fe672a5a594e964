/// Finds personal data in free text: log lines, labels, JSON. One pass over the bytes; a number counts only when its check
/// digits are right and its shape is one that people write.
public struct PersonalScanner: Sendable {
    let list: NameList

    public init(names: NameList = .empty) { list = names }

    public func scan(_ text: String) -> [PersonalHit] { scan(Array(text.utf8)) }

    /// Hits in order; none lies within another.
    public func scan(_ bytes: [UInt8]) -> [PersonalHit] {
        let text = TextBytes(bytes: bytes)
        var hits: [PersonalHit] = []
        var index = 0
        while index < text.count {
            let byte = text[index]
            if let width = Self.atSign(text, index), let hit = email(text, at: index, width: width),
                hit.range.lowerBound >= (hits.last?.range.upperBound ?? 0)
            {
                hits.append(hit)
                index = hit.range.upperBound
            } else if TextBytes.isLetter(byte), !text.isInsideWord(index),
                let hit = iban(text, at: index) ?? vat(text, at: index)
            {
                hits.append(hit)
                index = hit.range.upperBound
            } else if TextBytes.isDigit(byte) {
                index = numbers(text, at: index, into: &hits)
            } else if text.isEscape(at: index) {
                // Its digits are none of a number's.
                index += 3
            } else {
                index += 1
            }
        }
        if !list.isEmpty { addNames(text, &hits) }
        return hits
    }

    // MARK: numbers

    /// Looks at the digits that begin here; returns where reading goes on.
    private func numbers(_ text: TextBytes, at start: Int, into hits: inout [PersonalHit]) -> Int {
        let hasPlus = text.plus(before: start) != nil
        // A digit inside a word, a decimal or a hash is no beginning.
        if let end = foreign(text, at: start, hasPlus: hasPlus) { return end }
        if let hit = corsican(text, at: start) ?? rib(text, at: start) ?? slashed(text, at: start) {
            hits.append(hit)
            return hit.range.upperBound
        }
        let run = DigitRun(text, at: start)
        var group = 0
        while group < run.groups.count {
            guard let (hit, taken) = number(text, run, at: group, hasPlus: hasPlus && group == 0) else {
                group += 1
                continue
            }
            hits.append(hit)
            group += taken
        }
        return max(run.end, start + 1)
    }

    private func foreign(_ text: TextBytes, at start: Int, hasPlus: Bool) -> Int? {
        let isInside = text.isInsideWord(start) && text[start - 1] != UInt8(ascii: "_")
        guard isInside, !hasPlus else { return nil }
        var index = start
        while TextBytes.isDigit(text[index]) { index += 1 }
        return max(index, start + 1)
    }

    private static let cardShapes: [[Int]] = [
        [16], [4, 4, 4, 4], [15], [4, 6, 5], [14], [4, 6, 4], [13], [19], [4, 4, 4, 4, 3],
    ]
    private static let nirShapes: [[Int]] = [
        [15], [13, 2], [1, 2, 2, 2, 3, 3, 2], [1, 2, 2, 5, 3, 2], [1, 2, 2, 2, 6, 2], [1, 4, 2, 3, 3, 2],
        [1, 12, 2], [5, 5, 5], [3, 4, 3, 3, 2], [1, 2, 2, 3, 2, 3, 2],
    ]
    private static let siretShapes: [[Int]] = [[14], [3, 3, 3, 5], [9, 5]]
    private static let companyWords: [StaticString] = ["siren", "rcs", "siret", "tva", "immatricul"]
    private static let wordsBehind: [StaticString] = ["rcs ", "r.c.s"]

    private func number(_ text: TextBytes, _ run: DigitRun, at group: Int, hasPlus: Bool) -> (PersonalHit, Int)? {
        // `0.4970101234567890` is a fraction, whatever its digits: nobody writes a point before a whole number.
        if group > 0, run.separators[group - 1] == UInt8(ascii: "."), run.groups[group].count >= 9 { return nil }
        if let (hit, taken) = phone(text, run, at: group, hasPlus: hasPlus) { return (hit, taken) }
        guard !hasPlus else { return nil }
        for shape in Self.nirShapes where run.matches(shape, at: group) && isClosed(text, run, group, shape.count) {
            if NumberRules.isNIR(run.digits(group, shape.count)) {
                return (PersonalHit(.nir, run.range(group, shape.count)), shape.count)
            }
        }
        if let apart = keyApart(text, run, at: group) { return apart }
        for shape in Self.siretShapes where run.matches(shape, at: group) && isClosed(text, run, group, shape.count) {
            if NumberRules.isSIRET(run.digits(group, shape.count)) {
                return (PersonalHit(.siret, run.range(group, shape.count)), shape.count)
            }
        }
        for shape in Self.cardShapes where run.matches(shape, at: group) && isClosed(text, run, group, shape.count) {
            if NumberRules.isCard(run.digits(group, shape.count)) {
                return (PersonalHit(.card, run.range(group, shape.count)), shape.count)
            }
        }
        for shape in [[9], [3, 3, 3]] where run.matches(shape, at: group) && isClosed(text, run, group, shape.count) {
            // One in ten numbers has such a check digit: a word must say what it is.
            let range = run.range(group, shape.count)
            if NumberRules.isSIREN(run.digits(group, shape.count)),
                text.holds(anyOf: Self.companyWords, before: range.lowerBound, reach: 24)
                    || text.holds(anyOf: Self.wordsBehind, in: range.upperBound..<min(text.count, range.upperBound + 8))
            {
                return (PersonalHit(.siren, run.range(group, shape.count)), shape.count)
            }
        }
        return nil
    }

    /// No letter, digit or decimal goes on behind the number.
    func isClosed(_ text: TextBytes, _ run: DigitRun, _ group: Int, _ count: Int) -> Bool {
        let end = run.groups[group + count - 1].end
        return !TextBytes.isWord(text[end]) || text[end] == UInt8(ascii: "_")
    }

    /// A social security number whose key stands apart: `1 85 05 78 006 084 (91)`.
    private func keyApart(_ text: TextBytes, _ run: DigitRun, at group: Int) -> (PersonalHit, Int)? {
        for shape in [[13], [1, 2, 2, 2, 3, 3], [1, 12]] where run.matches(shape, at: group) {
            let range = run.range(group, shape.count)
            let bracket = range.upperBound + text.separator(at: range.upperBound)
            let key = [text[bracket + 1], text[bracket + 2]]
            guard text[bracket] == UInt8(ascii: "("), key.allSatisfy(TextBytes.isDigit),
                text[bracket + 3] == UInt8(ascii: ")"),
                NumberRules.isNIR((Array(run.digits(group, shape.count)) + key.map { $0 - 48 })[...])
            else { continue }
            return (PersonalHit(.nir, range.lowerBound..<(bracket + 3)), shape.count)
        }
        return nil
    }

    /// `06/12/34/56/78` and `1/85/05/78/006/084/91`, where a date has three parts.
    private func slashed(_ text: TextBytes, at start: Int) -> PersonalHit? {
        guard text[start - 1] != UInt8(ascii: "/") else { return nil }
        func digits(_ sizes: [Int]) -> (digits: [UInt8], end: Int)? {
            var (found, index): ([UInt8], Int) = ([], start)
            for (place, size) in sizes.enumerated() {
                if place > 0 {
                    guard text[index] == UInt8(ascii: "/") else { return nil }
                    index += 1
                }
                for _ in 0..<size {
                    guard TextBytes.isDigit(text[index]) else { return nil }
                    found.append(text[index] - 48)
                    index += 1
                }
            }
            return TextBytes.isWord(text[index]) || text[index] == UInt8(ascii: "/") ? nil : (found, index)
        }
        if let phone = digits([2, 2, 2, 2, 2]), phone.digits[0] == 0, phone.digits[1] != 0 {
            return PersonalHit(.phone, start..<phone.end)
        }
        if let nir = digits([1, 2, 2, 2, 3, 3, 2]), NumberRules.isNIR(nir.digits[...]) {
            return PersonalHit(.nir, start..<nir.end)
        }
        return nil
    }

    /// A social security number of Corsica: `2 85 05 2A 004 012 12`.
    private func corsican(_ text: TextBytes, at start: Int) -> PersonalHit? {
        var digits: [UInt8] = []
        var index = start
        var hasLetter = false
        while digits.count < 15 {
            let byte = text[index]
            if TextBytes.isDigit(byte) {
                digits.append(byte - 48)
            } else if digits.count == 6, digits[5] == 2, [UInt8(ascii: "a"), UInt8(ascii: "b")].contains(byte | 0x20) {
                hasLetter = true
                digits[5] = 1
                digits.append(byte | 0x20 == UInt8(ascii: "a") ? 9 : 8)
            } else if text.separator(at: index) > 0, TextBytes.isWord(text[index - 1]) {
                index += text.separator(at: index)
                continue
            } else {
                return nil
            }
            index += 1
            if digits.count >= 7, !hasLetter { return nil }
        }
        guard hasLetter, !TextBytes.isWord(text[index]), NumberRules.isNIR(digits[...]) else { return nil }
        return PersonalHit(.nir, start..<index)
    }

    // MARK: mail

    private static func isMailByte(_ byte: UInt8) -> Bool {
        TextBytes.isWord(byte) || [46, 43, 45, 37, 39].contains(byte)
    }

    /// How many bytes the sign between name and domain takes here, as it is or as an escape; nil where there is none.
    private static func atSign(_ text: TextBytes, _ index: Int) -> Int? {
        if text[index] == UInt8(ascii: "@") { return 1 }
        return text.isEscape(at: index) && text[index + 1] == UInt8(ascii: "4") && text[index + 2] == UInt8(ascii: "0")
            ? 3 : nil
    }

    private func email(_ text: TextBytes, at sign: Int, width: Int) -> PersonalHit? {
        // `jean @ exemple.fr`
        let gap = width == 1 && text[sign - 1] == 0x20 && text[sign + 1] == 0x20 ? 1 : 0
        let sign = sign - gap
        let width = width + 2 * gap
        var start = sign
        while start > 0, Self.isMailByte(text[start - 1]), sign - start < 64, !text.isEscape(at: start - 3) {
            start -= 1
        }
        while start < sign, [46, 45, 39, 37].contains(text[start]) { start += 1 }
        let first = sign + width
        var end = first
        while TextBytes.isWord(text[end]) && text[end] != 95 || text[end] == 45 || text[end] == 46 {
            end += 1
        }
        while end > first, text[end - 1] == 46 || text[end - 1] == 45 { end -= 1 }
        guard start < sign, end > first + 2 else { return nil }
        let labels = text.bytes[first..<end].split(separator: 46, omittingEmptySubsequences: false)
        guard labels.count >= 2, labels.allSatisfy({ !$0.isEmpty && $0.count <= 63 }), let top = labels.last,
            (2...24).contains(top.count), top.allSatisfy(TextBytes.isLetter)
        else { return nil }
        return PersonalHit(.email, start..<end)
    }
}
