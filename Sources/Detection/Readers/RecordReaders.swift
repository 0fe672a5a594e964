/// One JSON object a line, in any of the forms that `FieldName` knows.
struct JSONLineReader {
    let table: FieldTable
    let zone: ZoneClock

    func read(_ line: Bytes, into event: inout LogEvent, scratch: Scratch) -> Bool {
        var scanner = JSONScanner(line)
        var sink = FieldSink()
        while let member = scanner.next() {
            guard let field = table[member.name] else { continue }
            let value = member.isString ? scratch.unescape(member.value) : member.value
            sink.take(field, value, isString: member.isString, &event, zone)
        }
        guard scanner.isWhole else { return false }
        sink.finish(&event)
        return true
    }
}

/// CSV whose first line names its columns.
struct HeadedCSVReader {
    private(set) var columns: [FieldName?] = []
    let zone: ZoneClock

    /// False when the line is no header: fewer than two names that mean something.
    mutating func takeHeader(_ line: Bytes, _ table: FieldTable) -> Bool {
        var fields = CSVFields(line)
        var found: [FieldName?] = []
        while let name = fields.next(), found.count < 200 { found.append(table[name.trimmed]) }
        guard found.count >= 3, found.count(where: { $0 != nil }) >= 2 else { return false }
        columns = found
        return true
    }

    func read(_ record: Bytes, into event: inout LogEvent, scratch: Scratch) -> Bool {
        var fields = CSVFields(record)
        var sink = FieldSink()
        var index = 0
        while let field = fields.next() {
            if index < columns.count, let name = columns[index] {
                sink.take(name, PostgresCSV.undouble(field, scratch), isString: true, &event, zone)
            }
            index += 1
        }
        guard index >= columns.count - 1 else { return false }
        sink.finish(&event)
        return true
    }
}

/// `journalctl -o export`: `NAME=value` lines, an empty line between entries; binary values have their length in front.
struct JournalExportReader {
    let table: FieldTable
    let zone: ZoneClock

    func read(_ record: Bytes, into event: inout LogEvent) -> Bool {
        var sink = FieldSink()
        var index = 0
        while index < record.count {
            let end = record.first(10, from: index) ?? record.count
            let line = record[index, end]
            if let equals = line.first(61) {
                if let field = table[line.prefix(equals)] {
                    sink.take(field, line.from(equals + 1), isString: true, &event, zone)
                }
                index = end + 1
            } else {
                // A name alone: 64 bits of length, little-endian, the bytes, a newline.
                guard end + 9 <= record.count else { return false }
                var length = 0
                for place in (0..<8).reversed() { length = length << 8 & 0xFF_FFFF | Int(record[end + 1 + place]) }
                if let field = table[line] {
                    sink.take(field, record[end + 9, end + 9 + length], isString: true, &event, zone)
                }
                index = end + 9 + length + 1
            }
        }
        guard sink.fields > 0 else { return false }
        sink.finish(&event)
        return true
    }
}
