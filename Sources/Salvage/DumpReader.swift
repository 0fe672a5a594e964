public import Diagnostics
internal import Foundation

/// Reads a dump of pg_dump, intact or damaged: plain, custom, directory or tar, compressed or not.
///
/// It needs no database and runs nothing of what it reads. Memory stays bounded by the longest row and, for a damaged
/// stream, by that stream. Every row of every intact table comes out; of a broken one every row that can be told.
public struct DumpReader: Sendable {
    public let path: String
    public private(set) var inspection: Inspection
    private let shapes: [TableShape]
    private let catalog: StreamCatalog
    private let manifest: DumpManifest?

    /// Opens the dump and reads its definitions. `shapes` are tables that are known from elsewhere: they type the rows
    /// and name the streams of a dump whose table of contents is gone. `manifest` is the file that was written beside the
    /// dump when it was made: it proves rows that nothing else proves, and counts the lost ones.
    public init(path: String, shapes: [TableShape] = [], manifest: String? = nil) throws {
        self.path = path
        self.shapes = shapes
        self.manifest = try manifest.map { try DumpManifest.read($0) }
        switch try DumpFormat.detect(path) {
        case .custom:
            let reader = try CustomReader(file: try DumpFile(path: path), shapes: shapes)
            var inspection = Inspection(format: .custom)
            inspection.describe(reader.header, reader.contents, isKnown: reader.hasHeader)
            inspection.damage = reader.damage
            self.inspection = inspection
            catalog = reader.catalog
        case .directory:
            let reader = try DirectoryReader(path: path, shapes: shapes)
            inspection = reader.inspection
            catalog = reader.catalog
        case .tar:
            let reader = try TarReader(file: try DumpFile(path: path), shapes: shapes)
            inspection = reader.inspection
            catalog = reader.catalog
        case .plain(let codec):
            let reader = try PlainReader(file: try DumpFile(path: path), codec: codec, shapes: shapes)
            inspection = reader.inspection
            catalog = reader.catalog
        }
        inspection.damage += catalog.differences
    }

    /// Throws when nothing of a dump is found at `path`; reads as little as that takes.
    public static func check(_ path: String) throws { _ = try DumpFormat.detect(path) }

    /// What is known of a table of this dump.
    public func shape(of table: String) -> TableShape? { catalog.shape(of: table) }

    /// Reads the rows of all tables, in the dump's order. `emit` may throw to stop.
    public func read(
        progress: @escaping ProgressSink, into emit: @escaping (ReadEvent) throws -> Void
    ) throws -> ReadReport {
        let size = Int64(DumpFormat.size(of: path))
        let path = self.path
        let step: (Int) -> Void = { done in
            progress(ProgressUpdate(stage: "salvage", subject: path, done: Int64(done), total: size, unit: "bytes"))
        }
        guard let manifest else { return settled(try read(step, emit)) }
        let isChecked = inspection.format != .tar && inspection.compression != nil
        let prover = ManifestProver(manifest, isChecked: isChecked, emit: emit)
        var report = try read(step) { try prover.take($0) }
        prover.finish(&report)
        return settled(report)
    }

    /// With what the definitions contradict, and the streams that bear another's id.
    private func settled(_ read: ReadReport) -> ReadReport {
        var report = read
        report.damage += catalog.differences.filter { !report.damage.contains($0) }
        for summary in report.tables where summary.table.hasPrefix(StreamCatalog.twinPrefix) {
            report.damage.append(
                Damage(
                    kind: .framing, range: 0..<0, table: summary.table,
                    explanation: .init(
                        fr: "un second flux porte le numéro d’une table déjà lue : ses lignes sont gardées à part",
                        en: "a second stream bears the id of a table that was read before: its rows are kept apart")))
        }
        return report
    }

    private func read(_ step: (Int) -> Void, _ emit: @escaping (ReadEvent) throws -> Void) throws -> ReadReport {
        switch inspection.format {
        case .custom:
            return try CustomReader(file: try DumpFile(path: path), shapes: shapes).read(progress: step, emit: emit)
        case .directory:
            return try DirectoryReader(path: path, shapes: shapes).read(progress: step, emit: emit)
        case .tar:
            return try TarReader(file: try DumpFile(path: path), shapes: shapes).read(progress: step, emit: emit)
        case .plain:
            let file = try DumpFile(path: path)
            let codec = try Codec.detect(file.read(at: 0, count: 16))
            return try PlainReader(file: file, codec: codec, shapes: shapes).read(progress: step, emit: emit)
        }
    }
}

extension Inspection {
    mutating func describe(_ header: ArchiveHeader, _ contents: TableOfContents, isKnown: Bool) {
        objects = contents.entries.map(\.object)
        guard isKnown else { return }
        compression = header.compression == .none ? nil : header.compression.rawValue
        archiveVersion = header.version
        serverVersion = header.serverVersion
        dumpToolVersion = header.dumpToolVersion
        databaseName = header.databaseName
        createdAt = header.createdAt
    }
}

/// Which of pg_dump's formats a path holds, by its bytes and not by its name.
enum DumpFormat {
    case custom, directory, tar
    case plain(Codec)

    static func detect(_ path: String) throws -> DumpFormat {
        var isFolder: ObjCBool = false
        guard FileManager.default.fileExists(atPath: path, isDirectory: &isFolder) else {
            throw SalvageError(
                code: "dump_not_found", message: "there is no file or folder at \(path)",
                hint: "Check the path of the dump.")
        }
        if isFolder.boolValue { return .directory }
        let file = try DumpFile(path: path)
        let head = try file.read(at: 0, count: 1 << 16)
        if head.starts(with: ArchiveHeader.magic) { return .custom }
        let codec = Codec.detect(head)
        if codec == .gzip || codec == .zstd || codec == .lz4 { return .plain(codec) }
        if TarReader.looksLikeTar(head) { return .tar }
        return try guess(file, head)
    }

    /// The first bytes are of no format: damaged, or not a dump.
    private static func guess(_ file: DumpFile, _ head: [UInt8]) throws -> DumpFormat {
        if PlainReader.looksLikeScript(head) { return .plain(.none) }
        if try TarReader.holdsMembers(file) { return .tar }
        for style in [CustomBlocks.Style.stream, .rows] {
            var blocks = CustomBlocks(
                window: FileWindow(file), header: ArchiveHeader(), knownIDs: nil, style: style)
            if try blocks.nextBlock(after: 0) != nil { return .custom }
        }
        if try PlainReader.holdsCopyData(file) { return .plain(.none) }
        throw SalvageError.notADump(file.path)
    }

    static func size(of path: String) -> Int {
        if let file = try? DumpFile(path: path) { return file.size }
        let names = (try? FileManager.default.contentsOfDirectory(atPath: path)) ?? []
        return names.reduce(0) { $0 + ((try? DumpFile(path: "\(path)/\($1)", isMember: true).size) ?? 0) }
    }
}
