internal import Glibc

/// The rows of one result as they came over the wire. Their places stay where they are, so that readers may look at them.
final class RowBuffer: @unchecked Sendable {
    // SAFETY: written by one thread until its result is given out, only read from then on.
    private var start: UnsafeMutablePointer<UInt8>
    private var capacity: Int
    private var count = 0
    /// Where each value begins and how long it is; -1 is NULL.
    private var places: [(offset: Int, length: Int)] = []
    private(set) var rowCount = 0
    private(set) var columnCount = 0
    var commandTag = ""

    init() {
        capacity = 256
        start = .allocate(capacity: capacity)
    }

    deinit { start.deallocate() }

    /// Takes the body of a DataRow message; false when it is none.
    func add(_ body: UnsafeRawBufferPointer) -> Bool {
        guard body.count >= 2 else { return false }
        let columns = Int(body.bigEndian16(at: 0))
        guard rowCount == 0 || columns == columnCount else { return false }
        let base = keep(body)
        var offset = 2
        for _ in 0..<columns {
            guard offset + 4 <= body.count else { return false }
            let length = Int(Int32(bitPattern: body.bigEndian32(at: offset)))
            offset += 4
            guard length >= -1, length <= body.count - offset else { return false }
            places.append((base + offset, length))
            offset += max(0, length)
        }
        columnCount = columns
        rowCount += 1
        return offset == body.count
    }

    private func keep(_ body: UnsafeRawBufferPointer) -> Int {
        if count + body.count > capacity {
            capacity = max(capacity * 2, count + body.count)
            let larger = UnsafeMutablePointer<UInt8>.allocate(capacity: capacity)
            larger.update(from: start, count: count)
            start.deallocate()
            start = larger
        }
        let base = count
        if let source = body.baseAddress { memcpy(start + base, source, body.count) }
        count += body.count
        return base
    }

    func bytes(row: Int, column: Int) -> UnsafeBufferPointer<UInt8>? {
        let index = row * columnCount + column
        guard row >= 0, column >= 0, column < columnCount, index < places.count, places[index].length >= 0 else {
            return nil
        }
        return UnsafeBufferPointer(start: start + places[index].offset, count: places[index].length)
    }
}

extension UnsafeRawBufferPointer {
    /// The caller has looked at `count`.
    func bigEndian16(at offset: Int) -> UInt16 {
        UInt16(bigEndian: loadUnaligned(fromByteOffset: offset, as: UInt16.self))
    }
    func bigEndian32(at offset: Int) -> UInt32 {
        UInt32(bigEndian: loadUnaligned(fromByteOffset: offset, as: UInt32.self))
    }
}
