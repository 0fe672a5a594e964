import Foundation

@testable import Salvage

/// Where each row of a dump stands, found without the reader: by looking for the rows the server gave.
struct DumpLayout: Sendable {
    struct Stream: Sendable {
        let table: String
        let file: Int
        /// The bytes that hold its data: its chunks, its member.
        let payload: [Range<Int>]
        /// Uncompressed: the bytes of each row.
        var rows: [Range<Int>] = []
        /// Compressed: bytes of payload fed, and rows of each table complete by then.
        var checkpoints: [(fed: Int, rows: [String: Int])] = []
    }

    var streams: [Stream] = []
    /// Chunk lengths and block headers, member headers, COPY lines and closing lines.
    var framing: [(file: Int, range: Range<Int>)] = []
    /// File and bytes before the data: header and table of contents, definitions.
    var contents: (file: Int, range: Range<Int>) = (0, 0..<0)
    var data: [(file: Int, range: Range<Int>)] = []

    init(_ dump: DumpFiles, _ format: SampleFormat, rows: [String: [[UInt8]]]) throws {
        switch format {
        case .plain, .tar: findRows(dump, rows)
        case .customPlain:
            findRows(dump, rows)
            for index in streams.indices {
                framing += streams[index].rows.map { (0, ($0.lowerBound - 5)..<$0.lowerBound) }
                // A row's length stands before it and is needed to tell where the row begins.
                streams[index].rows = streams[index].rows.map { ($0.lowerBound - 5)..<$0.upperBound }
            }
        case .custom: try walkCustom(dump, rows)
        case .directory: try openMembers(dump, rows)
        case .plainGzip:
            let size = dump.files[0].bytes.count
            streams = [try Self.compressed("*", 0, [0..<size], dump, rows)]
            framing = [(0, 0..<10)]
        }
        if format == .plain { findStatements(dump) }
        if format == .tar { findHeaders(dump) }
        describeRegions(dump, format)
    }

    private mutating func describeRegions(_ dump: DumpFiles, _ format: SampleFormat) {
        if format == .directory {
            let file = dump.files.firstIndex { $0.name == "toc.dat" } ?? 0
            contents = (file, 0..<dump.files[file].bytes.count)
            data = streams.map { ($0.file, 0..<dump.files[$0.file].bytes.count) }
            return
        }
        let first = streams.compactMap { $0.payload.first?.lowerBound }.min() ?? 0
        let last = streams.compactMap { $0.payload.last?.upperBound }.max() ?? 0
        let start = format == .plainGzip ? 0 : format == .tar ? first - 512 : first - 16
        contents = (0, (format == .tar ? 512 : 0)..<start)
        data = [(0, start..<last)]
    }

    private mutating func findRows(_ dump: DumpFiles, _ rows: [String: [[UInt8]]]) {
        let bytes = dump.files[0].bytes
        var cursor = 0
        for table in SampleBank.tables {
            var stream = Stream(table: table, file: 0, payload: [])
            var places: [Range<Int>] = []
            for row in rows[table] ?? [] {
                guard let found = Self.find(row, in: bytes, from: cursor) else { continue }
                places.append(found..<(found + row.count))
                cursor = found + row.count
            }
            guard let first = places.first, let last = places.last else { continue }
            stream = Stream(table: table, file: 0, payload: [first.lowerBound..<last.upperBound], rows: places)
            streams.append(stream)
        }
    }

    static func find(_ needle: [UInt8], in bytes: [UInt8], from start: Int) -> Int? {
        guard let first = needle.first, start < bytes.count else { return nil }
        return bytes.withUnsafeBytes { all in
            guard let base = all.baseAddress else { return nil }
            var at = start
            while at + needle.count <= all.count {
                guard let found = memchr(base + at, Int32(first), all.count - at - needle.count + 1) else { return nil }
                at = UnsafeRawPointer(found) - base
                if UnsafeRawBufferPointer(start: base + at, count: needle.count).elementsEqual(needle) { return at }
                at += 1
            }
            return nil
        }
    }

    private mutating func findStatements(_ dump: DumpFiles) {
        let bytes = dump.files[0].bytes
        for stream in streams {
            let mark = Array("\nCOPY \(stream.table) (".utf8)
            guard let copy = Self.find(mark, in: bytes, from: 0),
                let first = stream.rows.first, let last = stream.rows.last
            else { continue }
            framing.append((0, (copy + 1)..<first.lowerBound))
            framing.append((0, last.upperBound..<(last.upperBound + 3)))
        }
    }

    private mutating func findHeaders(_ dump: DumpFiles) {
        for stream in streams {
            let start = stream.payload[0].lowerBound
            framing.append((0, (start - 512)..<start))
        }
    }

    /// Follows the chunks of a custom archive; the archive is sound, so that its lengths can be trusted.
    private mutating func walkCustom(_ dump: DumpFiles, _ rows: [String: [[UInt8]]]) throws {
        let bytes = dump.files[0].bytes
        func int(_ at: Int) -> Int { (1...4).reduce(0) { $0 | Int(bytes[at + $1]) << (8 * ($1 - 1)) } }
        guard
            var at = (0..<(bytes.count - 16)).first(where: {
                bytes[$0] == 1 && bytes[$0 + 1] == 0 && bytes[$0 + 6] == 0 && bytes[$0 + 11] == 0x78
                    && bytes[$0 + 12] == 0x9C
            })
        else { return }
        var index = 0
        while at < bytes.count, bytes[at] == 1 {
            var payload: [Range<Int>] = []
            framing.append((0, at..<(at + 6)))
            at += 6
            while int(at) > 0 {
                framing.append((0, at..<(at + 5)))
                payload.append((at + 5)..<(at + 5 + int(at)))
                at += 5 + int(at)
            }
            at += 5
            streams.append(try Self.compressed(SampleBank.tables[index], 0, payload, dump, rows))
            index += 1
        }
    }

    private mutating func openMembers(_ dump: DumpFiles, _ rows: [String: [[UInt8]]]) throws {
        let members = dump.files.indices.filter { dump.files[$0].name.hasSuffix(".dat.gz") }
        for file in members {
            let all = 0..<dump.files[file].bytes.count
            for table in SampleBank.tables where !streams.contains(where: { $0.table == table }) {
                let stream = try Self.compressed(table, file, [all], dump, rows)
                guard stream.checkpoints.last?.rows[table] == rows[table]?.count else { continue }
                streams.append(stream)
                framing.append((file, 0..<10))
                break
            }
        }
    }

    /// Decodes the payload by zlib in small steps, counting the rows that are complete.
    private static func compressed(
        _ table: String, _ file: Int, _ payload: [Range<Int>], _ dump: DumpFiles, _ rows: [String: [[UInt8]]]
    ) throws -> Stream {
        let bytes = payload.flatMap { dump.files[file].bytes[$0] }
        let decoder = try Codec.detect(bytes).decoder()
        var text: [UInt8] = []
        var lengths: [(Int, Int)] = [(0, 0)]
        try bytes.withUnsafeBufferPointer { buffer in
            for start in stride(from: 0, to: buffer.count, by: 64) {
                let end = min(start + 64, buffer.count)
                try decoder.decode(UnsafeBufferPointer(rebasing: buffer[start..<end])) { text.append(contentsOf: $0) }
                lengths.append((end, text.count))
            }
        }
        var ends: [(String, Int)] = []
        var cursor = 0
        for name in table == "*" ? SampleBank.tables : [table] {
            for row in rows[name] ?? [] {
                guard let found = find(row, in: text, from: cursor) else { break }
                cursor = found + row.count
                ends.append((name, cursor))
            }
        }
        var stream = Stream(table: table, file: file, payload: payload)
        var counts: [String: Int] = [:]
        var next = 0
        for (fed, length) in lengths {
            while next < ends.count, ends[next].1 <= length {
                counts[ends[next].0, default: 0] += 1
                next += 1
            }
            stream.checkpoints.append((fed, counts))
        }
        return stream
    }

    /// The rows of each table whose bytes are intact: all of an untouched stream, the decoded prefix of a touched one.
    func intactRows(_ wound: Wound, _ format: SampleFormat) -> [String: [Bool]] {
        var intact: [String: [Bool]] = [:]
        for stream in streams {
            let scars = wound.scars.filter { $0.file == stream.file }
            guard format.isChecked else {
                intact[stream.table] = stream.rows.map { row in
                    !scars.contains {
                        $0.edges.lowerBound < row.upperBound + 1 && $0.edges.upperBound > row.lowerBound - 1
                    }
                }
                continue
            }
            let limit = wound.isOneBit ? Int.max : Self.bytesBefore(scars.map(\.range), stream.payload)
            for (table, count) in stream.checkpoints.last?.rows ?? [:] {
                let sound = stream.checkpoints.last { $0.fed <= limit }?.rows[table] ?? 0
                intact[table] = (0..<count).map { $0 < sound }
            }
        }
        return intact
    }

    /// How many bytes of the payload come before the first scar; all when none touches it.
    private static func bytesBefore(_ scars: [Range<Int>], _ payload: [Range<Int>]) -> Int {
        var before = 0
        for piece in payload {
            let hit = scars.filter {
                $0.isEmpty
                    ? piece.lowerBound < $0.lowerBound && $0.lowerBound < piece.upperBound : $0.overlaps(piece)
            }
            if let first = hit.map(\.lowerBound).min() { return before + max(first - piece.lowerBound, 0) }
            before += piece.count
        }
        return .max
    }
}
