public import Foundation

/// A Swift value that can be bound to a statement's parameter.
public protocol Bindable: Sendable {
    var boundValue: BoundValue { get }
    /// The type OID that a missing value is bound with; 0 lets the server infer it.
    static var boundType: UInt32 { get }
}

extension Bindable {
    public static var boundType: UInt32 { 0 }
}

/// A Swift value that can be read from a column.
public protocol ColumnDecodable: Sendable {
    /// `bytes` is the column's text form. Throws nothing: `nil` says the text is not of this type.
    init?(columnText bytes: UnsafeBufferPointer<UInt8>)
}

extension String: Bindable, ColumnDecodable {
    public var boundValue: BoundValue { BoundValue(type: 0, text: self) }
    public init?(columnText bytes: UnsafeBufferPointer<UInt8>) { self = String(decoding: bytes, as: UTF8.self) }
}

extension Bool: Bindable, ColumnDecodable {
    public static var boundType: UInt32 { 16 }
    public var boundValue: BoundValue { BoundValue(type: 16, text: self ? "t" : "f") }
    public init?(columnText bytes: UnsafeBufferPointer<UInt8>) {
        switch bytes.first {
        case UInt8(ascii: "t"): self = true
        case UInt8(ascii: "f"): self = false
        default: return nil
        }
    }
}

extension Int64: Bindable, ColumnDecodable {
    public static var boundType: UInt32 { 20 }
    public var boundValue: BoundValue { BoundValue(self) }
    public init?(columnText bytes: UnsafeBufferPointer<UInt8>) {
        guard let value = Int64(decimalDigits: bytes) else { return nil }
        self = value
    }

    /// PostgreSQL's text form of an integer: an optional sign and digits.
    init?(decimalDigits bytes: UnsafeBufferPointer<UInt8>) {
        var value: Int64 = 0
        let isNegative = bytes.first == UInt8(ascii: "-")
        guard bytes.count > (isNegative ? 1 : 0) else { return nil }
        for byte in bytes[(isNegative ? 1 : 0)...] {
            let digit = Int64(byte) - 48
            guard (0...9).contains(digit) else { return nil }
            let (tenfold, overflow) = value.multipliedReportingOverflow(by: 10)
            let (sum, carry) = tenfold.subtractingReportingOverflow(digit)
            guard !overflow, !carry else { return nil }
            value = sum
        }
        // Built below zero, where one more value fits.
        guard isNegative || value != Int64.min else { return nil }
        self = isNegative ? value : -value
    }
}

extension Int: Bindable, ColumnDecodable {
    public static var boundType: UInt32 { 20 }
    public var boundValue: BoundValue { BoundValue(Int64(self)) }
    public init?(columnText bytes: UnsafeBufferPointer<UInt8>) {
        guard let value = Int64(decimalDigits: bytes) else { return nil }
        self.init(exactly: value)
    }
}

extension Int32: Bindable, ColumnDecodable {
    public static var boundType: UInt32 { 23 }
    public var boundValue: BoundValue { BoundValue(self) }
    public init?(columnText bytes: UnsafeBufferPointer<UInt8>) {
        guard let value = Int64(decimalDigits: bytes) else { return nil }
        self.init(exactly: value)
    }
}

extension Double: Bindable, ColumnDecodable {
    public static var boundType: UInt32 { 701 }
    public var boundValue: BoundValue { BoundValue(type: 701, text: description) }
    public init?(columnText bytes: UnsafeBufferPointer<UInt8>) {
        self.init(String(decoding: bytes, as: UTF8.self))
    }
}

extension Decimal: Bindable, ColumnDecodable {
    public static var boundType: UInt32 { 1700 }
    public var boundValue: BoundValue { BoundValue(type: 1700, text: description) }
    public init?(columnText bytes: UnsafeBufferPointer<UInt8>) {
        self.init(string: String(decoding: bytes, as: UTF8.self))
    }
}

extension UUID: Bindable, ColumnDecodable {
    public static var boundType: UInt32 { 2950 }
    public var boundValue: BoundValue { BoundValue(type: 2950, text: uuidString) }
    public init?(columnText bytes: UnsafeBufferPointer<UInt8>) {
        self.init(uuidString: String(decoding: bytes, as: UTF8.self))
    }
}

/// `bytea`, bound in binary form.
extension Array: Bindable where Element == UInt8 {
    public static var boundType: UInt32 { 17 }
    public var boundValue: BoundValue { BoundValue(type: 17, bytes: self, isBinary: true) }
}

extension Array: ColumnDecodable where Element == UInt8 {
    /// Reads PostgreSQL's hex form, `\x0a1b`.
    public init?(columnText bytes: UnsafeBufferPointer<UInt8>) {
        guard bytes.count >= 2, bytes.count % 2 == 0, bytes[0] == UInt8(ascii: "\\"), bytes[1] == UInt8(ascii: "x")
        else { return nil }
        self = []
        reserveCapacity(bytes.count / 2 - 1)
        for index in stride(from: 2, to: bytes.count, by: 2) {
            guard let high = Self.nibble(bytes[index]), let low = Self.nibble(bytes[index + 1]) else { return nil }
            append(high << 4 | low)
        }
    }

    private static func nibble(_ character: UInt8) -> UInt8? {
        switch character {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): character - UInt8(ascii: "0")
        case UInt8(ascii: "a")...UInt8(ascii: "f"): character - UInt8(ascii: "a") + 10
        default: nil
        }
    }
}

/// A one-dimensional SQL array parameter; PostgreSQL infers its type from where it stands (cast it: `\(ids)::bigint[]`).
public struct SQLArray: Bindable {
    private let text: String

    public init(_ values: [Int64]) { text = "{" + values.map(String.init).joined(separator: ",") + "}" }

    public init(_ values: [String?]) {
        var bytes = [UInt8(ascii: "{")]
        for value in values {
            if bytes.count > 1 { bytes.append(UInt8(ascii: ",")) }
            guard let value else {
                bytes += "NULL".utf8
                continue
            }
            bytes.append(UInt8(ascii: "\""))
            for byte in value.utf8 {
                if byte == UInt8(ascii: "\\") || byte == UInt8(ascii: "\"") { bytes.append(UInt8(ascii: "\\")) }
                bytes.append(byte)
            }
            bytes.append(UInt8(ascii: "\""))
        }
        bytes.append(UInt8(ascii: "}"))
        text = String(decoding: bytes, as: UTF8.self)
    }

    public var boundValue: BoundValue { BoundValue(type: 0, text: text) }
}

/// Values of `bytea` as one parameter, in PostgreSQL's binary form of an array.
public struct SQLByteArrays: Bindable {
    private let bytes: [UInt8]

    public init(_ values: [[UInt8]]) {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(20 + values.reduce(0) { $0 + $1.count + 4 })
        func write(_ number: Int) {
            for shift in [24, 16, 8, 0] { bytes.append(UInt8(truncatingIfNeeded: number >> shift)) }
        }
        // Dimensions, no nulls, the elements' type, and of the one dimension its length and where it begins.
        write(values.isEmpty ? 0 : 1)
        write(0)
        write(17)
        if !values.isEmpty {
            write(values.count)
            write(1)
        }
        for value in values {
            write(value.count)
            bytes += value
        }
        self.bytes = bytes
    }

    public var boundValue: BoundValue { BoundValue(type: 1001, bytes: bytes, isBinary: true) }
}
