internal import Foundation

/// Reads and writes lines of PostgreSQL's COPY text format (tab separated, `\N` for NULL, backslash escapes).
///
/// Format: PostgreSQL documentation, COPY, "Text Format".
struct CopyLine {
    /// The line without its newline.
    private let bytes: UnsafeBufferPointer<UInt8>
    private let index: FieldIndex
    /// The line as the source had it, when its fields were opened since; what a quarantine keeps.
    let original: [UInt8]?

    /// - Parameter index: reused from line to line by whoever reads many; the line is read before the next is made.
    init(_ bytes: UnsafeBufferPointer<UInt8>, index: FieldIndex = FieldIndex(), original: [UInt8]? = nil) {
        self.original = original
        let end = bytes.last == UInt8(ascii: "\n") ? bytes.count - 1 : bytes.count
        self.bytes = UnsafeBufferPointer(rebasing: bytes[..<max(end, 0)])
        self.index = index
        index.read(self.bytes)
    }

    var fieldCount: Int { index.starts.count - 1 }

    /// The field as it stands, escapes and all; nil beyond the last field.
    func raw(_ field: Int) -> UnsafeBufferPointer<UInt8>? {
        guard field >= 0, field < fieldCount else { return nil }
        return UnsafeBufferPointer(rebasing: bytes[index.starts[field]..<(index.starts[field + 1] - 1)])
    }

    func isNull(_ field: Int) -> Bool {
        guard let raw = raw(field) else { return true }
        return raw.count == 2 && raw[0] == UInt8(ascii: "\\") && raw[1] == UInt8(ascii: "N")
    }

    /// The field's value; nil for NULL.
    func value(_ field: Int) -> [UInt8]? {
        guard let raw = raw(field), !isNull(field) else { return nil }
        guard raw.contains(UInt8(ascii: "\\")) else { return Array(raw) }
        return Self.unescaped(raw)
    }

    func string(_ field: Int) -> String? { value(field).map { String(decoding: $0, as: UTF8.self) } }

    /// Nil for NULL and for what is no 64-bit integer.
    func integer(_ field: Int) -> Int64? {
        guard let raw = raw(field), !raw.isEmpty else { return nil }
        let isNegative = raw[0] == UInt8(ascii: "-")
        guard raw.count > (isNegative ? 1 : 0) else { return nil }
        var value: Int64 = 0
        for byte in raw.dropFirst(isNegative ? 1 : 0) {
            guard byte >= 48, byte <= 57 else { return nil }
            let (times, overflowed) = value.multipliedReportingOverflow(by: 10)
            let digit = Int64(byte - 48)
            let (sum, carried) =
                isNegative ? times.subtractingReportingOverflow(digit) : times.addingReportingOverflow(digit)
            guard !overflowed, !carried else { return nil }
            value = sum
        }
        return value
    }

    private static func unescaped(_ raw: UnsafeBufferPointer<UInt8>) -> [UInt8] {
        var out: [UInt8] = []
        out.reserveCapacity(raw.count)
        var index = 0
        while index < raw.count {
            guard raw[index] == UInt8(ascii: "\\"), index + 1 < raw.count else {
                out.append(raw[index])
                index += 1
                continue
            }
            switch raw[index + 1] {
            case UInt8(ascii: "b"): out.append(8)
            case UInt8(ascii: "f"): out.append(12)
            case UInt8(ascii: "n"): out.append(10)
            case UInt8(ascii: "r"): out.append(13)
            case UInt8(ascii: "t"): out.append(9)
            case UInt8(ascii: "v"): out.append(11)
            default: out.append(raw[index + 1])
            }
            index += 2
        }
        return out
    }
}

/// Where the fields of a line begin; one past the last field, where the next would.
final class FieldIndex {
    fileprivate private(set) var starts: [Int] = []

    fileprivate func read(_ line: UnsafeBufferPointer<UInt8>) {
        var found = starts
        starts = []
        found.removeAll(keepingCapacity: true)
        found.append(0)
        if let first = line.baseAddress {
            var position = 0
            while let tab = memchr(first + position, Int32(UInt8(ascii: "\t")), line.count - position) {
                position = UnsafeRawPointer(first).distance(to: tab) + 1
                found.append(position)
            }
        }
        found.append(line.count + 1)
        starts = found
    }
}

/// Collects COPY text lines.
struct CopyTextWriter {
    private(set) var bytes: [UInt8] = []
    private var isLineStart = true

    init(capacity: Int = 0) { bytes.reserveCapacity(capacity) }

    mutating func raw(_ field: UnsafeBufferPointer<UInt8>) {
        separate()
        bytes.append(contentsOf: field)
    }

    mutating func null() {
        separate()
        bytes.append(UInt8(ascii: "\\"))
        bytes.append(UInt8(ascii: "N"))
    }

    mutating func text(_ value: some Sequence<UInt8>) {
        separate()
        let isPlain =
            value.withContiguousStorageIfAvailable { bytes in
                // A backslash, and the control characters among which the other three are.
                guard bytes.allSatisfy({ $0 >= 32 && $0 != UInt8(ascii: "\\") }) else { return false }
                self.bytes.append(contentsOf: bytes)
                return true
            } ?? false
        guard !isPlain else { return }
        for byte in value {
            switch byte {
            case UInt8(ascii: "\\"): bytes += [UInt8(ascii: "\\"), UInt8(ascii: "\\")]
            case UInt8(ascii: "\n"): bytes += [UInt8(ascii: "\\"), UInt8(ascii: "n")]
            case UInt8(ascii: "\r"): bytes += [UInt8(ascii: "\\"), UInt8(ascii: "r")]
            case UInt8(ascii: "\t"): bytes += [UInt8(ascii: "\\"), UInt8(ascii: "t")]
            default: bytes.append(byte)
            }
        }
    }

    mutating func text(_ value: String?) {
        if let value { text(value.utf8) } else { null() }
    }

    mutating func integer(_ value: Int64?) {
        guard let value else { return null() }
        separate()
        guard value != 0 else { return bytes.append(48) }
        if value < 0 { bytes.append(UInt8(ascii: "-")) }
        let first = bytes.count
        var left = value.magnitude
        while left > 0 {
            bytes.append(48 + UInt8(truncatingIfNeeded: left % 10))
            left /= 10
        }
        bytes[first...].reverse()
    }

    /// A bytea in hex form: `\\x0a1b` as COPY escapes it.
    mutating func binary(_ value: [UInt8]?) {
        guard let value else { return null() }
        separate()
        bytes.append(UInt8(ascii: "\\"))
        bytes.append(UInt8(ascii: "\\"))
        bytes.append(UInt8(ascii: "x"))
        for byte in value {
            bytes.append(Self.digits[Int(byte >> 4)])
            bytes.append(Self.digits[Int(byte & 15)])
        }
    }

    mutating func endLine() {
        bytes.append(UInt8(ascii: "\n"))
        isLineStart = true
    }

    /// Takes back what was written since `bytes` had this length, a line's start.
    mutating func cut(to length: Int) {
        bytes.removeLast(max(bytes.count - length, 0))
        isLineStart = true
    }

    /// Gives away what was collected.
    mutating func take() -> [UInt8] {
        let taken = bytes
        bytes = []
        bytes.reserveCapacity(taken.count)
        return taken
    }

    private mutating func separate() {
        if isLineStart { isLineStart = false } else { bytes.append(UInt8(ascii: "\t")) }
    }

    private static let digits: [UInt8] = Array("0123456789abcdef".utf8)
}
