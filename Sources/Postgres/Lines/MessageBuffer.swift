/// Messages to the server, as the protocol's version 3 has them, one behind the other.
struct MessageBuffer {
    private(set) var bytes: [UInt8] = []
    private var start = 0

    /// What was written, which is then gone from here.
    mutating func take() -> [UInt8] {
        let taken = bytes
        bytes = []
        bytes.reserveCapacity(2048)
        return taken
    }

    /// Prepares `sql` under `name`, which a zero ends.
    mutating func parse(_ name: [UInt8], _ sql: String, _ types: [UInt32]) {
        begin("P")
        bytes += name
        bytes += sql.utf8
        bytes.append(0)
        add(Int16(truncatingIfNeeded: types.count))
        for type in types { add(type) }
        end()
    }

    /// Runs a prepared statement, rows as text, without a description of them.
    mutating func execute(_ name: [UInt8], _ values: [BoundValue]) {
        begin("B")
        bytes.append(0)
        bytes += name
        let hasBinary = values.contains { $0.isBinary }
        add(Int16(truncatingIfNeeded: hasBinary ? values.count : 0))
        if hasBinary { for value in values { add(Int16(value.isBinary ? 1 : 0)) } }
        add(Int16(truncatingIfNeeded: values.count))
        for value in values { add(value) }
        add(Int16(0))
        end()
        begin("E")
        bytes.append(0)
        add(UInt32(0))
        end()
    }

    /// Lets the server forget a prepared statement.
    mutating func forget(_ name: [UInt8]) {
        begin("C")
        bytes.append(UInt8(ascii: "S"))
        bytes += name
        end()
    }

    mutating func sync() {
        begin("S")
        end()
    }

    private mutating func add(_ value: BoundValue) {
        switch value.storage {
        case .null: add(UInt32.max)
        case .text(let text):
            add(UInt32(truncatingIfNeeded: text.utf8.count))
            bytes += text.utf8
        case .bytes(let list):
            add(UInt32(truncatingIfNeeded: list.count))
            bytes += list
        case .int64(let number):
            add(UInt32(8))
            add(number)
        case .int32(let number):
            add(UInt32(4))
            add(number)
        }
    }

    private mutating func begin(_ type: Unicode.Scalar) {
        start = bytes.count + 1
        bytes.append(UInt8(truncatingIfNeeded: type.value))
        add(UInt32(0))
    }

    private mutating func end() {
        let length = UInt32(truncatingIfNeeded: bytes.count - start)
        for place in 0..<4 { bytes[start + place] = UInt8(truncatingIfNeeded: length >> UInt32(24 - 8 * place)) }
    }

    private mutating func add(_ number: some FixedWidthInteger) {
        withUnsafeBytes(of: number.bigEndian) { bytes.append(contentsOf: $0) }
    }
}
