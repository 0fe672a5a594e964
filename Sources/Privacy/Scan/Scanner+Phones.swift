extension PersonalScanner {
    /// A telephone number from group `group` on, and how many groups it takes.
    func phone(_ text: TextBytes, _ run: DigitRun, at group: Int, hasPlus: Bool) -> (PersonalHit, Int)? {
        // +33 6 12 34 56 78, 0033612345678
        let prefix = run.digits(group, 1)
        let isFrench = hasPlus ? prefix.starts(with: [3, 3]) : prefix.starts(with: [0, 0, 3, 3])
        if isFrench { return french(text, run, at: group, hasPlus: hasPlus) }
        if hasPlus { return abroad(text, run, at: group) }
        for shape in [[10], [2, 2, 2, 2, 2], [4, 2, 2, 2], [4, 3, 3], [1, 3, 3, 3]]
        where run.matches(shape, at: group) && isClosed(text, run, group, shape.count) {
            let digits = run.digits(group, shape.count)
            guard digits.first == 0, let second = digits.dropFirst().first, second != 0 else { continue }
            // Without separators an account or order number may look the same: at least it must not be all of one digit.
            return (PersonalHit(.phone, run.range(group, shape.count)), shape.count)
        }
        return nil
    }

    private func french(_ text: TextBytes, _ run: DigitRun, at group: Int, hasPlus: Bool) -> (PersonalHit, Int)? {
        let start = run.groups[group].start
        let dropped = hasPlus ? 2 : 4
        var taken = 1
        while group + taken <= run.groups.count {
            let digits = run.digits(group, taken).dropFirst(dropped)
            if digits.count == 9 || (digits.count == 10 && digits.first == 0) {
                let significant = digits.first == 0 ? digits.dropFirst() : digits
                guard significant.first != 0, isClosed(text, run, group, taken) else { return nil }
                let from = text.plus(before: start) ?? start
                return (PersonalHit(.phone, from..<run.groups[group + taken - 1].end), taken)
            }
            guard digits.count < 10, group + taken < run.groups.count else { break }
            taken += 1
        }
        return bracketed(text, run, at: group, hasPlus: hasPlus)
    }

    /// `+33 (0)6 12 34 56 78`, `0033 (0)6 12 34 56 78`, `(+33) 6 12 34 56 78`
    private func bracketed(_ text: TextBytes, _ run: DigitRun, at group: Int, hasPlus: Bool) -> (PersonalHit, Int)? {
        guard group == run.groups.count - 1, run.groups[group].count == (hasPlus ? 2 : 4) else { return nil }
        let start = text.plus(before: run.groups[group].start) ?? run.groups[group].start
        var index = run.end
        if text[start - 1] == UInt8(ascii: "("), text[index] == UInt8(ascii: ")") {
            index += 1
        } else {
            index += text.separator(at: index)
            guard text[index] == UInt8(ascii: "("), text[index + 1] == 48, text[index + 2] == UInt8(ascii: ")") else {
                return nil
            }
            index += 3
        }
        index += text.separator(at: index)
        guard TextBytes.isDigit(text[index]) else { return nil }
        let rest = DigitRun(text, at: index)
        var taken = 1
        while taken <= rest.groups.count, rest.digits(0, taken).count < 9 { taken += 1 }
        guard taken <= rest.groups.count, rest.digits(0, taken).count == 9 else { return nil }
        return (PersonalHit(.phone, start..<rest.groups[taken - 1].end), 1)
    }

    /// `+44 20 7946 0958`: a code that is known, and as many digits as that country has; the longest that fits.
    private func abroad(_ text: TextBytes, _ run: DigitRun, at group: Int) -> (PersonalHit, Int)? {
        let first = run.digits(group, 1)
        guard let start = text.plus(before: run.groups[group].start), !text.isInsideWord(start),
            let country = NumberRules.countryCodes.first(where: { first.starts(with: $0.code) })
        else { return nil }
        var found: Int?
        var taken = 1
        while group + taken <= run.groups.count, run.digits(group, taken).count <= country.count.upperBound {
            if run.digits(group, taken).count >= country.count.lowerBound, isClosed(text, run, group, taken) {
                found = taken
            }
            taken += 1
        }
        return found.map { (PersonalHit(.phone, start..<run.range(group, $0).upperBound), $0) }
    }
}
