internal import CZlib
internal import Cryptography
internal import Foundation

/// Digests of a table's rows as `recover --manifest` reads them (docs/reference/dump-reader.md): blocks of 512 rows, each the
/// leaf of a Merkle tree (RFC 6962), and a tag for each row.
struct RowDigests: Codable, Sendable {
    struct Block: Codable, Sendable {
        let rows: Int
        let sha256: String
        let tags: String
    }

    struct Table: Codable, Sendable {
        let table: String
        let columns: [String]
        let rows: Int
        let root: String
        let blocks: [Block]
    }

    var version = 1
    var tables: [Table]

    /// RFC 6962, 2.1.
    static func root(_ leaves: [[UInt8]]) -> String {
        var level = leaves
        while level.count > 1 {
            level = stride(from: 0, to: level.count, by: 2).map { index in
                index + 1 < level.count ? SHA256.hash([1] + level[index] + level[index + 1]) : level[index]
            }
        }
        return (level.first ?? SHA256.hash([])).hex
    }
}

/// Gathers the blocks of one table, row by row.
struct BlockMaker {
    private(set) var blocks: [RowDigests.Block] = []
    private(set) var leaves: [[UInt8]] = []
    private(set) var rows = 0
    private var tags = Data()
    private var text: [UInt8] = []

    private static let rowsMax = 512
    private static let bytesMax = 4 << 20

    /// `row` with its newline. Returns the text of a block that is full with it.
    mutating func take(_ row: UnsafeRawBufferPointer) -> [UInt8]? {
        let tag = UInt32(truncatingIfNeeded: crc32_z(0, row.bindMemory(to: UInt8.self).baseAddress, row.count))
        for shift in [0, 8, 16, 24] { tags.append(UInt8(truncatingIfNeeded: tag >> UInt32(shift))) }
        text.append(contentsOf: row)
        rows += 1
        return tags.count == 4 * Self.rowsMax || text.count >= Self.bytesMax ? close() : nil
    }

    /// The text of the last block; nil when there is none.
    mutating func close() -> [UInt8]? {
        guard !tags.isEmpty else { return nil }
        let leaf = SHA256.hash([0] + text)
        leaves.append(leaf)
        blocks.append(RowDigests.Block(rows: tags.count / 4, sha256: leaf.hex, tags: tags.base64EncodedString()))
        tags = Data()
        defer { text.removeAll(keepingCapacity: true) }
        return text
    }

    var root: String { RowDigests.root(leaves) }
}
