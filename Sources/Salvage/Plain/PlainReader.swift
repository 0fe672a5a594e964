internal import Foundation

/// Reads a plain SQL dump, compressed or not: definitions become objects, COPY data become rows. Nothing is run.
struct PlainReader {
    let file: DumpFile
    let codec: Codec
    let catalog: StreamCatalog
    private(set) var inspection = Inspection(format: .plain)
    private let copies: Set<Int>
    /// Whether checksums cover the whole text and hold.
    private let isProven: Bool

    init(file: DumpFile, codec: Codec, shapes: [TableShape]) throws {
        self.file = file
        self.codec = codec
        let outline = PlainOutline(shapes: shapes)
        let decoder = try codec.decoder()
        let end = try PlainReader.decode(file, decoder, progress: { _ in }) { try outline.take($0) }
        isProven = decoder.hasChecksum && end == nil
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
                    explanation: .init(
                        fr: "la ligne de fin de pg_dump manque : le fichier a pu être coupé",
                        en: "the closing line of pg_dump is missing: the dump may have been cut")))
        }
        catalog = outline.catalog
        copies = outline.copies
    }

    func read(progress: (Int) -> Void, emit: @escaping (ReadEvent) throws -> Void) throws -> ReadReport {
        if codec == .none { return try readUnchecked(.file(file), progress, emit) }
        if inspection.damage.contains(where: { $0.kind == .compressedData || $0.kind == .truncated }) {
            if let report = try readFrames(emit) { return report }
            if codec == .gzip,
                let rescue = DeflateRescue(
                    try file.read(at: 0, count: file.size), judge: LineJudge(script: catalog))
            {
                return try readRescued(rescue, emit)
            }
            var text: [UInt8] = []
            _ = try Self.decode(file, try codec.decoder(), progress: progress) { text.append(contentsOf: $0) }
            return try readUnchecked(.memory(text), { _ in }, emit)
        }
        let rows = PlainRows(
            catalog: catalog, isProven: isProven, copies: copies,
            source: (file.path as NSString).lastPathComponent, emit: emit)
        let end = try Self.decode(file, try codec.decoder(), progress: progress) { try rows.take($0) }
        try rows.finish()
        var report = ReadReport()
        report.tables = rows.summaries
        report.damage = inspection.damage + rows.damage
        if let end, !report.damage.contains(end) { report.damage.append(end) }
        return report
    }

    /// The text of a script: on disk, or decoded.
    enum Script {
        case file(DumpFile)
        case memory([UInt8])

        func feed(
            _ range: Range<Int>?, _ receive: (UnsafeBufferPointer<UInt8>, Int) throws -> Void
        ) throws {
            switch self {
            case .memory(let text):
                try text.withUnsafeBufferPointer { all in
                    let part = (range ?? 0..<all.count).clamped(to: 0..<all.count)
                    for start in stride(from: part.lowerBound, to: part.upperBound, by: 1 << 18) {
                        let end = min(start + 1 << 18, part.upperBound)
                        try receive(UnsafeBufferPointer(rebasing: all[start..<end]), start)
                    }
                }
            case .file(let file):
                var window = FileWindow(file)
                var offset = range?.lowerBound ?? 0
                let end = range?.upperBound ?? file.size
                while offset < end,
                    let count = try window.withBytes(
                        at: offset, atMost: min(1 << 18, end - offset),
                        { bytes in
                            try receive(bytes, offset)
                            return bytes.count
                        })
                {
                    offset += count
                }
            }
        }
    }

    private func readRescued(
        _ rescue: DeflateRescue, _ emit: @escaping (ReadEvent) throws -> Void
    ) throws -> ReadReport {
        var heldBack: [String: Int] = [:]
        var report = try readUnchecked(.memory(rescue.text), { _ in }) { event in
            guard case .rows(let batch) = event else { return try emit(event) }
            let sure = batch.rowStarts.count { batch.textOffset + $0 < rescue.doubtfulFrom }
            if sure > 0 { try emit(.rows(batch.part(0..<sure))) }
            guard sure < batch.rowCount else { return }
            var rest = batch.part(sure..<batch.rowCount)
            if case .intact = rest.confidence {
                rest.confidence = .inferred(score: 0.5)
                heldBack[rest.table, default: 0] += rest.rowCount
            }
            try emit(.rows(rest))
        }
        for index in report.tables.indices {
            let count = heldBack[report.tables[index].table] ?? 0
            report.tables[index].intact -= count
            report.tables[index].inferred += count
        }
        report.damage = rescue.damage + report.damage
        return report
    }

    /// A damaged script of zstd or LZ4 frames, or of several gzip members: whatever can be decoded, and of what is in doubt no row but as inferred.
    private func readFrames(_ emit: @escaping (ReadEvent) throws -> Void) throws -> ReadReport? {
        let input = try file.read(at: 0, count: file.size)
        guard var text = FrameSalvage.text(of: input, codec) else { return nil }
        text.settle()
        let graded = text
        var heldBack: [String: Int] = [:]
        var report = try readUnchecked(.memory(graded.bytes), { _ in }) { event in
            guard case .rows(let batch) = event, case .intact = batch.confidence else { return try emit(event) }
            for part in graded.graded(batch) {
                if part.confidence != .intact { heldBack[part.table, default: 0] += part.rowCount }
                try emit(.rows(part))
            }
        }
        for index in report.tables.indices {
            let count = heldBack[report.tables[index].table] ?? 0
            report.tables[index].intact -= count
            report.tables[index].inferred += count
        }
        report.damage =
            text.wounds.map { Damage(kind: .compressedData, range: $0.range, explanation: $0.reason) } + report.damage
        return report
    }

    private func readUnchecked(
        _ script: Script, _ progress: (Int) -> Void, _ emit: @escaping (ReadEvent) throws -> Void
    ) throws -> ReadReport {
        let finder = PlainSections(catalog: catalog, copies: copies)
        try script.feed(nil) { bytes, offset in
            progress(offset / 2)
            try finder.take(bytes)
        }
        try finder.finish()
        let sources = finder.sections.map { section in
            UncheckedRun.Source(
                stream: section.stream, name: (file.path as NSString).lastPathComponent,
                feed: { receive in
                    try script.feed(section.range, receive)
                    return nil
                }, endsInTerminator: false)
        }
        let run = UncheckedRun(catalog: catalog, emit: emit)
        try run.read(sources, loose: finder.loose)
        progress(file.size)
        var report = ReadReport()
        report.tables = run.summaries
        report.damage = inspection.damage + finder.damage + run.damage
        for section in finder.sections where !section.isClosed {
            report.damage.append(
                Damage(
                    kind: .terminatorLost, range: section.range.upperBound..<section.range.upperBound,
                    table: section.stream.table,
                    explanation: .init(
                        fr: "la ligne de fin des données manque",
                        en: "the closing line of the data is missing")))
        }
        return report
    }

    /// Decodes the whole file; what stops the decoder is returned as damage.
    private static func decode(
        _ file: DumpFile, _ decoder: any StreamDecoder, progress: (Int) -> Void,
        _ receive: (UnsafeBufferPointer<UInt8>) throws -> Void
    ) throws -> Damage? {
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
                explanation: .init(
                    fr: "les données compressées ne se lisent pas plus loin : \(failure.reason)",
                    en: "the compressed data can not be read on: \(failure.reason)"))
        }
        guard !decoder.isFinished else { return nil }
        return Damage(
            kind: .truncated, range: offset..<offset,
            explanation: .init(
                fr: "les données compressées s’arrêtent trop tôt",
                en: "the compressed data ends too early"))
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
