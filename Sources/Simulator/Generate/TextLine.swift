/// Bytes of one or more lines: `COPY` text (PostgreSQL documentation, "COPY", text format) and log lines.
struct TextLine {
    private(set) var bytes: [UInt8] = []

    mutating func clear() { bytes.removeAll(keepingCapacity: true) }

    mutating func reserve(_ count: Int) { bytes.reserveCapacity(count) }

    // MARK: Plain pieces

    mutating func raw(_ text: String) {
        var text = text
        text.withUTF8 { bytes.append(contentsOf: $0) }
    }

    mutating func byte(_ value: UInt8) { bytes.append(value) }

    mutating func number(_ value: Int) {
        if value < 0 { bytes.append(45) }
        var digits = value.magnitude
        let start = bytes.count
        repeat {
            bytes.append(UInt8(48 + digits % 10))
            digits /= 10
        } while digits > 0
        bytes[start...].reverse()
    }

    mutating func padded(_ value: Int, _ width: Int) {
        var power = 1
        for _ in 1..<width { power *= 10 }
        while power > 1, value < power {
            bytes.append(48)
            power /= 10
        }
        number(value)
    }

    /// Minor units with two decimals: -1234 is `-12.34`.
    mutating func decimal(_ minor: Int) {
        if minor < 0 { bytes.append(45) }
        number(Int(minor.magnitude / 100))
        bytes.append(46)
        padded(Int(minor.magnitude % 100), 2)
    }

    mutating func date(_ day: Int) {
        let parts = CivilDate.parts(day)
        padded(parts.year, 4)
        bytes.append(45)
        padded(parts.month, 2)
        bytes.append(45)
        padded(parts.day, 2)
    }

    mutating func clock(_ second: Int) {
        let ofDay = second % 86_400
        padded(ofDay / 3600, 2)
        bytes.append(58)
        padded(ofDay / 60 % 60, 2)
        bytes.append(58)
        padded(ofDay % 60, 2)
    }

    mutating func timestamp(_ second: Int) {
        date(second / 86_400)
        bytes.append(32)
        clock(second)
    }

    // MARK: Fields of COPY text

    mutating func tab() { bytes.append(9) }

    mutating func endLine() { bytes.append(10) }

    mutating func null() { raw("\\N") }

    /// Text with the four bytes escaped that mean something in `COPY` text.
    mutating func text(_ value: String) {
        for byte in value.utf8 {
            switch byte {
            case 92: raw("\\\\")
            case 9: raw("\\t")
            case 10: raw("\\n")
            case 13: raw("\\r")
            default: bytes.append(byte)
            }
        }
    }
}
