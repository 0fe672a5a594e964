internal import Foundation
internal import Postgres

extension LedgerDay {
    init(column row: Row, _ column: Int) throws {
        guard let day = try LedgerDay(row.decode(column, as: String.self)) else {
            throw PostgresError(kind: .decoding, message: "the ledger answered a day of another form")
        }
        self = day
    }
}

extension LedgerEntry {
    init(row: Row) throws {
        self.init(
            operation: OperationID(try row.decode(0)), order: try row.decodeIfPresent(1), number: try row.decode(2),
            creditNumber: try row.decode(4), balanceAfterMinor: try row.decodeIfPresent(3),
            bookedAt: try LedgerTime.date(row, 5), businessDay: try LedgerDay(column: row, 6),
            valueDay: try LedgerDay(column: row, 7), isReplay: try row.decode(8))
    }
}

extension BatchItem {
    init(row: Row) throws {
        let key = try row.decodeIfPresent(0, as: String.self) ?? ""
        if let state = try row.decodeIfPresent(1, as: String.self) {
            let reason = try row.decodeIfPresent(2, as: String.self) ?? state
            self.init(key: OrderKey(key), outcome: .refused(LedgerError(sqlState: state, reason: reason)))
        } else {
            self.init(
                key: OrderKey(key),
                outcome: .executed(
                    order: try row.decode(3), operation: OperationID(try row.decode(4)), number: try row.decode(5),
                    balanceAfterMinor: try row.decodeIfPresent(6), isReplay: try row.decode(7)))
        }
    }
}

extension StatementLine {
    init(row: Row) throws {
        func day(_ column: Int) throws -> LedgerDay? {
            try row.decodeIfPresent(column, as: String.self) == nil ? nil : LedgerDay(column: row, column)
        }
        self.init(
            number: try row.decode(0), operation: OperationID(try row.decode(1)), bookedAt: try LedgerTime.date(row, 2),
            businessDay: try day(3), valueDay: try day(4), kind: try row.decode(5), amountMinor: try row.decode(6),
            balanceAfterMinor: try row.decodeIfPresent(7), text: try row.decodeIfPresent(8),
            counterparty: try row.decodeIfPresent(9, as: Int64.self).map { AccountID($0) })
    }
}

/// PostgreSQL's text of a moment: `2026-11-25 22:04:39.7067+00`, in any session time zone.
enum LedgerTime {
    static func date(_ row: Row, _ column: Int) throws -> Date {
        let text = try row.decode(column, as: String.self)
        guard let date = date(text) else {
            throw PostgresError(kind: .decoding, message: "the ledger answered a time of another form")
        }
        return date
    }

    static func date(_ text: String) -> Date? {
        let bytes = Array(text.utf8)
        func number(_ start: Int, _ count: Int) -> Int? {
            guard start + count <= bytes.count else { return nil }
            var value = 0
            for byte in bytes[start..<start + count] {
                guard (48...57).contains(byte) else { return nil }
                value = value * 10 + Int(byte) - 48
            }
            return value
        }
        guard let year = number(0, 4), let month = number(5, 2), let day = number(8, 2), let hour = number(11, 2),
            let minute = number(14, 2), let second = number(17, 2)
        else { return nil }
        var place = 19
        var fraction = 0.0
        if place < bytes.count, bytes[place] == UInt8(ascii: ".") {
            var unit = 0.1
            place += 1
            while let digit = number(place, 1) {
                fraction += Double(digit) * unit
                unit /= 10
                place += 1
            }
        }
        guard place < bytes.count, bytes[place] == UInt8(ascii: "+") || bytes[place] == UInt8(ascii: "-"),
            let offsetHours = number(place + 1, 2)
        else { return nil }
        let offsetMinutes = number(place + 4, 2) ?? 0
        let sign = bytes[place] == UInt8(ascii: "-") ? -1 : 1
        let days = daysFromEpoch(year, month, day)
        let seconds =
            days * 86_400 + hour * 3600 + minute * 60 + second - sign * (offsetHours * 3600 + offsetMinutes * 60)
        return Date(timeIntervalSince1970: Double(seconds) + fraction)
    }

    /// Days since 1970-01-01 of the Gregorian calendar; years begin in March here, so that leap days come last.
    private static func daysFromEpoch(_ year: Int, _ month: Int, _ day: Int) -> Int {
        let shifted = month <= 2 ? year - 1 : year
        let era = shifted / 400
        let yearOfEra = shifted - era * 400
        let dayOfYear = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1
        return era * 146_097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - 719_468
    }
}
