/// What a line of a table's COPY text must look like: the number of fields and the form of each.
///
/// A pure check of bytes, one pass over the line: it says what can not be a row of this table. What passes may still be
/// wrong; only a checksum proves.
struct RowGrammar: Sendable {
    let columns: [ColumnShape]
    /// False when the dump declares keys for the table and none is its first column's.
    var mayBeKeyed = true

    enum Verdict: Equatable {
        case good
        /// The field of this number (from 0) is not of its column's type.
        case badField(Int)
        case wrongFieldCount(Int)
        /// A byte that COPY text never holds.
        case forbiddenByte(UInt8)
    }

    /// `line` has no newline at its end.
    func check(_ line: UnsafeBufferPointer<UInt8>) -> Verdict {
        guard let base = line.baseAddress else { return columns.count <= 1 ? .good : .wrongFieldCount(1) }
        var field = 0
        var start = 0
        var index = 0
        let count = line.count
        var high: UInt8 = 0
        while true {
            let byte = index < count ? base[index] : 9
            if byte == 9 {
                guard field < columns.count else { return .wrongFieldCount(field + 1) }
                let text = UnsafeBufferPointer(start: base + start, count: index - start)
                guard Self.fits(text, columns[field], hasHighBytes: high >= 128) else { return .badField(field) }
                field += 1
                if index >= count { break }
                start = index + 1
                high = 0
            } else {
                if byte < 32, byte != 9 { return .forbiddenByte(byte) }
                high |= byte
            }
            index += 1
        }
        return field == columns.count ? .good : .wrongFieldCount(field)
    }

    private static func fits(
        _ text: UnsafeBufferPointer<UInt8>, _ column: ColumnShape, hasHighBytes: Bool
    ) -> Bool {
        if text.count == 2, text[0] == UInt8(ascii: "\\"), text[1] == UInt8(ascii: "N") { return column.isNullable }
        switch column.type {
        case .smallint: return FieldForm.integer(text, digitsMax: 5)
        case .integer: return FieldForm.integer(text, digitsMax: 10)
        case .bigint: return FieldForm.integer(text, digitsMax: 19)
        case .numeric(let precision, let scale): return FieldForm.numeric(text, precision: precision, scale: scale)
        case .real: return FieldForm.real(text)
        case .boolean: return text.count == 1 && (text[0] == UInt8(ascii: "t") || text[0] == UInt8(ascii: "f"))
        case .date: return FieldForm.date(text)
        case .timestamp: return FieldForm.timestamp(text, hasZone: false)
        case .timestamptz: return FieldForm.timestamp(text, hasZone: true)
        case .uuid: return FieldForm.uuid(text)
        case .bytea: return FieldForm.bytea(text)
        case .inet: return FieldForm.inet(text)
        case .json: return FieldForm.json(text) && (!hasHighBytes || FieldForm.isUTF8(text))
        case .text(let limit), .character(let limit as Int?):
            if hasHighBytes, !FieldForm.isUTF8(text) { return false }
            guard FieldForm.escapesAreValid(text) else { return false }
            return limit.map { FieldForm.characterCount(text) <= $0 } ?? true
        case .time, .interval, .other:
            return (!hasHighBytes || FieldForm.isUTF8(text)) && FieldForm.escapesAreValid(text)
        }
    }
}
