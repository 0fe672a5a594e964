/// A company's number in the French register: nine digits, the last by Luhn.
public enum SIREN {
    public static func isValid(_ digits: some RandomAccessCollection<UInt8>) -> Bool {
        digits.count == 9 && Luhn.isValid(digits)
    }
}

/// An establishment's number: the company's SIREN and five digits, the last by Luhn over all fourteen.
public enum SIRET {
    private static let post = Array("356000000".utf8)
    private static let postHeadOffice = Array("35600000000048".utf8)

    /// La Poste has more offices than Luhn leaves room for: theirs have a sum of digits that five divides.
    public static func isValid(_ digits: some RandomAccessCollection<UInt8>) -> Bool {
        guard digits.count == 14, digits.allSatisfy({ (48...57).contains($0) }), SIREN.isValid(digits.prefix(9)) else {
            return false
        }
        guard digits.starts(with: post), !digits.elementsEqual(postHeadOffice) else { return Luhn.isValid(digits) }
        return digits.reduce(0) { $0 + Int($1) - 48 } % 5 == 0
    }
}

/// A person's number in the French register of persons: thirteen characters and a key of two digits. Corsica's
/// departments are 2A and 2B.
public enum NIR {
    public static func isValid(_ text: some RandomAccessCollection<UInt8>) -> Bool {
        guard text.count == 15 else { return false }
        var digits = Array(text)
        if digits[5] == UInt8(ascii: "2"), digits[6] == UInt8(ascii: "A") || digits[6] == UInt8(ascii: "B") {
            // 2A counts as 19 and 2B as 18.
            digits[5] = UInt8(ascii: "1")
            digits[6] = digits[6] == UInt8(ascii: "A") ? UInt8(ascii: "9") : UInt8(ascii: "8")
        }
        guard digits.allSatisfy({ (48...57).contains($0) }) else { return false }
        let number = digits.prefix(13).reduce(0) { $0 * 10 + Int($1) - 48 }
        let key = digits.suffix(2).reduce(0) { $0 * 10 + Int($1) - 48 }
        return key == 97 - number % 97
    }
}
