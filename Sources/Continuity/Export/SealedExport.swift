internal import Cryptography
internal import Evidence
public import Foundation
internal import Vault

/// What an export is: signed, in clear, without a row of the bank.
struct ExportList: Codable, Sendable {
    static let formatName = "digitalbank.export/1"

    var format = Self.formatName
    let id: String
    let madeAt: String
    let database: String
    let serverVersion: String
    /// Where the log stood in the snapshot's transaction.
    let position: String
    let key: ExportKey
    var files: [SealedFile]

    static let name = "export.json"

    /// Throws unless the signature holds and it is our key's: its `fingerprint` is asked for once the list is there.
    static func read(_ directory: String, fingerprint: @autoclosure () throws -> String?) throws -> ExportList {
        let path = directory + "/" + name
        guard let data = FileManager.default.contents(atPath: path) else {
            throw ContinuityError.file("read", path, "it is not there")
        }
        let fingerprint = try fingerprint()
        guard let verdict = try? OfflineVerifier.verify(path: path, fingerprint: fingerprint), verdict.isValid else {
            throw ContinuityError.exportUnsound("\(path) is not what was signed")
        }
        guard let list = try? JSONDecoder().decode(ExportList.self, from: data), list.format == formatName,
            list.files.allSatisfy({ !$0.name.contains("/") && !$0.name.hasPrefix(".") })
        else { throw ContinuityError.exportUnsound("\(path) is of another format") }
        return list
    }

    func file(_ name: String) -> SealedFile? { files.first { $0.name == name } }
}

/// The export's data key under the vault's.
struct ExportKey: Codable, Sendable {
    let clientID: UUID
    let version: Int
    let kekID: String
    let wrapped: String

    static func make(_ keyring: Keyring) async throws -> (ExportKey, DataKey) {
        let key = try DataKey(newFor: UUID())
        guard let wrapped = try await keyring.current.wrap([key]).first else {
            throw ContinuityError.keyLost("the vault wrapped nothing")
        }
        let kept = ExportKey(
            clientID: wrapped.clientID, version: wrapped.version, kekID: wrapped.kekID, wrapped: wrapped.bytes.hex)
        return (kept, key)
    }

    func open(_ keyring: Keyring) async throws -> DataKey {
        guard let bytes = [UInt8](hex: wrapped) else { throw ContinuityError.keyLost("the export's key is unreadable") }
        do {
            let keys = try await keyring.unwrap([
                WrappedKey(clientID: clientID, version: version, kekID: kekID, bytes: bytes)
            ])
            guard let key = keys.first else { throw ContinuityError.keyLost("the vault gave no key") }
            return key
        } catch let error as VaultError {
            throw ContinuityError.keyLost(error.message)
        }
    }
}

/// Sealed logical exports: a second technology beside pgBackRest, without a bit of it.
public struct ExportDesk: Sendable {
    let folder: ContinuityFolder
    let now: @Sendable () -> Date

    public init(dataDirectory: String, now: @escaping @Sendable () -> Date = { Date() }) {
        folder = ContinuityFolder(dataDirectory: dataDirectory)
        self.now = now
    }

    init(folder: ContinuityFolder, now: @escaping @Sendable () -> Date) {
        self.folder = folder
        self.now = now
    }

    /// What a look at an export found.
    public struct Examination: Sendable {
        public var files = 0
        public var rows = 0
        public var findings: [String] = []
        public var isSound: Bool { findings.isEmpty }
    }

    func fingerprint() throws -> String { try SigningKey.open(path: folder.evidenceKey).publicKey.fingerprint }

    func opened(_ directory: String) async throws -> (ExportList, DataKey) {
        let list = try ExportList.read(directory, fingerprint: try fingerprint())
        return (list, try await list.key.open(try await KeyFolder(folder.keys).keyring()))
    }

    /// Off line: the signature, and every file's digest. `deep` opens every piece too, and finds each table's root again.
    ///
    /// - Parameter fingerprint: of the key that must have signed, where the bank's keys are not at hand.
    public func verify(_ directory: String, deep: Bool, fingerprint asked: String? = nil) async throws -> Examination {
        let list = try ExportList.read(directory, fingerprint: try asked ?? fingerprint())
        var found = Examination()
        for file in list.files {
            found.files += 1
            found.rows += file.rows
            let digest = try? FileTree.digest(directory + "/" + file.name)
            if digest == nil { found.findings.append("\(file.name) is gone" + Self.subject(file)) }
            if let digest, digest.sha256 != file.sha256 {
                found.findings.append("\(file.name) is not what was signed" + Self.subject(file))
            }
        }
        guard deep else { return found }
        let (_, key) = try await opened(directory)
        for file in list.files { try Self.read(file, of: list, key, directory, &found) }
        return found
    }

    private static func subject(_ file: SealedFile) -> String { file.table.map { ": the table \($0)" } ?? "" }

    /// Names the rows that are lost with each piece; the Merkle root of what is whole must be the signed one.
    private static func read(
        _ file: SealedFile, of list: ExportList, _ key: DataKey, _ directory: String, _ found: inout Examination
    ) throws {
        let reader = try SealedReader(file, of: list.id, key: key, in: directory)
        var maker = BlockMaker()
        var row = 0
        var isWhole = true
        for (index, piece) in file.pieces.enumerated() {
            defer { row += piece.rows }
            guard let text = reader.piece(index) else {
                isWhole = false
                found.findings.append(lost(file, piece, from: row))
                continue
            }
            guard file.table != nil else { continue }
            RowText.rows(of: text) { _ = maker.take($0) }
        }
        _ = maker.close()
        if isWhole, let root = file.root, maker.root != root {
            found.findings.append("the rows of \(file.table ?? file.name) are not those that were signed")
        }
    }

    static func lost(_ file: SealedFile, _ piece: SealedFile.Piece, from row: Int) -> String {
        guard let table = file.table else { return "\(file.name) is damaged" }
        return "rows \(row + 1) to \(row + piece.rows) of \(table) are lost"
    }
}

/// Rows of COPY's text form: a newline ends one, and never stands in one.
enum RowText {
    static func rows(of text: [UInt8], _ body: (UnsafeRawBufferPointer) -> Void) {
        text.withUnsafeBytes { bytes in
            var start = 0
            while start < bytes.count, let end = bytes[start...].firstIndex(of: 10) {
                body(UnsafeRawBufferPointer(rebasing: bytes[start...end]))
                start = end + 1
            }
        }
    }
}
