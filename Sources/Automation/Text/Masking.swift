internal import Web

/// Hides what people may not read in a history: addresses, telephone numbers, IBANs, card numbers, words that are
/// secret by
/// their name.
enum Masking {
    private static let secretNames = [
        "password", "secret", "token", "authorization", "apikey", "api_key", "mot_de_passe", "jeton", "iban", "pan",
        "nir",
        "email", "telephone", "nom", "prenom", "adresse",
    ]

    static func mask(_ value: JSON) -> JSON {
        switch value {
        case .null, .bool, .number: value
        case .string(let text): .string(mask(text))
        case .array(let list): .array(list.map(mask))
        case .object(let members):
            .object(members.map { JSON.Member($0.name, mask($0.value, named: $0.name)) })
        }
    }

    private static func mask(_ value: JSON, named name: String) -> JSON {
        let name = name.lowercased()
        guard secretNames.contains(where: { name == $0 || name.hasSuffix("_" + $0) }), !value.isNull else {
            return mask(value)
        }
        if value.array != nil || value.members != nil { return mask(value) }
        let text = mask(value.plain)
        return .string(text == value.plain ? "***" : text)
    }

    /// Words are looked at one by one; digits that are grouped by spaces count as one word.
    static func mask(_ text: String) -> String {
        guard text.utf8.contains(where: { (48...57).contains($0) || $0 == UInt8(ascii: "@") }) else { return text }
        var out: [UInt8] = []
        let bytes = Array(text.utf8)
        var index = 0
        while index < bytes.count {
            guard isWord(bytes[index]) else {
                out.append(bytes[index])
                index += 1
                continue
            }
            var end = index
            while end < bytes.count, isWord(bytes[end]) || isInnerSpace(bytes, end) { end += 1 }
            out += masked(Array(bytes[index..<end]))
            index = end
        }
        return String(decoding: out, as: UTF8.self)
    }

    private static func isDigit(_ byte: UInt8) -> Bool { (48...57).contains(byte) }

    private static func isWord(_ byte: UInt8) -> Bool {
        isDigit(byte) || (65...90).contains(byte) || (97...122).contains(byte) || byte >= 0x80
            || "@.+_-%".utf8.contains(byte)
    }

    /// A space between two digits: `FR76 3000 …`, `06 12 34 56 78`.
    private static func isInnerSpace(_ bytes: [UInt8], _ place: Int) -> Bool {
        bytes[place] == 0x20 && place > 0 && place + 1 < bytes.count && isDigit(bytes[place - 1])
            && (isDigit(bytes[place + 1])
                || (65...90).contains(bytes[place + 1]) && place + 2 < bytes.count
                    && isDigit(bytes[place + 2]))
    }

    private static func masked(_ word: [UInt8]) -> [UInt8] {
        if let at = word.firstIndex(of: UInt8(ascii: "@")), at > 0, at < word.count - 1 {
            return [word[0]] + Array("***".utf8) + word[at...]
        }
        let digits = word.filter(isDigit)
        let letters = word.count { (65...90).contains($0) || (97...122).contains($0) }
        let isTime =
            word.contains(UInt8(ascii: "-")) && word.count { $0 == UInt8(ascii: "-") } == 2 && digits.count <= 8
        if digits.count >= 12, letters >= 2, (65...90).contains(word[0]), word.count > 1, (65...90).contains(word[1]) {
            return word.prefix(4) + Array("***".utf8) + digits.suffix(4)
        }
        // Numbers of accounts and cases stay: what identifies a person outside of the bank does not.
        if digits.count >= 13, digits.count <= 19, letters == 0 { return Array("***".utf8) + digits.suffix(4) }
        let isTelephone =
            (digits.count == 10 && digits[0] == UInt8(ascii: "0"))
            || (digits.count >= 10 && digits.count <= 13 && word[0] == UInt8(ascii: "+"))
        if isTelephone, letters == 0, !isTime { return Array("***".utf8) + digits.suffix(2) }
        return word
    }
}
