internal import Glibc

/// Lays out a statement's values as the C arrays that libpq reads. One per connection, reused for each statement, so
/// that sending costs no allocation.
final class ParameterBuffer {
    private static let bytesKeptMax = 1 << 20
    static let countMax = 65_535

    private(set) var values: UnsafeMutablePointer<UnsafePointer<CChar>?>
    private(set) var lengths: UnsafeMutablePointer<Int32>
    private(set) var formats: UnsafeMutablePointer<Int32>
    private(set) var types: UnsafeMutablePointer<UInt32>
    private(set) var count: Int32 = 0
    private var capacity = 16
    private var arena: UnsafeMutablePointer<UInt8>
    private var arenaCapacity = 4096

    init() {
        values = .allocate(capacity: capacity)
        lengths = .allocate(capacity: capacity)
        formats = .allocate(capacity: capacity)
        types = .allocate(capacity: capacity)
        arena = .allocate(capacity: arenaCapacity)
    }

    deinit {
        values.deallocate()
        lengths.deallocate()
        formats.deallocate()
        types.deallocate()
        arena.deallocate()
    }

    /// Refuses what the protocol cannot carry. Called before anything of a request is sent.
    static func check(_ list: [BoundValue]) throws(PostgresError) {
        guard list.count <= countMax else {
            throw PostgresError(kind: .encoding, message: "\(list.count) values are bound, \(countMax) are possible")
        }
        for (index, value) in list.enumerated() where !value.isBinary {
            guard value.hasZeroByte else { continue }
            throw PostgresError(
                kind: .encoding, message: "value $\(index + 1) holds a zero byte, which PostgreSQL text cannot hold")
        }
    }

    func load(_ list: [BoundValue]) {
        count = Int32(truncatingIfNeeded: list.count)
        if list.count > capacity { growLists(to: list.count) }
        var needed = 0
        for value in list { needed += value.byteCount + 1 }
        if needed > arenaCapacity || (arenaCapacity > Self.bytesKeptMax && needed <= Self.bytesKeptMax) {
            arena.deallocate()
            arenaCapacity = max(4096, needed)
            arena = .allocate(capacity: arenaCapacity)
        }
        var offset = 0
        for index in 0..<list.count {
            types[index] = list[index].type
            formats[index] = list[index].isBinary ? 1 : 0
            let start = arena + offset
            let length = list[index].write(to: start)
            lengths[index] = Int32(truncatingIfNeeded: max(length, 0))
            values[index] = length < 0 ? nil : UnsafeRawPointer(start).assumingMemoryBound(to: CChar.self)
            offset += max(length, 0) + 1
        }
    }

    private func growLists(to count: Int) {
        values.deallocate()
        lengths.deallocate()
        formats.deallocate()
        types.deallocate()
        capacity = count
        values = .allocate(capacity: capacity)
        lengths = .allocate(capacity: capacity)
        formats = .allocate(capacity: capacity)
        types = .allocate(capacity: capacity)
    }
}

extension BoundValue {
    fileprivate var hasZeroByte: Bool {
        switch storage {
        case .null, .int64, .int32: false
        case .text(let text):
            text.utf8.withContiguousStorageIfAvailable { utf8 in
                utf8.baseAddress.map { memchr($0, 0, utf8.count) != nil } ?? false
            } ?? text.utf8.contains(0)
        case .bytes(let bytes): bytes.contains(0)
        }
    }

    /// Writes the value and a zero byte; returns the length without the zero, or -1 for NULL.
    fileprivate func write(to start: UnsafeMutablePointer<UInt8>) -> Int {
        let length: Int
        switch storage {
        case .null: return -1
        case .text(let text): length = Self.copy(text.utf8, to: start)
        case .bytes(let bytes): length = Self.copy(bytes, to: start)
        case .int64(let value): length = Self.store(value.bigEndian, to: start)
        case .int32(let value): length = Self.store(value.bigEndian, to: start)
        }
        start[length] = 0
        return length
    }

    private static func copy(_ bytes: some Collection<UInt8>, to start: UnsafeMutablePointer<UInt8>) -> Int {
        let copied: Int? = bytes.withContiguousStorageIfAvailable { source in
            if let base = source.baseAddress { start.update(from: base, count: source.count) }
            return source.count
        }
        if let copied { return copied }
        var length = 0
        for byte in bytes {
            start[length] = byte
            length += 1
        }
        return length
    }

    private static func store(_ value: some FixedWidthInteger, to start: UnsafeMutablePointer<UInt8>) -> Int {
        withUnsafeBytes(of: value) { source in
            UnsafeMutableRawBufferPointer(start: start, count: source.count).copyMemory(from: source)
            return source.count
        }
    }
}
