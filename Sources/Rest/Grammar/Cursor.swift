/// A place in a text that is being read. All of the grammar's words are ASCII; bytes above belong to names and values.
struct Cursor {
    let bytes: [UInt8]
    private(set) var position = 0
    /// How deep the grammar may nest.
    static let depthMax = 32

    init(_ text: String) { bytes = Array(text.utf8) }

    var isAtEnd: Bool { position == bytes.count }
    var current: UInt8? { position < bytes.count ? bytes[position] : nil }

    func peek(_ offset: Int = 1) -> UInt8? {
        let index = position + offset
        return index < bytes.count ? bytes[index] : nil
    }

    mutating func advance(_ count: Int = 1) { position = min(position + count, bytes.count) }

    mutating func seek(_ place: Int) { position = min(max(place, 0), bytes.count) }

    /// Reads `character` when it stands here.
    mutating func take(_ character: Unicode.Scalar) -> Bool {
        guard current == UInt8(ascii: character) else { return false }
        position += 1
        return true
    }

    func starts(with word: String) -> Bool {
        let end = position + word.utf8.count
        return end <= bytes.count && bytes[position..<end].elementsEqual(word.utf8)
    }

    mutating func take(word: String) -> Bool {
        guard starts(with: word) else { return false }
        position += word.utf8.count
        return true
    }

    mutating func takeWhile(_ isWanted: (UInt8) -> Bool) -> String {
        let start = position
        while let byte = current, isWanted(byte) { position += 1 }
        return String(decoding: bytes[start..<position], as: UTF8.self)
    }

    func text(from start: Int) -> String { String(decoding: bytes[min(start, position)..<position], as: UTF8.self) }

    mutating func rest() -> String {
        defer { position = bytes.count }
        return String(decoding: bytes[position...], as: UTF8.self)
    }

    func failure(_ what: String) -> RestError {
        RestError.parse(what, String(decoding: bytes, as: UTF8.self), at: position)
    }

    // MARK: Words that the whole grammar shares

    /// A column, table, function or alias: `name`, `two words`, `with-dash`, or anything between double quotes.
    mutating func name(_ what: String) throws(RestError) -> String {
        if current == UInt8(ascii: "\"") { return try quoted(what) }
        let start = position
        while let byte = current {
            let isDash = byte == UInt8(ascii: "-") && peek() != UInt8(ascii: ">")
            guard Self.isNameByte(byte) || isDash else { break }
            position += 1
        }
        let name = text(from: start).trimmingSpaces()
        guard !name.isEmpty else { throw failure(what) }
        return name
    }

    static func isNameByte(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), UInt8(ascii: " "), UInt8(ascii: "$"), 0x80...0xFF:
            true
        default: false
        }
    }

    /// `"…"` with `\"` and `\\` inside.
    mutating func quoted(_ what: String) throws(RestError) -> String {
        guard take("\"") else { throw failure(what) }
        var out: [UInt8] = []
        while let byte = current {
            position += 1
            if byte == UInt8(ascii: "\"") { return String(decoding: out, as: UTF8.self) }
            if byte == UInt8(ascii: "\\"), let next = current {
                out.append(next)
                position += 1
            } else {
                out.append(byte)
            }
        }
        throw failure(what)
    }

    /// `->key`, `->>key`, `->2`: as many as stand here.
    mutating func jsonPath(_ what: String) throws(RestError) -> [JSONStep] {
        var steps: [JSONStep] = []
        while starts(with: "->") {
            let isText = starts(with: "->>")
            advance(isText ? 3 : 2)
            let start = position
            _ = take("-")
            let digits = takeWhile { $0 >= 48 && $0 <= 57 }
            let endsHere = current.map { !Self.isNameByte($0) } ?? true
            if !digits.isEmpty, endsHere, let index = Int32(text(from: start)) {
                steps.append(JSONStep(key: .index(index), isText: isText))
            } else {
                seek(start)
                steps.append(JSONStep(key: .name(try name(what)), isText: isText))
            }
        }
        return steps
    }
}

extension String {
    func trimmingSpaces() -> String {
        var part = self[...]
        while part.first == " " { part.removeFirst() }
        while part.last == " " { part.removeLast() }
        return String(part)
    }
}
