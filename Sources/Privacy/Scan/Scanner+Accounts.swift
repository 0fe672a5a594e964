extension PersonalScanner {
    func iban(_ text: TextBytes, at start: Int) -> PersonalHit? {
        guard TextBytes.isLetter(text[start + 1]), TextBytes.isDigit(text[start + 2]),
            TextBytes.isDigit(text[start + 3])
        else { return nil }
        let country = String(decoding: [text[start] & 0xDF, text[start + 1] & 0xDF], as: UTF8.self)
        guard let length = NumberRules.ibanLengths[country] else { return nil }
        var compact: [UInt8] = []
        var index = start
        while compact.count < length {
            guard let next = take(text, index, &compact) else { return nil }
            index = next
        }
        guard !TextBytes.isWord(text[index]), NumberRules.isIBAN(compact) else { return nil }
        return PersonalHit(.iban, start..<index)
    }

    /// A French VAT number, `FR44732829320`: two digits of check before a company's nine.
    func vat(_ text: TextBytes, at start: Int) -> PersonalHit? {
        guard text[start] | 0x20 == UInt8(ascii: "f"), text[start + 1] | 0x20 == UInt8(ascii: "r") else { return nil }
        var compact: [UInt8] = []
        var index = start + 2 + text.separator(at: start + 2)
        while compact.count < 11 {
            guard let next = take(text, index, &compact) else { return nil }
            index = next
        }
        let digits = compact.map { $0 &- 48 }
        guard !TextBytes.isWord(text[index]), digits.allSatisfy({ $0 < 10 }), NumberRules.isSIREN(digits[2...]) else {
            return nil
        }
        let siren = digits[2...].reduce(0) { $0 * 10 + Int($1) }
        guard (12 + 3 * (siren % 97)) % 97 == Int(digits[0]) * 10 + Int(digits[1]) else { return nil }
        return PersonalHit(.siren, start..<index)
    }

    /// `20041 01005 0500013M026 06`: bank, branch, account and key, with one separator between them. Without them any long number
    /// might be one.
    func rib(_ text: TextBytes, at start: Int) -> PersonalHit? {
        var compact: [UInt8] = []
        var index = start
        for (place, size) in [5, 5, 11, 2].enumerated() {
            if place > 0 {
                guard text.separator(at: index) > 0 else { return nil }
                index += text.separator(at: index)
            }
            for _ in 0..<size {
                guard TextBytes.isDigit(text[index]) || (place == 2 && TextBytes.isLetter(text[index])) else {
                    return nil
                }
                compact.append(TextBytes.isDigit(text[index]) ? text[index] : text[index] & 0xDF)
                index += 1
            }
        }
        guard !TextBytes.isWord(text[index]), NumberRules.isRIB(compact) else { return nil }
        return PersonalHit(.iban, start..<index)
    }

    /// Takes one letter or digit, or passes over one separator; nil where neither stands.
    private func take(_ text: TextBytes, _ index: Int, _ compact: inout [UInt8]) -> Int? {
        let byte = text[index]
        if TextBytes.isDigit(byte) {
            compact.append(byte)
        } else if TextBytes.isLetter(byte) {
            compact.append(byte & 0xDF)
        } else {
            let gap = text.separator(at: index)
            guard gap > 0, byte != UInt8(ascii: "."), TextBytes.isWord(text[index + gap]) else { return nil }
            return index + gap
        }
        return index + 1
    }
}
