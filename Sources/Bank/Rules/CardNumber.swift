/// Card numbers (ISO/IEC 7812): 12 to 19 digits, the last a Luhn check digit.
public enum CardNumber {
    public static func isValid(_ digits: some RandomAccessCollection<UInt8>) -> Bool {
        guard (12...19).contains(digits.count) else { return false }
        var sum = 0
        for (position, byte) in digits.reversed().enumerated() {
            guard (48...57).contains(byte) else { return false }
            var digit = Int(byte) - 48
            if position % 2 == 1 {
                digit *= 2
                if digit > 9 { digit -= 9 }
            }
            sum += digit
        }
        return sum % 10 == 0
    }
}
