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
            if byte == UInt8(ascii: "@"), let hit = email(text, at: index),
                hit.range.lowerBound >= (hits.last?.range.upperBound ?? 0)
            {
                hits.append(hit)
                index = hit.range.upperBound
            } else if TextBytes.isLetter(byte), !TextBytes.isWord(text[index - 1]), let hit = iban(text, at: index) {
                hits.append(hit)
                index = hit.range.upperBound
            } else if TextBytes.isDigit(byte) || (byte == UInt8(ascii: "+") && TextBytes.isDigit(text[index + 1])) {
                index = numbers(text, at: index, into: &hits)
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
        let hasPlus = text[start] == UInt8(ascii: "+")
        let before = text[start - 1]
        // A digit inside a word, a decimal or a hash is no beginning.
        if let end = foreign(text, at: start, before: before, hasPlus: hasPlus) { return end }
        if let hit = corsican(text, at: start) {
            hits.append(hit)
            return hit.range.upperBound
        }
        let run = DigitRun(text, at: hasPlus ? start + 1 : start)
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

    private func foreign(_ text: TextBytes, at start: Int, before: UInt8, hasPlus: Bool) -> Int? {
        let isInside = TextBytes.isWord(before) && !(before == UInt8(ascii: "_"))
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
        [1, 12, 2], [5, 5, 5], [3, 4, 3, 3, 2],
    ]
    private static let siretShapes: [[Int]] = [[14], [3, 3, 3, 5], [9, 5]]
    private static let companyWords: [StaticString] = ["siren", "rcs", "siret", "tva", "immatricul"]

    private func number(_ text: TextBytes, _ run: DigitRun, at group: Int, hasPlus: Bool) -> (PersonalHit, Int)? {
        if let (hit, taken) = phone(text, run, at: group, hasPlus: hasPlus) { return (hit, taken) }
        guard !hasPlus else { return nil }
        for shape in Self.nirShapes where run.matches(shape, at: group) && isClosed(text, run, group, shape.count) {
            if NumberRules.isNIR(run.digits(group, shape.count)) {
                return (PersonalHit(.nir, run.range(group, shape.count)), shape.count)
            }
        }
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
            if NumberRules.isSIREN(run.digits(group, shape.count)),
                text.holds(anyOf: Self.companyWords, before: run.groups[group].start, reach: 24)
            {
                return (PersonalHit(.siren, run.range(group, shape.count)), shape.count)
            }
        }
        return nil
    }

    /// No letter, digit or decimal goes on behind the number.
    private func isClosed(_ text: TextBytes, _ run: DigitRun, _ group: Int, _ count: Int) -> Bool {
        let end = run.groups[group + count - 1].end
        return !TextBytes.isWord(text[end]) || text[end] == UInt8(ascii: "_")
    }

    private func phone(_ text: TextBytes, _ run: DigitRun, at group: Int, hasPlus: Bool) -> (PersonalHit, Int)? {
        let start = run.groups[group].start
        // +33 6 12 34 56 78, 0033612345678
        let prefix = run.digits(group, 1)
        let isAbroad = hasPlus ? prefix.starts(with: [3, 3]) : prefix.starts(with: [0, 0, 3, 3])
        if isAbroad {
            let dropped = hasPlus ? 2 : 4
            var taken = 1
            while group + taken <= run.groups.count {
                let digits = run.digits(group, taken).dropFirst(dropped)
                if digits.count == 9 || (digits.count == 10 && digits.first == 0) {
                    let significant = digits.first == 0 ? digits.dropFirst() : digits
                    guard significant.first != 0, isClosed(text, run, group, taken) else { return nil }
                    return (
                        PersonalHit(.phone, (hasPlus ? start - 1 : start)..<run.groups[group + taken - 1].end), taken
                    )
                }
                guard digits.count < 10, group + taken < run.groups.count else { break }
                taken += 1
            }
            return bracketed(text, run, at: group, hasPlus: hasPlus)
        }
        for shape in [[10], [2, 2, 2, 2, 2], [4, 2, 2, 2], [4, 3, 3], [1, 3, 3, 3]]
        where run.matches(shape, at: group) && isClosed(text, run, group, shape.count) {
            let digits = run.digits(group, shape.count)
            guard digits.first == 0, let second = digits.dropFirst().first, second != 0 else { continue }
            // Without separators an account or order number may look the same: at least it must not be all of one digit.
            return (PersonalHit(.phone, run.range(group, shape.count)), shape.count)
        }
        return nil
    }

    /// `+33 (0)6 12 34 56 78`
    private func bracketed(_ text: TextBytes, _ run: DigitRun, at group: Int, hasPlus: Bool) -> (PersonalHit, Int)? {
        guard hasPlus, group == 0, run.groups.count == 1, run.groups[0].count == 2 else { return nil }
        var index = run.end
        if text.separator(at: index) > 0 { index += text.separator(at: index) }
        guard text[index] == UInt8(ascii: "("), text[index + 1] == 48, text[index + 2] == UInt8(ascii: ")") else {
            return nil
        }
        index += 3
        if text.separator(at: index) > 0 { index += text.separator(at: index) }
        guard TextBytes.isDigit(text[index]) else { return nil }
        let rest = DigitRun(text, at: index)
        var taken = 1
        while taken <= rest.groups.count, rest.digits(0, taken).count < 9 { taken += 1 }
        guard taken <= rest.groups.count, rest.digits(0, taken).count == 9 else { return nil }
        return (PersonalHit(.phone, (run.groups[0].start - 1)..<rest.groups[taken - 1].end), 1)
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
            } else if digits.count == 6, digits[5] == 2, byte == UInt8(ascii: "A") || byte == UInt8(ascii: "B") {
                hasLetter = true
                digits[5] = 1
                digits.append(byte == UInt8(ascii: "A") ? 9 : 8)
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

    // MARK: letters

    private func iban(_ text: TextBytes, at start: Int) -> PersonalHit? {
        guard TextBytes.isLetter(text[start + 1]), TextBytes.isDigit(text[start + 2]),
            TextBytes.isDigit(text[start + 3])
        else { return nil }
        let country = String(decoding: [text[start] & 0xDF, text[start + 1] & 0xDF], as: UTF8.self)
        guard let length = NumberRules.ibanLengths[country] else { return nil }
        var compact: [UInt8] = []
        var index = start
        while compact.count < length {
            let byte = text[index]
            if TextBytes.isDigit(byte) {
                compact.append(byte)
            } else if TextBytes.isLetter(byte) {
                compact.append(byte & 0xDF)
            } else {
                let gap = text.separator(at: index)
                guard gap > 0, byte != UInt8(ascii: "."), TextBytes.isWord(text[index + gap]) else { return nil }
                index += gap
                continue
            }
            index += 1
        }
        guard !TextBytes.isWord(text[index]), NumberRules.isIBAN(compact) else { return nil }
        return PersonalHit(.iban, start..<index)
    }

    private static func isMailByte(_ byte: UInt8) -> Bool {
        TextBytes.isWord(byte) || [46, 43, 45, 37, 39].contains(byte)
    }

    private func email(_ text: TextBytes, at sign: Int) -> PersonalHit? {
        var start = sign
        while start > 0, Self.isMailByte(text[start - 1]), sign - start < 64 { start -= 1 }
        while start < sign, [46, 45, 39, 37].contains(text[start]) { start += 1 }
        var end = sign + 1
        while TextBytes.isDigit(text[end]) || TextBytes.isLetter(text[end]) || text[end] == 45 || text[end] == 46 {
            end += 1
        }
        while end > sign, text[end - 1] == 46 || text[end - 1] == 45 { end -= 1 }
        guard start < sign, end > sign + 3 else { return nil }
        let labels = text.bytes[(sign + 1)..<end].split(separator: 46, omittingEmptySubsequences: false)
        guard labels.count >= 2, labels.allSatisfy({ !$0.isEmpty && $0.count <= 63 }), let top = labels.last,
            (2...24).contains(top.count), top.allSatisfy(TextBytes.isLetter)
        else { return nil }
        return PersonalHit(.email, start..<end)
    }
}
