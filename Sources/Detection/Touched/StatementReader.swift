/// Rows that a statement names: `update comptes set … where id in (4, 5)`. A statement that changes or carries off rows
/// without naming them touched its table.
enum StatementReader {
    private static let bytesMax = 8_000

    private enum Token {
        case word(Bytes)
        case literal(Bytes)
        /// `$1`
        case parameter(Bytes)
        case sign(UInt8)
    }

    /// What has been seen of a statement.
    private struct Reading {
        var table = Bytes.empty
        var isBehindWhere = false
        var hasKeys = false
        var hasBound = false
        var column = Bytes.empty
        /// Behind `column =`, or inside `column in ( … )`.
        var awaitsKey = false
        var isInList = false
        var isToOut = false
        var isFrom = false
        /// `id` alone may then be of either table.
        var isJoined = false
    }

    static func read(_ event: LogEvent, _ take: TouchReader.Take) {
        let text = event.statement.prefix(bytesMax)
        var index = 0
        guard case .word(let verb)? = next(text, &index) else { return }
        let isQuery = verb.equalsIgnoringCase("copy") && text.from(index).trimmed[0] == 40
        let isCopy = verb.equalsIgnoringCase("copy") && !isQuery
        let isChange = ["update", "delete", "insert", "truncate", "merge"].contains { verb.equalsIgnoringCase($0) }
        guard isCopy || isQuery || isChange || verb.equalsIgnoringCase("select") || verb.equalsIgnoringCase("with")
        else { return }
        var reading = Reading()
        // A table stands behind these words; behind COPY, UPDATE and TRUNCATE it stands at once.
        var awaitsTable = isCopy || verb.equalsIgnoringCase("update") || verb.equalsIgnoringCase("truncate")
        while let token = next(text, &index) {
            switch token {
            case .word(let word):
                if awaitsTable {
                    if ["only", "table"].contains(where: { word.equalsIgnoringCase($0) }) { continue }
                    awaitsTable = false
                    if !TouchReader.isTable(reading.table) {
                        reading.table = bare(word)
                    } else if !reading.isInList {
                        reading.isJoined = true
                    }
                } else {
                    awaitsTable = note(word, isCopy: isCopy, &reading)
                }
            case .literal(let value): key(value, event, isChange, &reading, take)
            case .parameter(let number):
                guard reading.awaitsKey else { continue }
                if let value = bound(number, in: event.line) {
                    key(value, event, isChange, &reading, take)
                } else {
                    reading.hasBound = true
                }
            case .sign(let sign): punctuate(sign, &reading)
            }
        }
        let isWhole: Bool
        if isCopy {
            isWhole = reading.isToOut || reading.isFrom
        } else {
            isWhole = isChange ? !verb.equalsIgnoringCase("insert") : wholeSelect(text, reading)
        }
        guard isWhole, !reading.hasKeys, !reading.hasBound, TouchReader.isTable(reading.table) else { return }
        take(
            TouchedObject(kind: .table, key: reading.table.text.lowercased()), isCopy ? reading.isFrom : isChange)
    }

    /// True when a table comes next.
    private static func note(_ word: Bytes, isCopy: Bool, _ reading: inout Reading) -> Bool {
        func `is`(_ text: StaticString) -> Bool { word.equalsIgnoringCase(text) }
        if isCopy {
            if `is`("to") { reading.isToOut = true }
            if `is`("from") { reading.isFrom = true }
            return false
        }
        if `is`("from") || `is`("into") || `is`("join") || `is`("using") { return true }
        if `is`("where") {
            reading.isBehindWhere = true
        } else if `is`("in") {
            reading.isInList = true
        } else if `is`("any") {
            reading.isInList = false
        } else {
            if `is`("select"), reading.isInList { reading.isInList = false }
            reading.column = bare(word)
            reading.awaitsKey = false
        }
        return false
    }

    private static func punctuate(_ sign: UInt8, _ reading: inout Reading) {
        switch sign {
        case 61: reading.awaitsKey = reading.isBehindWhere
        case 40: if reading.isInList { reading.awaitsKey = reading.isBehindWhere }
        case 41:
            reading.isInList = false
            reading.awaitsKey = false
        case 44: if !reading.isInList { reading.awaitsKey = false }
        default:
            reading.awaitsKey = false
            if sign != 58 { reading.column = .empty }
        }
    }

    private static func key(
        _ value: Bytes, _ event: LogEvent, _ isChange: Bool, _ reading: inout Reading, _ take: TouchReader.Take
    ) {
        guard reading.awaitsKey else {
            // `25 = 0` compares no column.
            reading.column = .empty
            return
        }
        if !reading.isInList { reading.awaitsKey = false }
        let holder = reading.isJoined ? nil : TouchReader.kind(reading.table)
        guard let kind = TouchReader.kind(column: reading.column, of: holder),
            let key = TouchReader.key(value)
        else { return }
        reading.hasKeys = true
        take(TouchedObject(kind: kind, key: key), isChange)
    }

    /// `select *` of everything; sums and single columns tell little of persons.
    private static func wholeSelect(_ text: Bytes, _ reading: Reading) -> Bool {
        guard !reading.isBehindWhere else { return false }
        var index = 0
        var (isSelect, isAll) = (false, false)
        while let token = next(text, &index) {
            switch token {
            case .word(let word) where word.equalsIgnoringCase("limit"): return false
            case .word(let word): isSelect = word.equalsIgnoringCase("select")
            case .sign(42): isAll = isAll || isSelect
            default: isSelect = false
            }
        }
        return isAll
    }

    /// The value of `$1`, where the server wrote `parameters: $1 = '5'` beside the statement.
    private static func bound(_ number: Bytes, in line: Bytes) -> Bytes? {
        var index = line.findLast("arameters: ") ?? line.count
        while let dollar = line.first(36, from: index) {
            index = dollar + 1
            let end = index + number.count
            guard line[index, end].equals(number), line.has(" = '", at: end) else { continue }
            return line[end + 4, line.first(39, from: end + 4) ?? line.count]
        }
        return nil
    }

    /// Without its schema.
    private static func bare(_ word: Bytes) -> Bytes { word.last(46).map { word.from($0 + 1) } ?? word }

    private static func next(_ text: Bytes, _ index: inout Int) -> Token? {
        while index < text.count {
            let byte = text[index]
            if byte <= 32 || byte == 34 {
                index += 1
            } else if byte == 45, text[index + 1] == 45 {
                index = text.first(10, from: index) ?? text.count
            } else if byte == 47, text[index + 1] == 42 {
                index = (text.find("*/", from: index + 2) ?? text.count) + 2
            } else {
                return token(text, &index, byte)
            }
        }
        return nil
    }

    private static func token(_ text: Bytes, _ index: inout Int, _ byte: UInt8) -> Token {
        let start = index
        if byte == 39 {
            let end = text.first(39, from: start + 1) ?? text.count
            index = end + 1
            return .literal(text[start + 1, end])
        }
        if byte == 36, Bytes.isDigit(text[start + 1]) {
            index += 1
            while Bytes.isDigit(text[index]) { index += 1 }
            return .parameter(text[start + 1, index])
        }
        guard Bytes.isWord(byte) || byte >= 128 else {
            index += 1
            return .sign(byte)
        }
        var from = start
        while index < text.count {
            if Bytes.isWord(text[index]) || text[index] == 46 || text[index] >= 128 {
                index += 1
            } else if text[index] == 34, text[index + 1] == 46 {
                // A name in quotes goes on behind them: "public"."comptes".
                index += text[index + 2] == 34 ? 3 : 2
                from = index
            } else {
                break
            }
        }
        return Bytes.isDigit(byte) ? .literal(text[from, index]) : .word(text[from, index])
    }
}
