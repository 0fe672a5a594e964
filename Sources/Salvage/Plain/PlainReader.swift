internal import Foundation

/// Reads a plain SQL dump, compressed or not: definitions become objects, COPY data become rows. Nothing is run.
struct PlainReader {
    let file: DumpFile
    let codec: Codec
    let catalog: StreamCatalog
    private(set) var inspection = Inspection(format: .plain)

    init(file: DumpFile, codec: Codec, shapes: [TableShape]) throws {
        self.file = file
        self.codec = codec
        let outline = PlainOutline(shapes: shapes)
        let end = try PlainReader.decode(file, codec, progress: { _ in }) { try outline.take($0) }
        try outline.finish()
        inspection.compression = codec == .none ? nil : codec.rawValue
        inspection.objects = outline.objects
        inspection.serverVersion = outline.fact("-- Dumped from database version ")
        inspection.dumpToolVersion = outline.fact("-- Dumped by pg_dump version ")
        inspection.damage = outline.damage + (end.map { [$0] } ?? [])
        if !outline.sawTrailer {
            inspection.damage.append(
                Damage(
                    kind: .truncated, range: file.size..<file.size,
                    explanation: "the closing line of pg_dump is missing: the dump may have been cut"))
        }
        catalog = outline.catalog
    }

    func read(progress: (Int) -> Void, emit: @escaping (ReadEvent) throws -> Void) throws -> ReadReport {
        let isProven = codec == .gzip && !inspection.damage.contains { $0.kind == .compressedData }
        let rows = PlainRows(
            catalog: catalog, isProven: isProven, source: (file.path as NSString).lastPathComponent, emit: emit)
        let end = try Self.decode(file, codec, progress: progress) { try rows.take($0) }
        try rows.finish()
        var report = ReadReport()
        report.tables = rows.summaries
        report.damage = inspection.damage + rows.damage
        if let end, !report.damage.contains(end) { report.damage.append(end) }
        return report
    }

    /// Decodes the whole file; what stops the decoder is returned as damage.
    private static func decode(
        _ file: DumpFile, _ codec: Codec, progress: (Int) -> Void,
        _ receive: (UnsafeBufferPointer<UInt8>) throws -> Void
    ) throws -> Damage? {
        let decoder = try codec.decoder()
        var window = FileWindow(file)
        var offset = 0
        do {
            while let count = try window.withBytes(
                at: offset, atMost: 256 << 10,
                { bytes in
                    try decoder.decode(bytes, receive)
                    return bytes.count
                })
            {
                offset += count
                progress(offset)
            }
        } catch let failure as CodecFailure {
            return Damage(
                kind: .compressedData, range: failure.inputOffset..<(failure.inputOffset + 1),
                explanation: "the compressed data can not be read on: \(failure.reason)")
        }
        guard !decoder.isFinished else { return nil }
        return Damage(kind: .truncated, range: offset..<offset, explanation: "the compressed data ends too early")
    }

    private static let marks = ["-- PostgreSQL database dump", "SET statement_timeout", "COPY public."]

    static func looksLikeScript(_ head: [UInt8]) -> Bool {
        let text = String(decoding: head.prefix(4096), as: UTF8.self)
        return marks.contains { text.contains($0) }
    }

    /// Whether COPY data or definitions of a script stand anywhere in the file.
    static func holdsCopyData(_ file: DumpFile) throws -> Bool {
        var offset = 0
        while offset < file.size {
            let bytes = try file.read(at: offset, count: 1 << 20)
            let text = String(decoding: bytes, as: UTF8.self)
            if text.contains("\nCOPY ") || text.contains(" FROM stdin;") || text.contains("\nCREATE TABLE ") {
                return true
            }
            offset += max(bytes.count - 64, 1)
            if bytes.count < 1 << 20 { break }
        }
        return false
    }
}
