internal import Bank
internal import Synchronization

/// Finds card data in what is kept as it was: the restored bank stores no card number in clear and no CVV at all.
enum CardScan {
    private static let codeNames: Set<String> = [
        "cvv", "cvv2", "cvc", "cvc2", "cvn", "cryptogramme", "code_securite", "security_code", "pin", "code_pin",
    ]

    /// Whether a column of this name holds a card's secret codes.
    static func isCode(_ column: String) -> Bool { codeNames.contains(column.lowercased()) }

    /// The text with the card numbers in it masked but for their last four digits; nil when there is none.
    ///
    /// A card number is 13 to 19 digits, in groups or not, that begin as a network's do and whose check digit is right.
    static func masked(_ text: UnsafeBufferPointer<UInt8>) -> [UInt8]? {
        guard text.count >= 13 else { return nil }
        var out: [UInt8]?
        var index = 0
        while index < text.count {
            guard isDigit(text[index]) else {
                index += 1
                continue
            }
            let run = digitRun(in: text, from: index)
            if isCard(run.digits) {
                var bytes = out ?? Array(text)
                for place in run.places.dropLast(4) { bytes[place] = UInt8(ascii: "*") }
                out = bytes
            }
            index = run.end
        }
        return out
    }

    /// Digits, parted by no more than one space or hyphen each.
    private static func digitRun(
        in text: UnsafeBufferPointer<UInt8>, from start: Int
    ) -> (digits: [UInt8], places: [Int], end: Int) {
        var digits: [UInt8] = []
        var places: [Int] = []
        var index = start
        while index < text.count {
            if isDigit(text[index]) {
                if digits.count <= digitsMax {
                    digits.append(text[index])
                    places.append(index)
                }
                index += 1
            } else if text[index] == UInt8(ascii: " ") || text[index] == UInt8(ascii: "-"), index + 1 < text.count,
                isDigit(text[index + 1])
            {
                index += 1
            } else {
                break
            }
        }
        return (digits, places, index)
    }

    private static let digitsMax = 19

    private static func isDigit(_ byte: UInt8) -> Bool { (48...57).contains(byte) }

    private static func isCard(_ digits: [UInt8]) -> Bool {
        (13...digitsMax).contains(digits.count) && CardNumber.network(digits) != nil
    }
}

extension Rebuilder {
    /// Copies an archived row without the card data in it; true when there was some.
    static func copyMasked(_ line: CopyLine, _ columns: [(name: String, type: String)], to out: inout CopyTextWriter)
        -> Bool
    {
        var hasCards = false
        for field in 0..<line.fieldCount {
            guard let raw = line.raw(field) else { continue }
            let column = field < columns.count ? columns[field] : (name: "", type: "text")
            if CardScan.isCode(column.name), !line.isNull(field) {
                out.null()
                hasCards = true
            } else if let masked = CardScan.masked(raw) {
                let isText = ["text", "bpchar", "jsonb"].contains(column.type)
                if isText { masked.withUnsafeBufferPointer { out.raw($0) } } else { out.null() }
                hasCards = true
            } else {
                out.raw(raw)
            }
        }
        return hasCards
    }

    /// The row as it was goes to quarantine, for the operator alone.
    func withhold(_ table: String, _ line: CopyLine) throws {
        state.withLock { $0.masked[table, default: 0] += 1 }
        try quarantine.add(
            table: table, row: line.whole, kind: .suspect, reason: "card data in clear: masked in the archive",
            place: "rebuild")
    }
}
