internal import CZstd
internal import Foundation
internal import Vault

/// One file of an export: pieces, each compressed (zstd) and sealed (AES-256-GCM) by itself, bound to export, file and place.
/// Damage stays in the piece that it hits; where the pieces begin is signed, not read from the file.
struct SealedFile: Codable, Sendable, Hashable {
    struct Piece: Codable, Sendable, Hashable {
        let bytes: Int
        let plainBytes: Int
        var rows: Int
    }

    let name: String
    /// Nil for what is no table: definitions, sequences, digests.
    var table: String?
    var columns: [String]?
    var rows = 0
    /// The Merkle root over the table's blocks of rows.
    var root: String?
    var pieces: [Piece] = []
    /// SHA-256 of the file.
    var sha256 = ""

    var bytes: Int { pieces.reduce(0) { $0 + $1.bytes } }

    static let plainBytesMax = 256 << 20

    static func place(_ export: String, _ name: String, _ index: Int) -> SealedPlace {
        SealedPlace(table: "export/" + export, column: name, row: "\(index)")
    }
}

/// Writes a sealed file.
struct SealedWriter: ~Copyable {
    private(set) var file: SealedFile
    private let export: String
    private let key: DataKey
    private let sealer: Sealer
    private let handle: FileHandle
    private let path: String

    init(_ file: SealedFile, of export: String, key: DataKey, in folder: String) throws {
        let sealer = try Sealer()
        let path = folder + "/" + file.name
        let descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0o600)
        guard descriptor >= 0 else { throw ContinuityError.file("write", path, String(cString: strerror(errno))) }
        handle = FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
        self.file = file
        self.export = export
        self.key = key
        self.path = path
        self.sealer = sealer
    }

    mutating func write(_ text: [UInt8], rows: Int) throws {
        let sealed = try sealer.seal(
            try Zstandard.compress(text), with: key, at: SealedFile.place(export, file.name, file.pieces.count))
        do { try handle.write(contentsOf: Data(sealed)) } catch {
            throw ContinuityError.file("write", path, error.localizedDescription)
        }
        file.pieces.append(SealedFile.Piece(bytes: sealed.count, plainBytes: text.count, rows: rows))
        file.rows += rows
    }

    /// What is signed of it.
    mutating func finish() throws -> SealedFile {
        do {
            try handle.synchronize()
            try handle.close()
        } catch {
            throw ContinuityError.file("write", path, error.localizedDescription)
        }
        file.sha256 = try FileTree.digest(path).sha256
        return file
    }

    mutating func note(columns: [String], root: String) {
        file.columns = columns
        file.root = root
    }
}

/// Reads a sealed file piece by piece.
struct SealedReader: ~Copyable {
    let file: SealedFile
    private let export: String
    private let key: DataKey
    private let sealer: Sealer
    private let handle: FileHandle?

    init(_ file: SealedFile, of export: String, key: DataKey, in folder: String) throws {
        let sealer = try Sealer()
        handle = FileHandle(forReadingAtPath: folder + "/" + file.name)
        self.file = file
        self.export = export
        self.key = key
        self.sealer = sealer
    }

    /// The text of a piece; nil when it is not what was sealed there.
    func piece(_ index: Int) -> [UInt8]? {
        guard file.pieces.indices.contains(index), let handle else { return nil }
        let start = file.pieces[..<index].reduce(0) { $0 + $1.bytes }
        let piece = file.pieces[index]
        guard piece.bytes > 0, piece.bytes <= SealedFile.plainBytesMax, piece.plainBytes <= SealedFile.plainBytesMax,
            (try? handle.seek(toOffset: UInt64(start))) != nil,
            let sealed = try? handle.read(upToCount: piece.bytes), sealed.count == piece.bytes,
            let packed = try? sealer.open(Array(sealed), with: key, at: SealedFile.place(export, file.name, index))
        else { return nil }
        return Zstandard.decompress(packed, to: piece.plainBytes)
    }

    /// All of it; nil when any piece is missing.
    func whole() -> [UInt8]? {
        var text: [UInt8] = []
        for index in file.pieces.indices {
            guard let piece = piece(index) else { return nil }
            text += piece
        }
        return text
    }
}

enum Zstandard {
    private static let level: Int32 = 3

    static func compress(_ text: [UInt8]) throws(ContinuityError) -> [UInt8] {
        let bound = ZSTD_compressBound(text.count)
        var count = 0
        let packed = [UInt8](unsafeUninitializedCapacity: bound) { buffer, used in
            count = ZSTD_compress(buffer.baseAddress, bound, text, text.count, level)
            used = ZSTD_isError(count) == 0 ? count : 0
        }
        guard ZSTD_isError(count) == 0 else {
            throw .export("zstd does not compress \(text.count) bytes")
        }
        return packed
    }

    static func decompress(_ packed: [UInt8], to bytes: Int) -> [UInt8]? {
        var count = 0
        let text = [UInt8](unsafeUninitializedCapacity: max(bytes, 1)) { buffer, used in
            count = ZSTD_decompress(buffer.baseAddress, bytes, packed, packed.count)
            used = ZSTD_isError(count) == 0 ? count : 0
        }
        return ZSTD_isError(count) == 0 && count == bytes ? text : nil
    }
}

extension ContinuityError {
    static func export(_ what: String) -> ContinuityError {
        ContinuityError(
            code: "export_failed", message: "the export does not come about: \(what)",
            hint: "Nothing of the bank was changed. Mend what it names, then try again.", exitStatus: .environment)
    }

    static func exportUnsound(_ what: String) -> ContinuityError {
        ContinuityError(
            code: "export_unsound", message: what,
            hint: "digitalbank export open --partial writes what is whole; digitalbank recover reads it.",
            exitStatus: .unsound)
    }
}
