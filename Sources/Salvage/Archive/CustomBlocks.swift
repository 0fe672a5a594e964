internal import Foundation

/// Finds the data blocks of a custom-format archive and reads their chunks.
///
/// A block is its type (1 data, 3 large objects), the dump id, then chunks of a length and so many bytes, ended by a
/// length of 0. No length is trusted: a chunk counts only when what follows it is again a chunk, the end of the block or
/// the next block. Behind a break the walk goes on at the next place where that holds.
struct CustomBlocks {
    struct BlockStart {
        var dumpID: Int
        let isLargeObjects: Bool
        /// Where the block and its first chunk begin.
        let offset: Int
        let dataOffset: Int
        /// One past the last byte that can belong to it.
        var limit: Int
    }

    enum BlockEnd {
        /// Ended by its length of 0, or where the next block begins.
        case complete(next: Int)
        case broken(at: Int, reason: DamageText)
    }

    /// How the chunks of this archive are made, which tells a chunk from noise.
    enum Style {
        /// Uncompressed: a chunk is a row.
        case rows
        /// Any other: nothing but the chain of lengths tells.
        case stream
    }

    private(set) var cursor: ArchiveCursor
    let style: Style
    /// Ids that have data, when the table of contents is known.
    let knownIDs: Set<Int>?

    static let chunkBytesMax = 1 << 30
    /// pg_dump cuts a zlib stream into chunks of this size (measured on 15; its buffer's size).
    static let fullChunkBytes = 4096

    init(window: FileWindow, header: ArchiveHeader, knownIDs: Set<Int>?, style: Style) {
        cursor = ArchiveCursor(window: window, offset: 0)
        cursor.intSize = header.intSize
        cursor.offsetSize = header.offsetSize
        self.knownIDs = knownIDs
        self.style = style
    }

    private var lengthBytes: Int { 1 + cursor.intSize }
    private var fileSize: Int { cursor.window.size }

    private mutating func int(at offset: Int) -> Int? {
        cursor.peek(offset)
    }

    // MARK: Blocks

    /// The block that begins at `offset`; nil when none does.
    mutating func block(at offset: Int) -> BlockStart? {
        guard let type = try? cursor.window.byte(at: offset), type == 1 || type == 3,
            let id = int(at: offset + 1), id > 0
        else { return nil }
        guard knownIDs?.contains(id) ?? (id <= TableOfContents.entriesMax) else { return nil }
        return BlockStart(
            dumpID: id, isLargeObjects: type == 3, offset: offset, dataOffset: offset + 1 + lengthBytes,
            limit: fileSize)
    }

    /// A block whose own first bytes are damaged but behind which a chunk stands.
    mutating func damagedBlock(at offset: Int, dumpID: Int) -> BlockStart? {
        let start = offset + 1 + lengthBytes
        guard isChunk(at: start, limit: fileSize, depth: 1) else { return nil }
        return BlockStart(dumpID: dumpID, isLargeObjects: false, offset: offset, dataOffset: start, limit: fileSize)
    }

    /// A block whose first chunk is one, too.
    mutating func strongBlock(at offset: Int) -> BlockStart? {
        guard let block = block(at: offset) else { return nil }
        if block.isLargeObjects { return knownIDs == nil ? nil : block }
        guard let length = int(at: block.dataOffset), length > 0, length <= Self.chunkBytesMax else { return nil }
        let start = block.dataOffset + lengthBytes
        if style == .rows { return isRow(at: start, length: length) ? block : nil }
        guard let head = try? cursor.window.bytes(at: start, count: min(length, 4)), Codec.detect(head) != .none else {
            return nil
        }
        return block
    }

    /// The next block at or after `offset` whose first bytes are what a table's data begins with.
    mutating func nextBlock(after offset: Int) throws -> BlockStart? {
        var position = offset
        while position < fileSize {
            let skip = try cursor.window.withBytes(at: position, atMost: 1 << 20) { bytes in
                bytes.firstIndex { $0 == 1 || $0 == 3 } ?? bytes.count
            }
            guard let skip else { return nil }
            position += skip
            if let block = strongBlock(at: position) { return block }
            position += 1
        }
        return nil
    }

    // MARK: Chunks

    private mutating func isRow(at offset: Int, length: Int) -> Bool {
        guard length <= 16 << 20, length > 0, let row = try? cursor.window.bytes(at: offset, count: length) else {
            return false
        }
        if row.allSatisfy({ $0 == 10 || $0 == 46 || $0 == 92 }), row.contains(46) { return true }
        return row.last == 10 && !row.dropLast().contains { $0 < 32 && $0 != 9 }
    }

    /// The length of 0 that ends a block, with the next block or the end of the file behind it.
    private mutating func isEnd(at offset: Int, limit: Int) -> Bool {
        guard int(at: offset) == 0 else { return false }
        let next = offset + lengthBytes
        return next >= limit || next >= fileSize || block(at: next) != nil || isDamagedBlock(at: next)
    }

    /// Whether a compressed stream begins where it would in a block whose own first bytes are wrong.
    private mutating func isDamagedBlock(at offset: Int) -> Bool {
        let start = offset + 1 + lengthBytes
        guard style == .stream, let length = int(at: start), length > 0, length <= Self.chunkBytesMax,
            let head = try? cursor.window.bytes(at: start + lengthBytes, count: min(length, 4))
        else { return false }
        return Codec.detect(head) != .none
    }

    /// A length, so many bytes, and what may follow them.
    private mutating func isChunk(at offset: Int, limit: Int, depth: Int) -> Bool {
        guard let length = int(at: offset), length > 0, length <= Self.chunkBytesMax else { return false }
        let next = offset + lengthBytes + length
        guard next <= limit else { return false }
        if style == .rows { return isRow(at: offset + lengthBytes, length: length) }
        if isEnd(at: next, limit: limit) { return true }
        guard let following = int(at: next), following > 0 else { return false }
        guard next + lengthBytes + following <= limit else { return false }
        return depth <= 1 || isChunk(at: next, limit: limit, depth: depth - 1)
    }

    /// Where the chain of chunks goes on at or behind `offset`: a chunk, the block's end, or a next block.
    private mutating func resume(from offset: Int, limit: Int) -> (at: Int, isNextBlock: Bool)? {
        var position = offset
        while position < limit {
            let skip = try? cursor.window.withBytes(at: position, atMost: min(1 << 20, limit - position)) { bytes in
                bytes.firstIndex { $0 <= 3 } ?? bytes.count
            }
            guard let skip else { return nil }
            position += skip
            guard position < limit else { break }
            if isChunk(at: position, limit: limit, depth: 3), isStrong(position) { return (position, false) }
            if isEnd(at: position, limit: limit) { return (position, false) }
            if strongBlock(at: position) != nil { return (position, true) }
            position += 1
        }
        return limit < fileSize ? (limit, true) : nil
    }

    /// Among noise a chain of small lengths is found by chance: a full chunk, or the last one, is asked for.
    private mutating func isStrong(_ offset: Int) -> Bool {
        if style == .rows { return true }
        guard let length = int(at: offset) else { return false }
        return length >= Self.fullChunkBytes || isEnd(at: offset + lengthBytes + length, limit: fileSize)
    }

    /// Hands out the chunks of a block, in pieces, with each piece's place in the file. `onBreak` hears of each place
    /// where the chain was broken.
    mutating func chunks(
        of block: BlockStart, onBreak: (Range<Int>) -> Void,
        _ receive: (UnsafeBufferPointer<UInt8>, Int) throws -> Void
    ) throws -> BlockEnd {
        var position = block.dataOffset
        while true {
            if isEnd(at: position, limit: block.limit) { return .complete(next: position + lengthBytes) }
            if isChunk(at: position, limit: block.limit, depth: 1), let length = int(at: position) {
                try hand(position + lengthBytes, length, receive)
                position += lengthBytes + length
                continue
            }
            if position >= fileSize {
                onBreak(fileSize..<fileSize)
                return .broken(
                    at: position,
                    reason: .init(fr: "le fichier s’arrête avant les données", en: "the file ends before the data does")
                )
            }
            guard let found = resume(from: position + 1, limit: block.limit) else {
                onBreak(position..<fileSize)
                try handDamaged(position, upTo: fileSize, receive)
                return .broken(
                    at: fileSize,
                    reason: .init(fr: "la chaîne des morceaux se rompt", en: "the chain of chunks breaks off"))
            }
            onBreak(position..<found.at)
            try handDamaged(position, upTo: found.at, receive)
            position = found.at
            if found.isNextBlock { return .complete(next: position) }
        }
    }

    /// The bytes between a break and the place where the chain goes on: a chunk whose own length may still be right,
    /// and behind it one whose length is not. Of rows: one whose length alone is damaged, or bytes between two marks.
    private mutating func handDamaged(
        _ start: Int, upTo end: Int, _ receive: (UnsafeBufferPointer<UInt8>, Int) throws -> Void
    ) throws {
        if style == .rows {
            let body = start + lengthBytes
            if body < end, isRow(at: body, length: end - body), isNearly(end - body, at: start) {
                return try hand(body, end - body, receive)
            }
            let nothing = UnsafeBufferPointer<UInt8>(start: nil, count: 0)
            try receive(nothing, start)
            try hand(start, end - start, receive)
            return try receive(nothing, end)
        }
        var position = start
        if let length = int(at: position), length == Self.fullChunkBytes, position + lengthBytes + length <= end {
            try hand(position + lengthBytes, length, receive)
            position += lengthBytes + length
        }
        if position + lengthBytes < end {
            try hand(position + lengthBytes, end - position - lengthBytes, receive)
        }
    }

    /// Whether all but one bit of the length at `offset` say `length`: more is no flipped bit, but bytes that moved.
    private mutating func isNearly(_ length: Int, at offset: Int) -> Bool {
        guard let bytes = try? cursor.window.bytes(at: offset, count: lengthBytes) else { return false }
        let wanted = (0..<lengthBytes).map { $0 == 0 ? 0 : UInt8(truncatingIfNeeded: length >> (8 * ($0 - 1))) }
        return zip(bytes, wanted).reduce(0) { $0 + ($1.0 ^ $1.1).nonzeroBitCount } <= 1
    }

    private mutating func hand(
        _ start: Int, _ count: Int, _ receive: (UnsafeBufferPointer<UInt8>, Int) throws -> Void
    ) throws {
        var at = start
        while at < start + count {
            let left = start + count - at
            let taken = try cursor.window.withBytes(at: at, atMost: left) { bytes in
                try receive(bytes, at)
                return bytes.count
            }
            guard let taken else { return }
            at += taken
        }
    }
}
