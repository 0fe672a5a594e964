internal import Bank
internal import Foundation
internal import Web

/// The forms that several endpoints share.
extension Schema {
    /// Free text; control characters are refused, which the document says in words only: tools that make up what a pattern
    /// forbids look for one in headers for ever.
    static func text(_ lengths: ClosedRange<Int>) -> Schema {
        .text(TextRule(lengths: lengths) { text in text.utf8.allSatisfy { $0 >= 0x20 && $0 != 0x7F } })
    }

    static func word(_ values: [String]) -> Schema { .text(TextRule(values: values)) }

    static let id = Schema.integer(1...Int64.max)
    static let uuid = Schema.text(
        TextRule(
            format: "uuid",
            check: { Forms.isUUID($0) }))
    static let date = Schema.text(
        TextRule(
            format: "date", check: { Forms.isDate($0) }))
    static let time = Schema.text(TextRule(format: "date-time"))
    static let currency = Schema.word(Currency.known.keys.sorted())
    static let iban = Schema.text(
        TextRule(
            pattern: "^[A-Za-z]{2}[0-9]{2}[A-Za-z0-9 ]{11,38}$", check: { Forms.isIBANShaped($0) }))
    static let bic = Schema.text(
        TextRule(pattern: "^[A-Z]{6}[A-Z0-9]{2}([A-Z0-9]{3})?$", check: { Forms.isBICShaped($0) }))

    /// What an account holds: may be negative.
    static let money = Schema.named(
        "Money",
        .object([
            .init(
                "amount",
                .text(
                    TextRule(pattern: #"^-?(0|[1-9][0-9]{0,18})(\.[0-9]{1,4})?$"#, check: { Forms.isDecimal($0, true) })
                ),
                "decimal, never a float"),
            .init("currency", currency, "ISO 4217"),
        ]))
    /// What is ordered: positive.
    static let payment = Schema.named(
        "Payment",
        .object([
            .init(
                "amount",
                .text(
                    TextRule(
                        pattern: #"^(0|[1-9][0-9]{0,14})(\.[0-9]{1,4})?$"#,
                        check: { Forms.isDecimal($0, false) })),
                "decimal, as many places as the currency has at most"),
            .init("currency", currency, "ISO 4217"),
        ]))
    static let payee = Schema.named(
        "Payee",
        .anyOf([
            .object([.init("iban", iban), .init("name", text(1...70), isRequired: false)]),
            .object([.init("account", id), .init("name", text(1...70), isRequired: false)]),
        ]))
    static let problem = Schema.named(
        "Problem",
        .object([
            .init("code", text(1...80), "stable"), .init("message", .text(TextRule()), "what happened"),
            .init("details", .anything, "which orders, which place"),
            .init("hint", .nullable(.text(TextRule())), "what to do next"),
        ]))
}

/// Byte checks of the patterns in the schemas: no regular expression runs on a request.
enum Forms {
    static func isDigit(_ byte: UInt8) -> Bool { (48...57).contains(byte) }
    static func isLetter(_ byte: UInt8) -> Bool { (65...90).contains(byte) || (97...122).contains(byte) }

    static func isUUID(_ text: String) -> Bool {
        let bytes = Array(text.utf8)
        guard bytes.count == 36 else { return false }
        return bytes.enumerated().allSatisfy { place, byte in
            [8, 13, 18, 23].contains(place)
                ? byte == 45 : isDigit(byte) || (65...70).contains(byte) || (97...102).contains(byte)
        }
    }

    /// A day that the calendar has, of the years 1 to 9999.
    static func isDate(_ text: String) -> Bool {
        let bytes = Array(text.utf8)
        guard bytes.count == 10, bytes[4] == 45, bytes[7] == 45,
            bytes.enumerated().allSatisfy({ $0.offset == 4 || $0.offset == 7 || isDigit($0.element) }),
            let year = Int(text.prefix(4)), let month = Int(text.dropFirst(5).prefix(2)), let day = Int(text.suffix(2)),
            year >= 1, (1...12).contains(month)
        else { return false }
        let isLeap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
        let days = [31, isLeap ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]
        return (1...days[month - 1]).contains(day)
    }

    static func isDecimal(_ text: String, _ mayBeNegative: Bool) -> Bool {
        var rest = text.utf8[...]
        if mayBeNegative, rest.first == 45 { rest = rest.dropFirst() }
        let parts = rest.split(separator: 46, maxSplits: 1, omittingEmptySubsequences: false)
        guard let whole = parts.first, !whole.isEmpty, whole.count <= (mayBeNegative ? 19 : 15),
            whole.allSatisfy(isDigit), whole.count == 1 || whole.first != 48
        else { return false }
        return parts.count == 1 || ((1...4).contains(parts[1].count) && parts[1].allSatisfy(isDigit))
    }

    static func isIBANShaped(_ text: String) -> Bool {
        let bytes = Array(text.utf8)
        return (15...42).contains(bytes.count) && bytes[..<2].allSatisfy(isLetter) && bytes[2..<4].allSatisfy(isDigit)
            && bytes[4...].allSatisfy { isLetter($0) || isDigit($0) || $0 == 32 }
    }

    static func isBICShaped(_ text: String) -> Bool {
        let bytes = Array(text.utf8)
        return (bytes.count == 8 || bytes.count == 11)
            && bytes.enumerated().allSatisfy { (65...90).contains($1) || ($0 >= 6 && isDigit($1)) }
    }
}
