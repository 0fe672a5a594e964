internal import CZlib
internal import Cryptography
internal import Foundation

/// What a dump held when it was made: digests by which its rows are proved later, whatever happens to the file.
///
/// Each table is cut into blocks of rows. A block's digest is the leaf of a Merkle tree (RFC 6962: SHA-256 of a zero byte
/// and the rows' COPY text; a node is SHA-256 of a one byte and its two children), and each row has a tag, the CRC-32 of
/// its text, that finds it again when rows before it are lost.
public struct DumpManifest: Codable, Sendable {
    public struct Block: Codable, Sendable {
        public let rows: Int
        public let sha256: String
        /// Base64 of four bytes a row, the lowest first.
        public let tags: String
    }

    public struct Table: Codable, Sendable {
        public let table: String
        public let columns: [String]
        public let rows: Int
        /// The Merkle root over the blocks.
        public let root: String
        public let blocks: [Block]
    }

    public let version: Int
    public let tables: [Table]

    static let blockRows = 512
    private static let fileBytesMax = 1 << 30

    /// Reads the intact dump at `dump` and writes its manifest to `path`. Throws when the dump is damaged: a manifest of
    /// damage would prove it.
    public static func write(dump: String, to path: String) throws {
        let reader = try DumpReader(path: dump)
        var makers: [TableMaker] = []
        let report = try reader.read(progress: { _ in }) { event in
            switch event {
            case .begin(let table, let columns): makers.append(TableMaker(table, columns))
            case .restart(let table):
                if let columns = makers.popLast()?.columns { makers.append(TableMaker(table, columns)) }
            case .rows(let batch): try makers[makers.count - 1].take(batch)
            case .end: try makers[makers.count - 1].closeBlock()
            }
        }
        let damage = reader.inspection.damage + report.damage
        if let first = damage.first {
            throw SalvageError(
                code: "manifest_of_damage", message: "\(dump) is damaged: \(first.explanation)",
                hint: "Make the dump again; a manifest is written of intact dumps only.")
        }
        let manifest = DumpManifest(version: 1, tables: try makers.map { try $0.table() })
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .prettyPrinted, .withoutEscapingSlashes]
        do {
            try encoder.encode(manifest).write(to: URL(filePath: path), options: .atomic)
        } catch {
            throw SalvageError(
                code: "manifest_unwritable", message: "cannot write \(path): \(error.localizedDescription)",
                hint: "Check the folder's rights and the space that is left.")
        }
    }

    /// Reads a manifest and checks that its roots follow from its blocks.
    public static func read(_ path: String) throws -> DumpManifest {
        let file = try DumpFile(path: path)
        guard file.size <= fileBytesMax else { throw broken(path, "it is larger than a manifest can be") }
        let bytes = try file.read(at: 0, count: file.size)
        let manifest: DumpManifest
        do { manifest = try JSONDecoder().decode(DumpManifest.self, from: Data(bytes)) } catch {
            throw broken(path, "it is not a manifest's JSON")
        }
        guard manifest.version == 1 else { throw broken(path, "its version is \(manifest.version)") }
        for table in manifest.tables {
            let leaves = table.blocks.compactMap { Self.bytes(hex: $0.sha256) }
            guard leaves.count == table.blocks.count, Self.hex(Self.root(leaves)) == table.root else {
                throw broken(path, "the root of \(table.table) does not follow from its blocks")
            }
            let sound = table.blocks.allSatisfy { block in
                block.rows > 0 && block.rows <= 1 << 20 && Data(base64Encoded: block.tags)?.count == block.rows * 4
            }
            guard sound, table.blocks.reduce(0, { $0 + $1.rows }) == table.rows else {
                throw broken(path, "the blocks of \(table.table) do not add up")
            }
        }
        return manifest
    }

    private static func broken(_ path: String, _ reason: String) -> SalvageError {
        SalvageError(
            code: "manifest_broken", message: "cannot use the manifest \(path): \(reason)",
            hint: "Leave --manifest out, or give the file that was written beside this dump.")
    }

    static func tag(_ row: UnsafeRawBufferPointer) -> UInt32 {
        UInt32(truncatingIfNeeded: crc32_z(0, row.bindMemory(to: UInt8.self).baseAddress, row.count))
    }

    static func leaf(_ rows: UnsafeRawBufferPointer) throws -> [UInt8] {
        var hash = try SHA256()
        hash.update([0])
        hash.update(rows)
        return hash.finalize()
    }

    /// RFC 6962, 2.1: the left subtree holds the largest power of two of leaves that is less than all.
    static func root(_ leaves: [[UInt8]]) -> [UInt8] {
        guard leaves.count > 1 else { return leaves.first ?? SHA256.hash([]) }
        var level = leaves
        while level.count > 1 {
            var above: [[UInt8]] = []
            for index in stride(from: 0, to: level.count, by: 2) {
                above.append(
                    index + 1 < level.count ? SHA256.hash([1] + level[index] + level[index + 1]) : level[index])
            }
            level = above
        }
        return level[0]
    }

    static func hex(_ bytes: [UInt8]) -> String {
        bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    }

    static func bytes(hex: String) -> [UInt8]? {
        let digits = hex.utf8.compactMap { Character(UnicodeScalar($0)).hexDigitValue }
        guard digits.count == hex.utf8.count, digits.count == 64 else { return nil }
        return stride(from: 0, to: 64, by: 2).map { UInt8(digits[$0] << 4 | digits[$0 + 1]) }
    }
}

/// Gathers one table's blocks.
private struct TableMaker {
    let name: String
    let columns: [String]
    private var rows = 0
    private var blocks: [DumpManifest.Block] = []
    private var leaves: [[UInt8]] = []
    private var text: [UInt8] = []
    private var tags = Data()

    init(_ name: String, _ columns: [String]) {
        self.name = name
        self.columns = columns
    }

    mutating func take(_ batch: RowBatch) throws {
        for row in 0..<batch.rowCount {
            let range = batch.bytes(ofRows: row..<(row + 1))
            let tag = batch.text.withUnsafeBytes { DumpManifest.tag(UnsafeRawBufferPointer(rebasing: $0[range])) }
            text.append(contentsOf: batch.text[range])
            for shift in [0, 8, 16, 24] { tags.append(UInt8(truncatingIfNeeded: tag >> UInt32(shift))) }
            rows += 1
            if tags.count == 4 * DumpManifest.blockRows { try closeBlock() }
        }
    }

    mutating func closeBlock() throws {
        guard !tags.isEmpty else { return }
        let leaf = try text.withUnsafeBytes { try DumpManifest.leaf($0) }
        leaves.append(leaf)
        blocks.append(
            DumpManifest.Block(
                rows: tags.count / 4, sha256: DumpManifest.hex(leaf), tags: tags.base64EncodedString()))
        text.removeAll(keepingCapacity: true)
        tags = Data()
    }

    func table() throws -> DumpManifest.Table {
        DumpManifest.Table(
            table: name, columns: columns, rows: rows, root: DumpManifest.hex(DumpManifest.root(leaves)), blocks: blocks
        )
    }
}

extension TableProof {
    static func decode(_ tags: String) -> [UInt8] { Data(base64Encoded: tags).map { Array($0) } ?? [] }
}
