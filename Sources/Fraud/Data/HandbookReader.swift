internal import CZlib
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
        guard let file = gzopen(path, "rb") else { throw FraudError.data(path, "it can not be opened") }
        defer { gzclose(file) }
        gzbuffer(file, 1 << 18)
        var table = TransactionTable()
        var buffer = [UInt8](repeating: 0, count: 1 << 20)
        var kept = 0
        var line = 0
        while true {
            let got = buffer.withUnsafeMutableBytes { bytes -> Int in
                guard let base = bytes.baseAddress else { return -1 }
                return Int(gzread(file, base + kept, UInt32(bytes.count - kept)))
            }
            guard got >= 0 else { throw FraudError.data(path, "its compressed data are damaged") }
            let end = kept + got
            var start = 0
            var index = kept
            while index < end {
                if buffer[index] == UInt8(ascii: "\n") {
                    line += 1
                    try append(buffer[start..<index], line, path, to: &table)
                    start = index + 1
                }
                index += 1
            }
            if got == 0 {
                if start < end {
                    line += 1
                    try append(buffer[start..<end], line, path, to: &table)
                }
                break
            }
            kept = end - start
            guard kept <= lineMax else { throw FraudError.data(path, "line \(line + 1) is too long") }
            buffer.withUnsafeMutableBytes { bytes in
                guard let base = bytes.baseAddress else { return }
                memmove(base, base + start, kept)
            }
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
        table.id.append(id)
        table.time.append(time)
        table.customer.append(customer)
        table.terminal.append(terminal)
        table.minor.append(minor)
        table.isFraud.append(fraud == 1)
        table.scenario.append(UInt8(scenario))
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
        guard let field = field(), field.count == 19 else { return nil }
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
