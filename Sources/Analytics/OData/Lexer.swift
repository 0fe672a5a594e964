/// Cuts the text of an option into words. Reads forward only; every read is inside the text.
struct Lexer {
    enum Token: Hashable, Sendable {
        case word(String)
        case literal(Literal)
        case alias(String)
        case symbol(UInt8)
        case end
    }

    static let bytesMax = 8192

    private let bytes: [UInt8]
    private(set) var place = 0
    private(set) var token: Token = .end
    /// Where `token` begins.
    private(set) var start = 0
    /// Whether space stood before `token`.
    private(set) var hasSpace = false

    init(_ text: String) throws(ODataProblem) {
        bytes = Array(text.utf8)
        guard bytes.count <= Self.bytesMax else {
            throw .invalid("an option is at most \(Self.bytesMax) characters")
        }
        try advance()
    }

    mutating func advance() throws(ODataProblem) {
        hasSpace = false
        while place < bytes.count, bytes[place] == 0x20 || bytes[place] == 0x09 {
            place += 1
            hasSpace = true
        }
        start = place
        guard place < bytes.count else {
            token = .end
            return
        }
        let byte = bytes[place]
        let isSigned = place + 1 < bytes.count && Self.isDigit(bytes[place + 1])
        switch byte {
        case UInt8(ascii: "'"): token = .literal(.text(try string()))
        case UInt8(ascii: "0")...UInt8(ascii: "9"): token = .literal(try number())
        case UInt8(ascii: "-") where isSigned, UInt8(ascii: "+") where isSigned:
            token = .literal(try number())
        case UInt8(ascii: "@"):
            place += 1
            token = .alias("@" + name())
        case UInt8(ascii: "$"):
            place += 1
            token = .word("$" + name())
        case _ where Self.isLetter(byte): token = .word(name())
        case UInt8(ascii: "("), UInt8(ascii: ")"), UInt8(ascii: ","), UInt8(ascii: "/"), UInt8(ascii: "-"),
            UInt8(ascii: "="), UInt8(ascii: ";"), UInt8(ascii: "*"), UInt8(ascii: ":"):
            place += 1
            token = .symbol(byte)
        default: throw .invalid("this character means nothing here", at: place)
        }
    }

    /// Takes the symbol when it stands next.
    mutating func take(_ symbol: Unicode.Scalar) throws(ODataProblem) -> Bool {
        guard token == .symbol(UInt8(ascii: symbol)) else { return false }
        try advance()
        return true
    }

    mutating func expect(_ symbol: Unicode.Scalar) throws(ODataProblem) {
        guard try take(symbol) else { throw .invalid("\(symbol) is missing", at: start) }
    }

    mutating func takeWord(_ word: String) throws(ODataProblem) -> Bool {
        guard token == .word(word) else { return false }
        try advance()
        return true
    }

    mutating func anyWord(_ what: String) throws(ODataProblem) -> String {
        guard case .word(let word) = token else { throw .invalid("\(what) is missing", at: start) }
        try advance()
        return word
    }

    private mutating func name() -> String {
        let from = place
        while place < bytes.count, Self.isLetter(bytes[place]) || Self.isDigit(bytes[place]) || bytes[place] == 46 {
            place += 1
        }
        return String(decoding: bytes[from..<place], as: UTF8.self)
    }

    /// `'l''été'`: a quote is written twice.
    private mutating func string() throws(ODataProblem) -> String {
        let from = place
        place += 1
        var out: [UInt8] = []
        while place < bytes.count {
            if bytes[place] == UInt8(ascii: "'") {
                place += 1
                guard place < bytes.count, bytes[place] == UInt8(ascii: "'") else {
                    let text = String(decoding: out, as: UTF8.self)
                    guard !out.contains(0) else { throw .invalid("a text with a zero character", at: from) }
                    return text
                }
            }
            out.append(bytes[place])
            place += 1
        }
        throw .invalid("a text has no closing quote", at: from)
    }

    /// A number, a date, a moment.
    private mutating func number() throws(ODataProblem) -> Literal {
        let from = place
        while place < bytes.count {
            let byte = bytes[place]
            let isSign = byte == UInt8(ascii: "-") || byte == UInt8(ascii: "+")
            guard Self.isDigit(byte) || Self.isLetter(byte) || byte == 46 || byte == 58 || isSign else { break }
            place += 1
        }
        let text = String(decoding: bytes[from..<place], as: UTF8.self)
        guard let literal = LiteralShape.read(text) else {
            throw .invalid("\(text) is neither a number nor a date", at: from)
        }
        return literal
    }

    private static func isDigit(_ byte: UInt8) -> Bool { (48...57).contains(byte) }
    private static func isLetter(_ byte: UInt8) -> Bool {
        byte == 95 || (97...122).contains(byte) || (65...90).contains(byte) || byte >= 0x80
    }
}

/// Tells numbers and moments by their shape.
enum LiteralShape {
    static let digitsMax = 40

    static func read(_ text: String) -> Literal? {
        let bytes = Array(text.utf8)
        if matches(bytes, "dddd-dd-dd") { return isDay(bytes) ? .date(text) : nil }
        if bytes.count > 11, matches(Array(bytes[..<11]), "dddd-dd-ddT") {
            return isDay(bytes) && isTime(Array(bytes[11...])) ? .timestamp(text) : nil
        }
        return number(bytes).map { $0 ? .integer(text) : .decimal(text) }
    }

    /// True for a whole number; nil when it is none.
    private static func number(_ bytes: [UInt8]) -> Bool? {
        guard bytes.count <= digitsMax else { return nil }
        var rest = bytes[...]
        if rest.first == UInt8(ascii: "-") || rest.first == UInt8(ascii: "+") { rest = rest.dropFirst() }
        let whole = rest.prefix { (48...57).contains($0) }
        guard !whole.isEmpty else { return nil }
        rest = rest.dropFirst(whole.count)
        if rest.isEmpty { return true }
        if rest.first == 46 {
            let digits = rest.dropFirst().prefix { (48...57).contains($0) }
            guard !digits.isEmpty else { return nil }
            rest = rest.dropFirst(1 + digits.count)
        }
        if rest.first == UInt8(ascii: "e") || rest.first == UInt8(ascii: "E") {
            rest = rest.dropFirst()
            if rest.first == UInt8(ascii: "-") || rest.first == UInt8(ascii: "+") { rest = rest.dropFirst() }
            let digits = rest.prefix { (48...57).contains($0) }
            guard (1...3).contains(digits.count) else { return nil }
            rest = rest.dropFirst(digits.count)
        }
        return rest.isEmpty ? false : nil
    }

    private static func isDay(_ bytes: [UInt8]) -> Bool {
        let year = value(bytes[0..<4])
        let month = value(bytes[5..<7])
        let day = value(bytes[8..<10])
        guard year >= 1, (1...12).contains(month), day >= 1 else { return false }
        let isLeap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
        let lengths = [31, isLeap ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]
        return day <= lengths[month - 1]
    }

    /// `hh:mm[:ss[.fff]]` and its zone, which OData demands.
    private static func isTime(_ bytes: [UInt8]) -> Bool {
        guard bytes.count >= 6, matches(Array(bytes[..<5]), "dd:dd"), value(bytes[0..<2]) <= 23,
            value(bytes[3..<5]) <= 59
        else { return false }
        var rest = bytes[5...]
        if rest.first == 58 {
            guard rest.count >= 3, rest.dropFirst().prefix(2).allSatisfy({ (48...57).contains($0) }),
                value(rest.dropFirst().prefix(2)) <= 60
            else { return false }
            rest = rest.dropFirst(3)
            if rest.first == 46 {
                let digits = rest.dropFirst().prefix { (48...57).contains($0) }
                guard (1...12).contains(digits.count) else { return false }
                rest = rest.dropFirst(1 + digits.count)
            }
        }
        if Array(rest) == [UInt8(ascii: "Z")] || Array(rest) == [UInt8(ascii: "z")] { return true }
        guard rest.count == 6, rest.first == UInt8(ascii: "+") || rest.first == UInt8(ascii: "-") else { return false }
        let zone = Array(rest.dropFirst())
        return matches(zone, "dd:dd") && value(zone[0..<2]) <= 14 && value(zone[3..<5]) <= 59
    }

    private static func value(_ digits: ArraySlice<UInt8>) -> Int { digits.reduce(0) { $0 * 10 + Int($1) - 48 } }

    private static func matches(_ bytes: [UInt8], _ shape: StaticString) -> Bool {
        guard bytes.count == shape.utf8CodeUnitCount else { return false }
        return shape.withUTF8Buffer { form in
            zip(bytes, form).allSatisfy { $1 == UInt8(ascii: "d") ? (48...57).contains($0) : $0 == $1 }
        }
    }
}
