internal import Foundation

/// Reads the handbook's `transactions.csv.gz`, plain or compressed.
public enum HandbookReader {
    /// Longer lines are refused.
    private static let lineMax = 512

    public static func read(folder: String) throws(FraudError) -> TransactionTable {
        for name in ["transactions.csv.gz", "transactions.csv"] {
            let path = folder + "/" + name
            if FileManager.default.fileExists(atPath: path) { return try read(path: path) }
        }
        throw FraudError.data(folder, "it holds no transactions.csv.gz")
    }

    static func read(path: String) throws(FraudError) -> TransactionTable {
        var table = TransactionTable()
        try LineFile.read(path: path, lineMax: lineMax) { (text, line) throws(FraudError) in
            try append(text, line, path, to: &table)
        }
        return table
    }

    private static func append(
        _ text: ArraySlice<UInt8>, _ line: Int, _ path: String, to table: inout TransactionTable
    ) throws(FraudError) {
        if line == 1 || text.isEmpty { return }
        var fields = FieldCursor(text)
        guard let id = fields.integer(), let time = fields.moment(), let customer = fields.integer(),
            let terminal = fields.integer(), let minor = fields.cents(), let fraud = fields.integer(),
            let scenario = fields.integer(), (0...1).contains(fraud), (0...255).contains(scenario)
        else { throw FraudError.data(path, "line \(line) is no transaction") }
        guard table.time.last.map({ $0 <= time }) ?? true else {
            throw FraudError.data(path, "line \(line) is older than the one before it")
        }
        table.append(
            id: id, time: time, customer: customer, terminal: terminal, minor: minor, isFraud: fraud == 1,
            scenario: UInt8(scenario))
    }
}

/// Reads comma-separated fields of one line; nil for what is none.
struct FieldCursor {
    private let text: ArraySlice<UInt8>
    private var position: Int

    init(_ text: ArraySlice<UInt8>) {
        self.text = text.last == UInt8(ascii: "\r") ? text.dropLast() : text
        position = text.startIndex
    }

    mutating func field() -> ArraySlice<UInt8>? {
        guard position <= text.endIndex else { return nil }
        let start = position
        while position < text.endIndex, text[position] != UInt8(ascii: ",") { position += 1 }
        defer { position += 1 }
        return text[start..<position]
    }

    private static func digits(_ field: ArraySlice<UInt8>) -> Int64? {
        guard !field.isEmpty, field.count <= 17 else { return nil }
        var value: Int64 = 0
        for byte in field {
            guard byte >= 0x30, byte <= 0x39 else { return nil }
            value = value * 10 + Int64(byte - 0x30)
        }
        return value
    }

    mutating func integer() -> Int64? { field().flatMap(Self.digits) }

    /// `57.16`, `57.1` or `57`; further digits, which five times a float leaves behind, are rounded.
    mutating func cents() -> Int64? {
        guard let field = field() else { return nil }
        guard let dot = field.firstIndex(of: UInt8(ascii: ".")) else { return Self.digits(field).map { $0 * 100 } }
        let fraction = field[(dot + 1)...]
        guard let whole = Self.digits(field[..<dot]), whole < 10_000_000_000_000,
            let part = Self.digits(fraction.prefix(2)), fraction.dropFirst(2).allSatisfy({ (0x30...0x39).contains($0) })
        else { return nil }
        let rounding: Int64 = fraction.dropFirst(2).first.map { $0 >= 0x35 } ?? false ? 1 : 0
        return whole * 100 + (fraction.count == 1 ? part * 10 : part) + rounding
    }

    /// `2018-04-01 00:00:31`, UTC, in microseconds
    mutating func moment() -> Int64? {
        guard var field = field() else { return nil }
        if field.last == UInt8(ascii: "Z") { field = field.dropLast() }
        guard field.count == 19 else { return nil }
        let base = field.startIndex
        func number(_ from: Int, _ count: Int) -> Int? {
            Self.digits(field[(base + from)..<(base + from + count)]).map { Int($0) }
        }
        guard let year = number(0, 4), let month = number(5, 2), let day = number(8, 2), let hour = number(11, 2),
            let minute = number(14, 2), let second = number(17, 2), (1...12).contains(month), (1...31).contains(day),
            hour < 24, minute < 60, second < 60
        else { return nil }
        let days = Int64(CivilTime.days(year, month, day))
        return days * Span.day + Int64(hour * 3_600 + minute * 60 + second) * Span.second
    }
}
