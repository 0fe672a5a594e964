/// Reads the messages of `pgoutput`, protocol version 1 (PostgreSQL manual, "Logical Replication Message Formats").
struct ReplicationDecoder {
    private var rest: UnsafeRawBufferPointer.SubSequence

    /// Nil for messages that carry nothing for us: types, origins.
    static func decode(_ bytes: UnsafeRawBufferPointer.SubSequence) throws(PostgresError) -> ReplicationMessage? {
        var decoder = ReplicationDecoder(rest: bytes)
        return try decoder.message()
    }

    private mutating func message() throws(PostgresError) -> ReplicationMessage? {
        switch try byte() {
        case UInt8(ascii: "B"):
            return .begin(
                .init(
                    commitPosition: LogPosition(try integer()), commitMicroseconds: try integer(),
                    transactionID: try integer()))
        case UInt8(ascii: "C"):
            _ = try byte()
            return .commit(
                .init(
                    commitPosition: LogPosition(try integer()), endPosition: LogPosition(try integer()),
                    commitMicroseconds: try integer()))
        case UInt8(ascii: "R"): return .relation(try relation())
        case UInt8(ascii: "I"):
            let id: UInt32 = try integer()
            guard try byte() == UInt8(ascii: "N") else { throw Self.broken("an insert without its row") }
            return .insert(relation: id, new: try row())
        case UInt8(ascii: "U"): return try update()
        case UInt8(ascii: "D"):
            let id: UInt32 = try integer()
            return .delete(relation: id, old: try oldRow(try byte()))
        case UInt8(ascii: "T"):
            let count: UInt32 = try integer()
            _ = try byte()
            guard Int(count) <= rest.count / 4 else { throw Self.broken("a truncate cut short") }
            var relations: [UInt32] = []
            for _ in 0..<count { relations.append(try integer()) }
            return .truncate(relations: relations)
        case UInt8(ascii: "O"), UInt8(ascii: "Y"), UInt8(ascii: "M"): return nil
        default: throw Self.broken("a message of an unknown kind")
        }
    }

    private mutating func update() throws(PostgresError) -> ReplicationMessage {
        let id: UInt32 = try integer()
        var mark = try byte()
        var old: ReplicationMessage.OldRow?
        if mark != UInt8(ascii: "N") {
            old = try oldRow(mark)
            mark = try byte()
        }
        guard mark == UInt8(ascii: "N") else { throw Self.broken("an update without its row") }
        return .update(relation: id, old: old, new: try row())
    }

    private mutating func oldRow(_ mark: UInt8) throws(PostgresError) -> ReplicationMessage.OldRow {
        switch mark {
        case UInt8(ascii: "K"): return .key(try row())
        case UInt8(ascii: "O"): return .full(try row())
        default: throw Self.broken("an old row of an unknown kind")
        }
    }

    private mutating func relation() throws(PostgresError) -> ReplicatedRelation {
        let id: UInt32 = try integer()
        let schema = try text()
        let name = try text()
        guard let identity = ReplicatedRelation.Identity(rawValue: try byte()) else {
            throw Self.broken("a replica identity of an unknown kind")
        }
        let count: UInt16 = try integer()
        var columns: [ReplicatedRelation.Column] = []
        for _ in 0..<count {
            let isKey = try byte() & 1 != 0
            columns.append(
                .init(name: try text(), typeID: try integer(), typeModifier: try integer(), isKey: isKey))
        }
        // The server writes an empty namespace for pg_catalog.
        return ReplicatedRelation(
            id: id, schema: schema.isEmpty ? "pg_catalog" : schema, name: name, identity: identity, columns: columns)
    }

    private mutating func row() throws(PostgresError) -> ReplicatedRow {
        let count: UInt16 = try integer()
        var values: [ReplicatedRow.Value] = []
        values.reserveCapacity(min(Int(count), rest.count))
        for _ in 0..<count {
            switch try byte() {
            case UInt8(ascii: "n"): values.append(.null)
            case UInt8(ascii: "u"): values.append(.unchanged)
            case UInt8(ascii: "t"):
                let size: UInt32 = try integer()
                values.append(.text(String(decoding: try take(Int(size)), as: UTF8.self)))
            default: throw Self.broken("a value of an unknown kind")
            }
        }
        return ReplicatedRow(values: values)
    }

    // MARK: Bytes

    private static func broken(_ what: String) -> PostgresError {
        PostgresError(kind: .decoding, message: "the replication stream holds \(what)")
    }

    private mutating func take(_ count: Int) throws(PostgresError) -> UnsafeRawBufferPointer.SubSequence {
        guard count >= 0, count <= rest.count else { throw Self.broken("a message cut short") }
        let taken = rest.prefix(count)
        rest = rest.dropFirst(count)
        return taken
    }

    mutating func byte() throws(PostgresError) -> UInt8 {
        guard let byte = rest.popFirst() else { throw Self.broken("a message cut short") }
        return byte
    }

    private mutating func integer<Value: FixedWidthInteger>() throws(PostgresError) -> Value {
        var value: Value = 0
        for byte in try take(Value.bitWidth / 8) { value = value << 8 | Value(truncatingIfNeeded: byte) }
        return value
    }

    private mutating func text() throws(PostgresError) -> String {
        guard let end = rest.firstIndex(of: 0) else { throw Self.broken("a name without its end") }
        let text = String(decoding: rest[..<end], as: UTF8.self)
        rest = rest[rest.index(after: end)...]
        return text
    }
}
