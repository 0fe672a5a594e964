extension PersonalScanner {
    /// The text with every find but names shown by its last four characters only.
    public func masked(_ text: String) -> String {
        let bytes = Array(text.utf8)
        let hits = scan(bytes).filter { $0.kind != .name }
        guard !hits.isEmpty else { return text }
        var out: [UInt8] = []
        var position = 0
        for hit in hits {
            out += bytes[position..<hit.range.lowerBound]
            out += Array("***".utf8)
            if hit.kind != .email {
                out += bytes[max(hit.range.lowerBound, hit.range.upperBound - 4)..<hit.range.upperBound]
            }
            position = hit.range.upperBound
        }
        out += bytes[position...]
        return String(decoding: out, as: UTF8.self)
    }
}

extension Array where Element == UInt8 {
    /// The bytes that PostgreSQL's `encode(…, 'hex')` wrote.
    init?(hexText text: String) {
        let digits = Array(text.utf8)
        guard digits.count % 2 == 0 else { return nil }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(digits.count / 2)
        func value(_ digit: UInt8) -> UInt8? {
            switch digit {
            case 48...57: digit - 48
            case 97...102: digit - 87
            case 65...70: digit - 55
            default: nil
            }
        }
        for index in stride(from: 0, to: digits.count, by: 2) {
            guard let high = value(digits[index]), let low = value(digits[index + 1]) else { return nil }
            bytes.append(high << 4 | low)
        }
        self = bytes
    }
}
