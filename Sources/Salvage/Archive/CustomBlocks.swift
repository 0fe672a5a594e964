/// Finds the data blocks of a custom-format archive and reads their chunks.
///
/// A block is its type (1 data, 3 large objects), the dump id, then chunks of a length and so many bytes, ended by a
/// length of 0. No length is trusted: a chunk that can not be is a break, reported with its place.
struct CustomBlocks {
    struct BlockStart {
        let dumpID: Int
        let isLargeObjects: Bool
        /// Where the block and its first chunk begin.
        let offset: Int
        let dataOffset: Int
    }

    enum BlockEnd {
        /// Ended by its length of 0; the next block begins there.
        case complete(next: Int)
        case broken(at: Int, reason: String)
    }

    private(set) var cursor: ArchiveCursor
    /// Ids that have data, when the table of contents is known.
    let knownIDs: Set<Int>?

    static let chunkBytesMax = 1 << 30

    init(window: FileWindow, header: ArchiveHeader, knownIDs: Set<Int>?) {
        cursor = ArchiveCursor(window: window, offset: 0)
        cursor.intSize = header.intSize
        cursor.offsetSize = header.offsetSize
        self.knownIDs = knownIDs
    }

    /// The block that begins at `offset`; nil when none does.
    mutating func block(at offset: Int) -> BlockStart? {
        cursor.offset = offset
        guard let type = try? cursor.byte(), type == 1 || type == 3, let id = try? cursor.int(), id > 0 else {
            return nil
        }
        guard knownIDs?.contains(id) ?? (id <= TableOfContents.entriesMax) else { return nil }
        return BlockStart(dumpID: id, isLargeObjects: type == 3, offset: offset, dataOffset: cursor.offset)
    }

    /// Hands out the chunks of a block, in pieces, with each piece's place in the file.
    mutating func chunks(
        from offset: Int, _ receive: (UnsafeBufferPointer<UInt8>, Int) throws -> Void
    ) throws -> BlockEnd {
        cursor.offset = offset
        while true {
            let start = cursor.offset
            guard let length = try? cursor.int() else {
                return .broken(at: start, reason: "the file ends in a chunk's length")
            }
            if length == 0 { return .complete(next: cursor.offset) }
            guard length > 0, length <= Self.chunkBytesMax else {
                return .broken(at: start, reason: "a chunk of length \(length)")
            }
            var left = length
            while left > 0 {
                let at = cursor.offset
                let taken = try cursor.window.withBytes(at: at, atMost: left) { bytes in
                    try receive(bytes, at)
                    return bytes.count
                }
                guard let taken else { return .broken(at: at, reason: "the file ends in a chunk") }
                left -= taken
                cursor.offset += taken
            }
        }
    }

    /// The next block at or after `offset` whose first bytes are what a table's data begins with.
    mutating func nextBlock(after offset: Int, codec: Codec?) throws -> BlockStart? {
        var position = offset
        while position < cursor.window.size {
            let skip = try cursor.window.withBytes(at: position, atMost: 1 << 20) { bytes in
                bytes.firstIndex { $0 == 1 } ?? bytes.count
            }
            guard let skip else { return nil }
            position += skip
            if let block = block(at: position), try looksLikeData(block, codec: codec) { return block }
            position += 1
        }
        return nil
    }

    private mutating func looksLikeData(_ block: BlockStart, codec: Codec?) throws -> Bool {
        cursor.offset = block.dataOffset
        guard let length = try? cursor.int(), length > 0, length <= Self.chunkBytesMax else { return false }
        let dataStart = cursor.offset
        guard let head = try cursor.window.bytes(at: dataStart, count: min(length, 4)), !head.isEmpty else {
            return false
        }
        let found = Codec.detect(head)
        if found != .none { return codec == nil || codec == Codec.none || codec == found }
        guard codec == nil || codec == Codec.none, length <= 1 << 20 else { return false }
        return try looksLikeRow(at: dataStart, length: length)
    }

    /// Uncompressed: one chunk per row, so it ends in a newline and another chunk follows.
    private mutating func looksLikeRow(at offset: Int, length: Int) throws -> Bool {
        guard let row = try cursor.window.bytes(at: offset, count: length), row.last == 10 else { return false }
        guard !row.contains(where: { $0 < 9 || ($0 > 10 && $0 < 32) }) else { return false }
        cursor.offset = offset + length
        guard let next = try? cursor.int() else { return true }
        return next >= 0 && next <= Self.chunkBytesMax
    }
}
